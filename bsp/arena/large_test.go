package arena_test

import (
	"testing"

	"scalar/bsp/arena"
)

// TestLargePages: what is asked for large pages, of any size and at any place, stays
// memory like any other.
func TestLargePages(t *testing.T) {
	arena.LargePages[uint64](nil)
	for _, n := range []int{1, 1000, 1 << 18, 1<<20 + 3} {
		s := make([]uint64, n)[n/3:]
		arena.LargePages(s)
		for i := range s {
			if s[i] != 0 {
				t.Fatalf("value %d of %d is %d", i, n, s[i])
			}
			s[i] = uint64(i)
		}
		for i, x := range s {
			if x != uint64(i) {
				t.Fatalf("value %d of %d is %d", i, n, x)
			}
		}
	}
}

// TestLargePagesAround: what asks for large pages beside others of its kind, and these, keep what
// is written.
func TestLargePagesAround(t *testing.T) {
	arena.LargePagesAround(nil)
	slabs := make([][]byte, 20)
	for i := range slabs {
		slabs[i] = make([]byte, 300<<10)
		arena.LargePagesAround(slabs[i])
		for at := range slabs[i] {
			slabs[i][at] = byte(i + at)
		}
	}
	for i, b := range slabs {
		for at, x := range b {
			if x != byte(i+at) {
				t.Fatalf("byte %d of slab %d is %d", at, i, x)
			}
		}
	}
}
