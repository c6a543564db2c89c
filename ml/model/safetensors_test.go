package model_test

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"scalar/ml/model"
)

var weights = []model.Tensor{
	{Name: "w", Shape: []int{2, 3}, Data: []float32{1, 2.5, -3, .1, 0, 1e30}},
	{Name: "empty", Shape: []int{0}, Data: []float32{}},
	{Name: "b", Shape: []int{}, Data: []float32{7}},
}

func TestEncodeRead(t *testing.T) {
	file := filepath.Join(t.TempDir(), "weights.safetensors")
	b, digest, err := model.Encode(weights)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := model.Read(t.Context(), file, digest)
	if err != nil || len(got) != 3 {
		t.Fatal(got, err)
	}
	for _, w := range weights {
		found := false
		for _, g := range got {
			found = found || reflect.DeepEqual(g, w)
		}
		if !found {
			t.Errorf("%v is not in %v", w, got)
		}
	}
	if n := binary.LittleEndian.Uint64(b); n%8 != 0 || len(b) != 8+int(n)+4*7 {
		t.Errorf("a header of %d bytes in %d", n, len(b))
	}
	b[len(b)-1] ^= 1
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := model.Read(t.Context(), file, digest); !errors.Is(err, model.ErrWeights) || !strings.Contains(err.Error(), digest) {
		t.Error(err)
	}
	if _, err := model.Read(t.Context(), file+"x", digest); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// What the format's own library wrote: testdata/make.py.
func TestPeer(t *testing.T) {
	b, err := os.ReadFile("testdata/peer.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	got, err := model.Decode(b)
	if err != nil || len(got) != 2 {
		t.Fatal(got, err)
	}
	for _, g := range got {
		if g.Name == "w" && !reflect.DeepEqual(g, weights[0]) || g.Name == "b" && g.Data[0] != 7 {
			t.Errorf("%v", g)
		}
	}
}

func raw(header, data string) []byte {
	return append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header+data...)
}

var damaged = [][]byte{
	{},
	raw("", ""), raw("[]", ""), raw(`{"a":1}`, ""), raw("{}", "x"), binary.LittleEndian.AppendUint64(nil, 1<<63),
	raw(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, "123"),
	raw(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, "12345678"),
	raw(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}`, "1234"),
	raw(`{"a":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}}`, "1234"),
	raw(`{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,-4]}}`, ""),
	raw(`{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}`, ""),
	raw(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, "1234"),
}

func TestDamaged(t *testing.T) {
	for _, b := range damaged {
		if got, err := model.Decode(b); !errors.Is(err, model.ErrWeights) {
			t.Errorf("%q: %v, %v", b, got, err)
		}
	}
	for _, w := range [][]model.Tensor{{{Name: ""}}, {{Name: "a", Shape: []int{2}}}, {{Name: "a", Shape: []int{0}}, {Name: "a", Shape: []int{0}}}} {
		if _, _, err := model.Encode(w); err == nil {
			t.Errorf("%v is encoded", w)
		}
	}
}

// What is decoded and encoded again is decoded the same.
func FuzzDecode(f *testing.F) {
	good, _, err := model.Encode(weights)
	if err != nil {
		f.Fatal(err)
	}
	for _, b := range append(damaged, good) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		tensors, err := model.Decode(b)
		if err != nil {
			return
		}
		for _, x := range tensors {
			if x.Name == "" {
				return
			}
		}
		again, _, err := model.Encode(tensors)
		if err != nil {
			t.Fatalf("%q: %v", b, err)
		}
		if got, err := model.Decode(again); err != nil || len(got) != len(tensors) {
			t.Fatalf("%q: %v", b, err)
		}
	})
}
