package graph

import (
	"errors"
	"fmt"
	"math"
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
func newBlock(segments []segment, degrees []uint32, limit uint32, weights bool) (*block, error) {
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
	b := &block{targets: make([]uint32, total)}
	if weights {
		b.weights = make([]float64, total)
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
	b.scatter(segments, next)
	return b, nil
}

func (b *block) scatter(segments []segment, next []uint32) {
	for _, s := range segments {
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
}
