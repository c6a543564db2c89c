// Package bitset is sets of small numbers, a bit each.
package bitset

import (
	"encoding/binary"
	"iter"
	"math/bits"
	"slices"
)

// A Set has i if bit i%64 of word i/64 is 1. Its methods panic for numbers of 64 times its
// length and more. It is for one goroutine, or for many that only read.
type Set []uint64

// New returns an empty set for numbers below n.
func New(n int) Set { return make(Set, (n+63)/64) }

// Has reports whether i is in the set.
func (s Set) Has(i uint32) bool { return s[i/64]>>(i%64)&1 != 0 }

// Add puts i into the set.
func (s Set) Add(i uint32) { s[i/64] |= 1 << (i % 64) }

// AddAll adds numbers of which most are there, so that memory is mostly read.
func (s Set) AddAll(numbers []uint32) {
	for _, i := range numbers {
		if !s.Has(i) {
			s.Add(i)
		}
	}
}

// Any reports whether one of numbers is in the set.
func (s Set) Any(numbers []uint32) bool { return slices.ContainsFunc(numbers, s.Has) }

// Empty reports whether nothing is in the set.
func (s Set) Empty() bool {
	for _, word := range s {
		if word != 0 {
			return false
		}
	}
	return true
}

// Len returns how many numbers are in the set.
func (s Set) Len() (n int) {
	for _, word := range s {
		n += bits.OnesCount64(word)
	}
	return n
}

// All returns the numbers in the set, ascending.
func (s Set) All() iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		for i, word := range s {
			for ; word != 0; word &= word - 1 {
				if !yield(uint32(64*i + bits.TrailingZeros64(word))) {
					return
				}
			}
		}
	}
}

// Drain returns the numbers in the set, ascending, and empties it.
func (s Set) Drain() []uint32 {
	numbers := make([]uint32, 0, s.Len())
	for i := range s.All() {
		numbers = append(numbers, i)
	}
	clear(s)
	return numbers
}

// Append adds the first n bits to dst, eight a byte.
func (s Set) Append(dst []byte, n int) []byte {
	at := len(dst)
	for _, word := range s {
		dst = binary.LittleEndian.AppendUint64(dst, word)
	}
	return dst[:at+(n+7)/8]
}

// Take replaces a set for numbers below n by what Append wrote, of which src has enough;
// bits from n on are dropped.
func (s Set) Take(src []byte, n int) {
	clear(s)
	for i, x := range src[:(n+7)/8] {
		s[i/8] |= uint64(x) << (i % 8 * 8)
	}
	if n%64 != 0 {
		s[n/64] &= 1<<(n%64) - 1
	}
}
