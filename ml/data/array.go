package data

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"scalar/bsp/job"
	"scalar/bsp/scan"
	"scalar/storage"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// An array is a file of IDX or NPY: a header, then rows of elements of one type.
type array struct {
	url    string
	header int64 // bytes
	rows   int
	shape  []int // of a row
	cells  int   // elements of a row
	kind   element
	packed bool // compressed: it can only be read from the front
}

// An element is a type of numbers: its size in bytes, its byte order, and its kind, u, i, f
// or b as in NumPy.
type element struct {
	kind  byte
	size  int
	order binary.ByteOrder
}

// maxHeader is the longest header of NPY that is read.
const maxHeader = 64 << 10

// openBytes opens a file, decompressed by its name. size is that of the file, −1 if it is
// compressed.
func openBytes(ctx context.Context, url string) (r io.ReadCloser, size int64, err error) {
	fs, name, err := storage.Resolve(url)
	if err != nil {
		return nil, 0, scan.InputFailure(err)
	}
	f, err := fs.Open(ctx, name)
	if err != nil {
		return nil, 0, scan.InputFailure(err)
	}
	raw := bufio.NewReaderSize(io.NewSectionReader(f, 0, f.Size()), 256<<10)
	switch {
	case strings.HasSuffix(name, ".gz"):
		z, err := gzip.NewReader(raw)
		if err != nil {
			return nil, 0, errors.Join(job.Fail(job.FaultInput, "%s: %v", url, err), f.Close())
		}
		return closer{z, f}, -1, nil
	case strings.HasSuffix(name, ".zst"):
		z, err := zstd.NewReader(raw, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(128<<20))
		if err != nil {
			return nil, 0, errors.Join(job.Fail(job.FaultInput, "%s: %v", url, err), f.Close())
		}
		return closer{z.IOReadCloser(), f}, -1, nil
	}
	return seeker{raw, f}, f.Size(), nil
}

// closer reads what is decompressed. That the data are damaged is told by Read, and not
// again by Close.
type closer struct {
	io.ReadCloser
	file io.Closer
}

func (c closer) Close() error {
	_ = c.ReadCloser.Close()
	return c.file.Close()
}

// seeker reads a plain file.
type seeker struct {
	*bufio.Reader
	file storage.Reader
}

func (s seeker) Close() error { return s.file.Close() }

// openArray reads the header of a file, and compares it with the file's size.
func openArray(ctx context.Context, url string) (a *array, err error) {
	r, size, err := openBytes(ctx, url)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	a = &array{url: url, packed: size < 0}
	magic := make([]byte, 4)
	if _, err := io.ReadFull(r, magic); err != nil {
		return nil, a.truncated(err, "its header")
	}
	var dims []int
	if string(magic) == npyMagic[:4] {
		dims, err = a.npyHeader(r)
	} else {
		dims, err = a.idxHeader(magic, r)
	}
	if err != nil {
		if _, ok := errors.AsType[*job.Failure](err); ok {
			return nil, err
		}
		return nil, job.Fail(job.FaultInput, "%s: %v", url, err)
	}
	if err := a.setShape(dims); err != nil {
		return nil, job.Fail(job.FaultInput, "%s: %v", url, err)
	}
	if want := a.header + int64(a.rows)*a.rowBytes(); size >= 0 && size != want {
		return nil, job.Fail(job.FaultInput, "%s: the header tells of %d rows of %d bytes, %d bytes in all, and the file has %d", url, a.rows, a.rowBytes(), want, size)
	}
	return a, nil
}

// setShape takes the dimensions, and checks that sizes fit.
func (a *array) setShape(dims []int) error {
	if len(dims) == 0 {
		return errors.New("the array has no dimension: want rows")
	}
	a.rows, a.shape, a.cells = dims[0], dims[1:], 1
	for _, d := range a.shape {
		if d < 1 || d > MaxFeatures || a.cells > MaxFeatures/d {
			return fmt.Errorf("rows of %v elements: want 1 to %d", a.shape, MaxFeatures)
		}
		a.cells *= d
	}
	if a.rows < 0 || int64(a.rows) > (math.MaxInt64-a.header)/a.rowBytes() {
		return fmt.Errorf("%d rows of %d bytes are too many", a.rows, a.rowBytes())
	}
	return nil
}

func (a *array) rowBytes() int64 { return int64(a.cells) * int64(a.kind.size) }

func (a *array) truncated(err error, what string) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return job.Fail(job.FaultInput, "%s: the file ends inside of %s", a.url, what)
	}
	return job.Fail(job.FaultInput, "%s: %v", a.url, err)
}

// each gives the rows [from,to) to take, some at a time, in buffers that grow with what
// there is, never with what the header claims. last says that the file has to end there.
func (a *array) each(ctx context.Context, from, to int, take func(rows []byte, first int) error) (err error) {
	r, size, err := openBytes(ctx, a.url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	skip := a.header + int64(from)*a.rowBytes()
	if s, ok := r.(seeker); ok {
		s.Reset(io.NewSectionReader(s.file, skip, size-skip))
	} else if _, err := io.CopyN(io.Discard, r, skip); err != nil {
		return a.truncated(err, fmt.Sprintf("row %d", from))
	}
	per := int(max(1, chunkCells/a.rowBytes()))
	for row := from; row < to; row += per {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		n := min(per, to-row)
		b, err := readGrowing(r, int64(n)*a.rowBytes())
		if err != nil {
			return a.truncated(err, fmt.Sprintf("row %d of %d", row+int(int64(len(b))/a.rowBytes()), a.rows))
		}
		if err := take(b, row); err != nil {
			return err
		}
	}
	if to == a.rows && a.packed {
		switch n, err := io.ReadFull(r, make([]byte, 1)); {
		case n > 0:
			return job.Fail(job.FaultInput, "%s: there are more bytes than those of the %d rows that the header tells of", a.url, a.rows)
		case !errors.Is(err, io.EOF):
			return a.truncated(err, "its last row")
		}
	}
	return nil
}

// readGrowing reads n bytes, and allocates at most twice what there is.
func readGrowing(r io.Reader, n int64) ([]byte, error) {
	b := make([]byte, min(n, 1<<20))
	for have := 0; ; {
		got, err := io.ReadFull(r, b[have:])
		if have += got; err != nil {
			return b[:have], err
		}
		if int64(have) == n {
			return b, nil
		}
		more := make([]byte, have+int(min(n-int64(have), int64(have))))
		copy(more, b)
		b = more
	}
}

// at returns element i of b as a number.
func (e element) at(b []byte, i int) float64 {
	b = b[i*e.size:]
	switch e.kind {
	case 'f':
		switch e.size {
		case 2:
			return half(e.order.Uint16(b))
		case 4:
			return float64(math.Float32frombits(e.order.Uint32(b)))
		}
		return math.Float64frombits(e.order.Uint64(b))
	case 'i':
		return float64(e.signed(b))
	}
	return float64(e.unsigned(b))
}

func (e element) unsigned(b []byte) uint64 {
	switch e.size {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(e.order.Uint16(b))
	case 4:
		return uint64(e.order.Uint32(b))
	}
	return e.order.Uint64(b)
}

func (e element) signed(b []byte) int64 {
	shift := uint(64 - 8*e.size)
	return int64(e.unsigned(b)<<shift) >> shift
}

// text returns element i of b as the label that it is: the shortest text of its number.
func (e element) text(dst, b []byte, i int) []byte {
	switch e.kind {
	case 'f':
		bits := 64
		if e.size < 8 {
			bits = 32
		}
		return strconv.AppendFloat(dst, e.at(b, i), 'g', -1, bits)
	case 'i':
		return strconv.AppendInt(dst, e.signed(b[i*e.size:]), 10)
	}
	return strconv.AppendUint(dst, e.unsigned(b[i*e.size:]), 10)
}

// isByte reports whether elements are bytes.
func (e element) isByte() bool { return e.kind == 'u' && e.size == 1 }

// half reads IEEE 754's binary16.
func half(h uint16) float64 {
	mantissa, exponent := float64(h&0x3ff), int(h>>10&0x1f)
	var x float64
	switch exponent {
	case 0:
		x = math.Ldexp(mantissa, -24)
	case 31:
		x = math.Inf(1)
		if mantissa != 0 {
			x = math.NaN()
		}
	default:
		x = math.Ldexp(mantissa+1024, exponent-25)
	}
	if h>>15 == 1 {
		x = -x
	}
	return x
}
