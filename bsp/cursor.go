package bsp

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
)

// cursor reads numbers and bytes; bad is set at the first that is not there, and err
// if that is for another reason than the end.
type cursor struct {
	src  io.ReaderAt
	r    *bufio.Reader
	at   int64
	left int64
	bad  bool
	err  error
}

// newCursor reads n bytes of r.
func newCursor(r io.ReaderAt, at, n int64) *cursor {
	n = max(n, 0)
	return &cursor{src: r, at: at, left: n, r: bufio.NewReader(io.NewSectionReader(r, at, n))}
}

// take returns the next n bytes, which are the caller's.
func (r *cursor) take(n int) []byte {
	if r.bad || int64(n) > r.left {
		r.bad = true
		return nil
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r.r, b); err != nil {
		if r.bad = true; !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			r.err = err
		}
		return nil
	}
	r.at += int64(n)
	r.left -= int64(n)
	return b
}

// section returns the next n bytes without reading them.
func (r *cursor) section(n int) *io.SectionReader {
	if r.bad || int64(n) > r.left {
		r.bad = true
		return nil
	}
	s := io.NewSectionReader(r.src, r.at, int64(n))
	r.at += int64(n)
	r.left -= int64(n)
	r.r.Reset(io.NewSectionReader(r.src, r.at, r.left))
	return s
}

func (r *cursor) u32() uint32 {
	if b := r.take(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (r *cursor) u64() uint64 {
	if b := r.take(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// count reads a u32 of at most limit.
func (r *cursor) count(limit int) int {
	n := int(r.u32())
	if n > limit {
		r.bad = true
		return 0
	}
	return n
}

// size reads a u64 that is a size, offset or superstep.
func (r *cursor) size() int {
	n := r.u64()
	if n > 1<<62 {
		r.bad = true
		return 0
	}
	return int(n)
}
