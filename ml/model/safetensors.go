package model

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"scalar/storage"
)

// Limits on a file of weights.
const (
	MaxHeader  = 16 << 20 // bytes
	MaxWeights = 16 << 30 // bytes of a file
	maxDims    = 16
)

// ErrWeights is wrapped by errors about bytes that are no weights, or not those that are wanted.
var ErrWeights = errors.New("damaged weights")

// A Tensor is numbers with a name and a shape, row-major; without dimensions it is one number.
type Tensor struct {
	Name  string
	Shape []int
	Data  []float32
}

type entry struct {
	Type    string   `json:"dtype"`
	Shape   []int    `json:"shape"`
	Offsets [2]int64 `json:"data_offsets"`
}

// metadataKey is the one name that no tensor has: its value is texts by name.
const metadataKey = "__metadata__"

// Encode returns the file of some tensors, and its digest, SHA-256 in hex. Equal tensors in
// the same order have equal bytes. Names are different, and not empty.
func Encode(tensors []Tensor) (file []byte, digest string, err error) {
	header, at := make(map[string]entry, len(tensors)), int64(0)
	for _, t := range tensors {
		n, ok := cells(t.Shape)
		if _, again := header[t.Name]; again || t.Name == "" || t.Name == metadataKey {
			return nil, "", fmt.Errorf("tensor %q: its name is taken or reserved", t.Name)
		}
		if !ok || n != int64(len(t.Data)) {
			return nil, "", fmt.Errorf("tensor %q has %d numbers and the shape %v", t.Name, len(t.Data), t.Shape)
		}
		header[t.Name] = entry{"F32", append([]int{}, t.Shape...), [2]int64{at, at + 4*n}}
		at += 4 * n
	}
	text, err := json.Marshal(header) // in the order of names
	if err != nil {
		return nil, "", err
	}
	for len(text)%8 != 0 {
		text = append(text, ' ')
	}
	if len(text) > MaxHeader || at > MaxWeights {
		return nil, "", fmt.Errorf("%d tensors of %d bytes are over the limit", len(tensors), at)
	}
	file = binary.LittleEndian.AppendUint64(make([]byte, 0, 8+int64(len(text))+at), uint64(len(text)))
	file = append(file, text...)
	for _, t := range tensors {
		for _, x := range t.Data {
			file = binary.LittleEndian.AppendUint32(file, math.Float32bits(x))
		}
	}
	return file, digestOf(file), nil
}

func digestOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// cells returns how many numbers a shape has; ok is false if it is none, or too large.
func cells(shape []int) (n int64, ok bool) {
	n = 1
	for _, d := range shape {
		if d < 0 || int64(d) > MaxWeights/4 || d > 0 && n > MaxWeights/4/int64(d) {
			return 0, false
		}
		n *= int64(d)
	}
	return n, len(shape) <= maxDims
}

// Decode returns the tensors of a file, in the order of their bytes. They cover all of it,
// without a gap and without sharing a byte; all are of type F32. Errors wrap ErrWeights.
func Decode(file []byte) ([]Tensor, error) {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", ErrWeights, fmt.Sprintf(format, args...))
	}
	if len(file) < 8 {
		return nil, bad("%d bytes are too few", len(file))
	}
	size := binary.LittleEndian.Uint64(file)
	if size > MaxHeader || size > uint64(len(file)-8) {
		return nil, bad("a header of %d bytes in a file of %d", size, len(file))
	}
	text, numbers := file[8:8+size], file[8+size:]
	var raw map[string]json.RawMessage
	if !bytes.HasPrefix(text, []byte("{")) {
		return nil, bad("the header is no JSON object")
	}
	if err := json.Unmarshal(text, &raw); err != nil {
		return nil, bad("the header: %v", err)
	}
	delete(raw, metadataKey)
	entries, names := make(map[string]entry, len(raw)), make([]string, 0, len(raw))
	for name, r := range raw {
		var e entry
		if err := json.Unmarshal(r, &e); err != nil {
			return nil, bad("tensor %q: %v", name, err)
		}
		if n, ok := cells(e.Shape); e.Type != "F32" || !ok || e.Offsets[0] < 0 || e.Offsets[1]-e.Offsets[0] != 4*n {
			return nil, bad("tensor %q of type %q, shape %v and bytes %v: want F32 and 4 bytes a number", name, e.Type, e.Shape, e.Offsets)
		}
		entries[name], names = e, append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		return compare(entries[a].Offsets, entries[b].Offsets, a, b)
	})
	tensors, at := make([]Tensor, 0, len(names)), int64(0)
	for _, name := range names {
		e := entries[name]
		if e.Offsets[0] != at || e.Offsets[1] > int64(len(numbers)) {
			return nil, bad("tensor %q has bytes %v: want them from %d on, of %d", name, e.Offsets, at, len(numbers))
		}
		tensors = append(tensors, Tensor{name, e.Shape, floats(numbers[at:e.Offsets[1]])})
		at = e.Offsets[1]
	}
	if at != int64(len(numbers)) {
		return nil, bad("%d bytes belong to no tensor", int64(len(numbers))-at)
	}
	return tensors, nil
}

// compare orders ranges, and empty ones at the same place by name.
func compare(a, b [2]int64, first, second string) int {
	switch {
	case a[0] != b[0] && a[0] < b[0], a[0] == b[0] && a[1] < b[1], a == b && first < second:
		return -1
	}
	return 1
}

func floats(b []byte) []float32 {
	xs := make([]float32, len(b)/4)
	for i := range xs {
		xs[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return xs
}

// Read reads the tensors of a file that has a digest. A missing file is fs.ErrNotExist;
// one with another digest is ErrWeights with both named.
func Read(ctx context.Context, url, digest string) (tensors []Tensor, err error) {
	fs, name, err := storage.Resolve(url)
	if err != nil {
		return nil, err
	}
	f, err := fs.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if f.Size() > 8+MaxHeader+MaxWeights {
		return nil, fmt.Errorf("%s: %w: %d bytes are over the limit", url, ErrWeights, f.Size())
	}
	file := make([]byte, f.Size())
	if _, err := io.ReadFull(io.NewSectionReader(f, 0, f.Size()), file); err != nil {
		return nil, fmt.Errorf("read %s: %w", url, err)
	}
	if got := digestOf(file); got != digest {
		return nil, fmt.Errorf("%s: %w: its digest is %s, and the model wants %s", url, ErrWeights, got, digest)
	}
	if tensors, err = Decode(file); err != nil {
		return nil, fmt.Errorf("%s: %w", url, err)
	}
	return tensors, nil
}
