package graph

import "math/bits"

// A share is the part of peer index of so many peers.
type share struct{ index, peers int }

// of returns the numbers in [0, n) that belong to the share: [lo, hi).
func (s share) of(n uint64) (lo, hi uint64) {
	return fraction(n, s.index, s.peers), fraction(n, s.index+1, s.peers)
}

// fraction returns n·i/peers without overflow.
func fraction(n uint64, i, peers int) uint64 {
	hi, lo := bits.Mul64(n, uint64(i))
	q, _ := bits.Div64(hi, lo, uint64(peers))
	return q
}
