package bitset_test

import (
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"scalar/internal/bitset"
)

// TestSet compares a set with a map.
func TestSet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 300).Draw(t, "n")
		number := rapid.Uint32Range(0, uint32(n-1))
		s, plain := bitset.New(n), map[uint32]bool{}
		for _, i := range rapid.SliceOf(number).Draw(t, "one by one") {
			s.Add(i)
			plain[i] = true
		}
		more := rapid.SliceOf(number).Draw(t, "together")
		s.AddAll(more)
		for _, i := range more {
			plain[i] = true
		}
		want := slices.Sorted(maps.Keys(plain))
		for i := range uint32(n) {
			if s.Has(i) != plain[i] {
				t.Fatalf("has %d: %v", i, s.Has(i))
			}
		}
		asked := rapid.SliceOf(number).Draw(t, "asked")
		if got := slices.ContainsFunc(asked, func(i uint32) bool { return plain[i] }); s.Any(asked) != got {
			t.Fatalf("any of %v in %v: %v", asked, want, !got)
		}
		if s.Len() != len(want) || s.Empty() != (len(want) == 0) {
			t.Fatalf("%d numbers, empty %v: want %v", s.Len(), s.Empty(), want)
		}
		if got := slices.Collect(s.All()); !slices.Equal(got, want) {
			t.Fatalf("all: %v, want %v", got, want)
		}
		for i := range s.All() { // ends early
			if i != want[0] {
				t.Fatalf("the first is %d, want %d", i, want[0])
			}
			break
		}
		if got := s.Drain(); !slices.Equal(got, want) || !s.Empty() {
			t.Fatalf("drained: %v, want %v; empty %v", got, want, s.Empty())
		}
	})
}

// TestBytes checks that Take reads what Append wrote, behind other bytes, and drops bits
// that are over.
func TestBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 300).Draw(t, "n")
		s := bitset.New(n)
		for i := range n {
			if rapid.Bool().Draw(t, "in") {
				s.Add(uint32(i))
			}
		}
		b := s.Append([]byte("before"), n)
		if len(b) != 6+(n+7)/8 || string(b[:6]) != "before" {
			t.Fatalf("%d bytes of %d numbers", len(b)-6, n)
		}
		for i := range n {
			if b[6+i/8]>>(i%8)&1 != 0 != s.Has(uint32(i)) {
				t.Fatalf("bit %d is wrong", i)
			}
		}
		if n%8 != 0 {
			b[len(b)-1] |= 0xff << (n % 8)
		}
		got := bitset.New(n)
		for i := range n { // which Take forgets
			got.Add(uint32(i))
		}
		if got.Take(b[6:], n); !slices.Equal(got, s) {
			t.Fatalf("took %x, want %x", got, s)
		}
	})
}
