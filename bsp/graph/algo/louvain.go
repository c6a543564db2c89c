package algo

import (
	"context"
	"math"
	"slices"

	"scalar/bsp"
	"scalar/bsp/graph"
)

// Louvain returns the bsp program that finds communities of high modularity by the
// Louvain method (Blondel et al., Fast unfolding of communities in large networks, 2008):
// vertices move to the neighbouring community that gains most, until nothing gains; then
// communities become the vertices of a smaller graph, level by level. Every line is an
// edge both ways, a loop once; parallel edges add up, and weights may not be negative. A
// vertex gets the smallest id in its community.
//
//	modularity = Σ over communities (inside/all - (total/all)²)
//
// where all is the weight of all edges, both ways, inside that of the edges within a
// community, both ways, and total that of all edges that lead to its vertices.
//
// All peers move vertices at once, in each round a half of them, drawn by their ids, since
// neighbours that move at once may both lose (Lu, Halappanavar and Kalyanaraman, Parallel
// heuristics for scalable community detection, 2015). After every round the modularity
// is computed, and a level ends with the best that it had: no level loses any. Sums are
// exact, since weights are whole numbers of a unit (see unitOf): results do not depend on
// the number of peers. A level is a superstep; within it peers talk by collectives.
func Louvain(in graph.Input) bsp.Program[graph.Direct[uint64]] {
	in.Weights, in.NonNegative, in.Order, in.Neighbours, in.Undirected = true, true, true, true, true
	return func(ctx context.Context, p *bsp.Peer[graph.Direct[uint64]]) error {
		part, err := graph.Load(ctx, p, in)
		if err != nil {
			return err
		}
		t := talk{p.N(), p.Index(), func(out [][]byte) ([][]byte, error) { return bsp.HandOver(ctx, p, out) }}
		var s louvain
		if resumed, err := p.State(&s); err != nil {
			return err
		} else if !resumed {
			if err := s.begin(part, t); err != nil {
				return err
			}
		}
		for !s.Over {
			l, err := newLevel(s.Links, t)
			if err != nil {
				return err
			}
			if err := s.climb(l, t); err != nil {
				return err
			}
			if err := p.Sync(ctx); err != nil {
				return err
			}
		}
		return s.write(ctx, p, part, t)
	}
}

// Link is an edge from a vertex of a level to another one, or to itself.
type Link struct {
	From, To uint64
	Weight   uint64 // in units
}

// louvain is what a peer keeps from level to level.
type louvain struct {
	Community  []uint64 // by own vertex of the graph: the id of its vertex at this level
	Links      []Link   // from the vertices of this level that the peer owns
	Levels     int64
	Modularity float64
	Over       bool
}

// unitBits is how many units the largest weight times the number of edges has at most, as a
// power of two: all sums are far below 2^63 then.
const unitBits = 52

// unitOf returns of which power of two 1 has as many units: the largest weight keeps
// all of its digits in a small graph, and fewer with the number of edges.
func unitOf(part *graph.Part, t talk) (power int, err error) {
	heaviest, links := uint64(0), uint64(0)
	for v := range part.Len() {
		weights := part.Weights(v)
		links += uint64(len(weights))
		for _, w := range weights {
			heaviest = max(heaviest, math.Float64bits(w)) // ordered as the numbers are, from 0 up
		}
	}
	all, err := t.tell(heaviest, links)
	if err != nil {
		return 0, err
	}
	links = 0
	for _, x := range all {
		heaviest, links = max(heaviest, x[0]), links+x[1]
	}
	if heaviest == 0 {
		return 0, nil
	}
	_, exponent := math.Frexp(math.Float64frombits(heaviest))
	_, more := math.Frexp(float64(links))
	return unitBits - exponent - more, nil
}

// begin makes every vertex a community of its own.
func (s *louvain) begin(part *graph.Part, t talk) error {
	power, err := unitOf(part, t)
	if err != nil {
		return err
	}
	var links []Link
	for v := range part.Len() {
		id := part.ID(v)
		s.Community = append(s.Community, id)
		links = append(links, Link{id, id, 0}) // also a vertex without an edge is one
		weights := part.Weights(v)
		for i, u := range part.Sources(v) {
			links = append(links, Link{id, part.Neighbour(u), uint64(math.RoundToEven(math.Ldexp(weights[i], power)))})
		}
	}
	s.Links, err = t.send(links)
	return err
}

// climb moves the vertices of a level, and makes the next one of their communities. It is
// over when that gains nothing.
func (s *louvain) climb(l *level, t talk) error {
	first, best, err := l.settle()
	if err != nil {
		return err
	}
	s.Modularity = best.ratio(l.all)
	if s.Over = !first.less(best); s.Over {
		return nil
	}
	s.Levels++
	if s.Community, err = l.follow(s.Community); err != nil {
		return err
	}
	links := l.contract()
	s.Links, err = t.send(links)
	return err
}

// write names every community by its smallest id.
func (s *louvain) write(ctx context.Context, p *bsp.Peer[graph.Direct[uint64]], part *graph.Part, t talk) error {
	keys := slices.Clone(s.Community)
	ids := make([]uint64, len(keys))
	for v := range ids {
		ids[v] = part.ID(v)
	}
	least, owned, err := t.agree(keys, ids, func(a, b uint64) uint64 { return min(a, b) })
	if err != nil {
		return err
	}
	p.Count("communities", int64(len(owned)))
	if p.Index() == 0 {
		p.Count("levels", s.Levels)
		p.Count("modularity_millionths", millionths(s.Modularity))
	}
	return graph.Write(ctx, p, part, least, func(dst []byte, v int, name func([]byte, uint64) []byte) []byte { return name(dst, least[v]) })
}
