package graph

import (
	"iter"
	"math"

	"scalar/bsp/arena"
)

// A rowStore is where the edges of rows lie: in memory, or in a file where they are too many
// for it.
type rowStore struct {
	arena   *arena.Arena
	weights bool // edges have weights
}

// room returns how many edges are put in order at once: all in memory, and in a file no
// more than stay in memory for so long, since they come in any order.
func (s *rowStore) room(mapped bool) uint32 {
	if !mapped {
		return math.MaxUint32
	}
	return uint32(min(max(s.arena.Budget()/roomShare, leastRoom), math.MaxUint32))
}

const (
	roomShare = 32      // an eighth of the arena's memory at 4 bytes an edge, three with weights
	leastRoom = 1 << 10 // edges
)

// windows divides rows into parts of consecutive ones, each of so many edges at most or of
// one row: [lo, hi). Row v is from starts[v] to starts[v+1]; those at and after hi may
// change only after that window.
func windows(starts []uint32, room uint32) iter.Seq2[uint32, uint32] {
	return func(yield func(lo, hi uint32) bool) {
		n := uint32(len(starts) - 1)
		for lo := uint32(0); lo < n; {
			first, hi := starts[lo], lo+1
			if starts[n]-first <= room {
				hi = n
			}
			for hi < n && starts[hi+1]-first <= room {
				hi++
			}
			if !yield(lo, hi) {
				return
			}
			lo = hi
		}
	}
}

// A sieve lets the edges of some rows through.
type sieve struct {
	lo, hi, all uint32 // rows from lo to hi, of so many
	buf         []byte
}

// pass returns the edges of a segment that belong to those rows, valid until the next call.
func (s *sieve) pass(all segment) segment {
	if s.hi-s.lo == s.all {
		return all
	}
	n, buf := 0, s.buf[:0]
	for at := 0; at < all.end(); at += all.size {
		if row, _ := all.ends(at); row-s.lo < s.hi-s.lo {
			buf = append(buf, all.edges[at:at+all.size]...)
			n++
		}
	}
	s.buf = append(buf, make([]byte, chunkTail)...)
	return segment{s.buf, n, all.form, all.rows, all.base}
}
