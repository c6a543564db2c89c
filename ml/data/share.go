package data

import (
	"fmt"
	"slices"
	"unsafe"

	"scalar/bsp/arena"
	"scalar/internal/pack"
	"scalar/tensor"
)

// shareVersion leads what Share makes: peers of one job run one binary.
const shareVersion = 1

// shared describes what Share makes; the arrays come after it, each at a multiple of 8.
type shared struct {
	Version  int
	Features int
	Target   Target
	Sparse   bool
	Classes  int
	Dropped  int
	Slabs    []sharedSlab
}

type sharedSlab struct {
	Rows    int
	Shift   uint
	Table   bool  // it is of bytes
	Chunks  []int // lengths: bytes, numbers or entries of each
	Class   bool
	Value   bool
	Lost    int
	Numbers int
}

// Share returns the rows of a set as bytes for other peers, who read them with Shared.
// Values are in the machine's own order: the peers of a job run one binary.
func (s *Set) Share() ([]byte, error) {
	s = &Set{s.rows, s.features, s.dropped, s.target, s.sparse, s.classes, slices.Clone(s.slabs), s.first, s.numbers}
	h := shared{Version: shareVersion, Features: s.features, Target: s.target, Sparse: s.sparse, Classes: len(s.classes), Dropped: s.dropped}
	size := 0
	for k := range s.slabs {
		s.slabs[k].trim(s.features)
		h.Slabs = append(h.Slabs, s.slabs[k].describe(s.numbers[k]))
		size += s.slabs[k].size()
	}
	head, err := pack.Marshal(&h)
	if err != nil {
		return nil, err
	}
	out := make([]byte, 0, len(head)+16+size)
	arena.LargePages(out[:cap(out)])
	out = appendArray(out, []uint64{uint64(len(head))})
	out = appendArray(out, head)
	for k := range s.slabs {
		out = s.slabs[k].share(out)
	}
	return out, nil
}

// trim leaves out what is not used of the last chunk.
func (b *slab) trim(features int) {
	if n := len(b.floats); n > 0 {
		b.floats = slices.Clone(b.floats)
		b.floats[n-1] = b.floats[n-1][:(b.rows-(n-1)<<b.shift)*features]
	}
	if n := len(b.bytes); n > 0 {
		b.bytes = slices.Clone(b.bytes)
		b.bytes[n-1] = b.bytes[n-1][:(b.rows-(n-1)<<b.shift)*features]
	}
}

func (b *slab) describe(number int) sharedSlab {
	d := sharedSlab{Rows: b.rows, Shift: b.shift, Table: b.bytes != nil, Class: b.class != nil, Value: b.value != nil, Lost: len(b.lost), Numbers: number}
	for _, c := range b.bytes {
		d.Chunks = append(d.Chunks, len(c))
	}
	for _, c := range b.floats {
		d.Chunks = append(d.Chunks, len(c))
	}
	for _, c := range b.entries {
		d.Chunks = append(d.Chunks, len(c.columns))
	}
	return d
}

// size is about what share appends.
func (b *slab) size() int {
	n := 1024 + 8*(len(b.value)+len(b.lost)) + 4*len(b.class)
	for _, c := range b.bytes {
		n += len(c) + 8
	}
	for _, c := range b.floats {
		n += 4*len(c) + 8
	}
	for _, c := range b.entries {
		n += 8*len(c.starts) + 8*len(c.columns) + 24
	}
	return n
}

func (b *slab) share(out []byte) []byte {
	if b.bytes != nil {
		out = appendArray(out, b.table.Numbers()[:])
	}
	for _, c := range b.bytes {
		out = appendArray(out, c)
	}
	for _, c := range b.floats {
		out = appendArray(out, c)
	}
	for i := range b.entries {
		c := &b.entries[i]
		out = appendArray(appendArray(appendArray(out, c.starts), c.columns), c.values)
	}
	return appendArray(appendArray(appendArray(out, b.class), b.value), b.lost)
}

// appendArray appends the memory of an array, and zeros up to a multiple of 8.
func appendArray[T any](out []byte, v []T) []byte {
	if len(v) > 0 {
		out = append(out, unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), len(v)*int(unsafe.Sizeof(v[0])))...)
	}
	for len(out)%8 != 0 {
		out = append(out, 0)
	}
	return out
}

// Shared returns the rows that Share made bytes of, out of b, which it keeps and which must
// not be changed any more. They were read with the same Encoder as the rows of like.
func Shared(b []byte, like *Set) (*Set, error) {
	r := &sharedReader{left: b}
	size := takeArray[uint64](r, 1)
	var h shared
	if r.bad || size[0] > uint64(len(b)) {
		return nil, errShared("its size")
	}
	if err := pack.Unmarshal(takeArray[byte](r, int(size[0])), &h); err != nil {
		return nil, errShared(err.Error())
	}
	if h.Version != shareVersion || h.Features != like.features || h.Target != like.target || h.Sparse != like.sparse || h.Classes != len(like.classes) {
		return nil, errShared("they are of another kind")
	}
	s := &Set{features: h.Features, dropped: h.Dropped, target: h.Target, sparse: h.Sparse, classes: like.classes}
	for _, d := range h.Slabs {
		k, ok := r.slab(d, &h)
		if !ok {
			return nil, errShared("their sizes do not fit")
		}
		if k.rows > 0 {
			s.slabs, s.first, s.numbers = append(s.slabs, k), append(s.first, s.rows), append(s.numbers, d.Numbers)
			s.rows += k.rows
		}
	}
	if len(r.left) > 0 || h.Dropped < 0 {
		return nil, errShared("their sizes do not fit")
	}
	return s, nil
}

func errShared(what string) error { return fmt.Errorf("rows of another peer: %s", what) }

// sharedReader takes arrays off bytes.
type sharedReader struct {
	left []byte
	bad  bool
}

// takeArray takes n values, which share the memory where it is aligned.
func takeArray[T any](r *sharedReader, n int) []T {
	var zero T
	size := int(unsafe.Sizeof(zero))
	if n < 0 || n > len(r.left)/size {
		r.bad = true
		return make([]T, 1)
	}
	if n == 0 {
		return nil
	}
	b, padded := r.left[:n*size], (n*size+7)&^7
	if padded > len(r.left) {
		r.bad = true
		return make([]T, 1)
	}
	r.left = r.left[padded:]
	if uintptr(unsafe.Pointer(unsafe.SliceData(b)))%unsafe.Alignof(zero) != 0 {
		v := make([]T, n)
		copy(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), len(b)), b)
		return v
	}
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), n)
}

// slab takes the arrays of a slab; false: they are not what a slab has.
func (r *sharedReader) slab(d sharedSlab, h *shared) (slab, bool) {
	b := slab{rows: d.Rows, shift: d.Shift}
	if d.Rows < 0 || d.Shift > 16 || d.Lost < 0 || d.Table && h.Sparse || len(d.Chunks) != (d.Rows+1<<d.Shift-1)>>d.Shift {
		return b, false
	}
	if d.Rows > 0 && (h.Target == Classes && !d.Class || h.Target == Numbers && !d.Value) {
		return b, false
	}
	if d.Table {
		if t := takeArray[float32](r, 256); !r.bad {
			b.table = tensor.NewTable((*[256]float32)(t))
		}
	}
	for i, n := range d.Chunks {
		if !r.chunk(&b, h, n, min(1<<d.Shift, d.Rows-i<<d.Shift)) {
			return b, false
		}
	}
	if d.Class {
		b.class = takeArray[uint32](r, d.Rows)
	}
	if d.Value {
		b.value = takeArray[float64](r, d.Rows)
	}
	b.lost = takeArray[int](r, d.Lost)
	return b, !r.bad && !slices.ContainsFunc(b.class, func(c uint32) bool { return int(c) >= h.Classes })
}

// chunk takes n values, or entries, of so many rows.
func (r *sharedReader) chunk(b *slab, h *shared, n, rows int) bool {
	switch {
	case h.Sparse:
		c := csr{takeArray[int](r, rows+1), takeArray[uint32](r, n), takeArray[float32](r, n)}
		b.entries = append(b.entries, c)
		return c.sound(h.Features)
	case n/max(h.Features, 1) < rows:
		return false
	case b.table != nil:
		b.bytes = append(b.bytes, takeArray[byte](r, n))
	default:
		b.floats = append(b.floats, takeArray[float32](r, n))
	}
	return !r.bad
}

// sound reports whether entries lie where rows are.
func (c *csr) sound(features int) bool {
	if c.starts[0] != 0 || c.starts[len(c.starts)-1] != len(c.columns) || len(c.values) != len(c.columns) {
		return false
	}
	for i, s := range c.starts[1:] {
		if s < c.starts[i] {
			return false
		}
	}
	for _, j := range c.columns {
		if int(j) >= features {
			return false
		}
	}
	return true
}
