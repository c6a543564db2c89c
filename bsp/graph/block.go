package graph

import (
	"errors"
	"fmt"
	"math"

	"scalar/bsp/arena"
)

// A block is a peer's edges to the vertices of one destination peer, as
// compressed rows of the sources that have any.
type block struct {
	rows    []uint32  // sources, ascending
	starts  []uint32  // row r is targets[starts[r]:starts[r+1]]
	targets []uint32  // numbers at the destination peer
	weights []float64 // by target; nil: not kept
}

// weight returns the weight of edge i.
func (b *block) weight(i int) float64 {
	if b.weights == nil {
		return 1
	}
	return b.weights[i]
}

var errSegment = errors.New("edges of another peer are malformed")

// newBlock sorts the edges of the segments by source, those of one source in the
// order of the segments: a counting sort in two passes. It adds the length of every
// row to degrees, whose length is the number of sources; targets are below limit.
func newBlock(segments []segment, degrees []uint32, limit uint32, to rowStore) (b *block, err error) {
	total := 0
	for _, s := range segments {
		total += s.count
	}
	if total > math.MaxUint32-1 {
		return nil, fmt.Errorf("%d edges between two peers: use more peers", total)
	}
	next := make([]uint32, len(degrees)+1) // next[v+1] counts row v, then next[v] is where it goes on
	for _, s := range segments {
		for at := 0; at < s.end(); at += s.size {
			v, t := s.ends(at)
			if v >= uint32(len(degrees)) || t >= limit {
				return nil, errSegment
			}
			next[v+1]++
		}
	}
	b = &block{}
	if b.targets, err = arena.Make[uint32](to.arena, total); err != nil {
		return nil, err
	}
	if to.weights {
		if b.weights, err = arena.Make[float64](to.arena, total); err != nil {
			return nil, err
		}
	}
	used := 0
	for _, n := range next {
		if n > 0 {
			used++
		}
	}
	b.rows, b.starts = make([]uint32, 0, used), make([]uint32, 0, used+1)
	sum := uint32(0)
	for v := range degrees {
		n := next[v+1]
		next[v] = sum
		if n > 0 {
			b.rows, b.starts = append(b.rows, uint32(v)), append(b.starts, sum)
			if degrees[v]+n < n {
				return nil, fmt.Errorf("a vertex has more than %d edges", uint32(math.MaxUint32))
			}
			degrees[v] += n
			sum += n
		}
		next[v+1] = 0
	}
	b.starts = append(b.starts, sum)
	next[len(degrees)] = sum
	b.fill(segments, next, to.room(arena.Mapped(to.arena, b.targets)))
	return b, nil
}

// fill puts the edges into their rows, which begin where next says, window by window.
func (b *block) fill(segments []segment, next []uint32, room uint32) {
	part := sieve{all: uint32(len(next) - 1)}
	for part.lo, part.hi = range windows(next, room) {
		for _, s := range segments {
			b.scatter(part.pass(s), next)
		}
	}
}

// scatter puts the edges of a segment to where next says that rows go on.
func (b *block) scatter(s segment, next []uint32) {
	for i := 0; i < s.end(); i += s.size {
		v, t := s.ends(i)
		at := next[v]
		next[v]++
		b.targets[at] = t
		if b.weights != nil {
			b.weights[at] = s.weight(i)
		}
	}
}
