package matrix

import (
	"cmp"
	"math"
	"math/bits"
	"slices"
	"sort"
)

const (
	digit      = 11   // bits that one pass of radix looks at: its counters stay in the first-level cache
	radixLeast = 1024 // what is shorter is compared
)

// radix sorts xs by the bits of key from low on, keeps the order of equal ones, and
// returns them in xs or in another slice of that length. It takes a pass for every 11
// bits in which keys differ.
func radix[T any](xs []T, low uint, key func(T) uint64) []T {
	byKey := func(a, b T) int { return cmp.Compare(key(a)>>low, key(b)>>low) }
	if len(xs) < radixLeast {
		slices.SortStableFunc(xs, byKey)
		return xs
	}
	if slices.IsSortedFunc(xs, byKey) {
		return xs
	}
	differ, first := uint64(0), key(xs[0])
	for _, x := range xs {
		differ |= key(x) ^ first
	}
	other := make([]T, len(xs))
	for ; low < 64; low += digit {
		if differ>>low&(1<<digit-1) == 0 {
			continue
		}
		var next [1 << digit]int
		for _, x := range xs {
			next[key(x)>>low&(1<<digit-1)]++
		}
		sum := 0
		for i, n := range next {
			next[i] = sum
			sum += n
		}
		for _, x := range xs {
			d := key(x) >> low & (1<<digit - 1)
			other[next[d]] = x
			next[d]++
		}
		xs, other = other, xs
	}
	return xs
}

// sortEntries sorts by row and then by column; equal ones stay in their order.
func sortEntries(entries []entry, columns uint64) []entry {
	shift := bits.Len64(columns)
	return radix(entries, 0, func(e entry) uint64 { return uint64(e.row)<<shift | uint64(e.column) })
}

// even shares [0, n) out evenly: peer q has bounds[q] to bounds[q+1]-1.
func even(n uint64, peers int) (bounds []uint64) {
	bounds = make([]uint64, peers+1)
	for q := range bounds {
		bounds[q] = fraction(n, q, peers)
	}
	return bounds
}

// fraction returns n·i/peers without overflow.
func fraction(n uint64, i, peers int) uint64 {
	hi, lo := bits.Mul64(n, uint64(i))
	q, _ := bits.Div64(hi, lo, uint64(peers))
	return q
}

// cuts returns where in n ascending numbers each peer's begin, and n.
func cuts(n int, bounds []uint64, at func(int) uint64) []int {
	all := make([]int, len(bounds))
	for q, b := range bounds {
		all[q] = sort.Search(n, func(i int) bool { return at(i) >= b })
	}
	return all
}

// distinct returns the different columns, ascending, and which of them each one is. There
// may be at most MaxUint32 columns.
func distinct(columns []uint32) (all, which []uint32) {
	pairs := make([]uint64, len(columns))
	for i, c := range columns {
		pairs[i] = uint64(c)<<32 | uint64(i)
	}
	pairs = radix(pairs, 32, func(x uint64) uint64 { return x })
	which = make([]uint32, len(columns))
	for i, x := range pairs {
		if i == 0 || pairs[i-1]>>32 != x>>32 {
			all = append(all, uint32(x>>32))
		}
		which[x&math.MaxUint32] = uint32(len(all) - 1)
	}
	return all, which
}
