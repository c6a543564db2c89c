package graph

import (
	"encoding/binary"
	"iter"
	"math/bits"
	"slices"
)

// bitset is a set of vertices: v is bit v%64 of word v/64.
type bitset []uint64

func newBitset(n int) bitset { return make(bitset, (n+63)/64) }

func (b bitset) has(v uint32) bool { return b[v/64]>>(v%64)&1 != 0 }

func (b bitset) set(v uint32) { b[v/64] |= 1 << (v % 64) }

// any reports whether one of vs is in the set.
func (b bitset) any(vs []uint32) bool { return slices.ContainsFunc(vs, b.has) }

// empty reports whether nothing is in the set.
func (b bitset) empty() bool {
	for _, word := range b {
		if word != 0 {
			return false
		}
	}
	return true
}

// all returns the members, ascending.
func (b bitset) all() iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		for i, word := range b {
			for ; word != 0; word &= word - 1 {
				if !yield(uint32(64*i + bits.TrailingZeros64(word))) {
					return
				}
			}
		}
	}
}

// append adds the first n bits to dst, eight a byte.
func (b bitset) append(dst []byte, n int) []byte {
	at := len(dst)
	for _, word := range b {
		dst = binary.LittleEndian.AppendUint64(dst, word)
	}
	return dst[:at+(n+7)/8]
}

// take replaces the set of n possible vertices by what append wrote, of which src has
// enough; bits over n are dropped.
func (b bitset) take(src []byte, n int) {
	clear(b)
	for i, x := range src[:(n+7)/8] {
		b[i/8] |= uint64(x) << (i % 8 * 8)
	}
	if n%64 != 0 {
		b[n/64] &= 1<<(n%64) - 1
	}
}
