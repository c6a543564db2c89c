package algo

import (
	"context"
	"math"
	"strconv"

	"scalar/bsp"
	"scalar/bsp/graph"
	"scalar/superstep"
)

// SSSP returns the bsp program that finds the length of the shortest path from a source
// to every vertex, +Inf where there is none. The weight of an edge is its length, 1 if
// it has none; it may not be negative. The length of a path is added up from the source
// on, so that it has the same bits on any number of peers.
//
// It is delta-stepping (Meyer and Sanders, J. Algorithms 2003). Vertices wait in buckets
// of equal distance. In a superstep every peer empties the nearest of its buckets, which
// takes no other peer as long as edges lead to own vertices, and then tells the others of
// shorter ways to theirs. At the barrier they agree on the next buckets.
func SSSP(in graph.Input, source string) bsp.Program[float64] {
	in.Weights, in.NonNegative, in.AsRead = true, true, true
	return func(ctx context.Context, p *bsp.Peer[float64]) error {
		part, err := graph.LoadOut(ctx, p, in)
		if err != nil {
			return err
		}
		vertex, own, err := graph.Find(ctx, p, part, source)
		if err != nil {
			return err
		}
		width, err := agreeWidth(ctx, p, part)
		if err != nil {
			return err
		}
		s := newStepper(part, width)
		lane := bsp.NewLane[float64, float64](p, superstep.Min, part.Counts())
		resumed, err := p.State(s)
		if err != nil {
			return err
		}
		if own && !resumed {
			s.shorten(uint32(vertex), 0)
		}
		if err := s.run(ctx, p, lane); err != nil {
			return err
		}
		return graph.Write(ctx, p, part, nil, func(dst []byte, v int, _ func([]byte, uint64) []byte) []byte {
			return formatDistance(dst, s.best[v])
		})
	}
}

func formatDistance(dst []byte, d float64) []byte {
	if math.IsInf(d, 1) {
		return append(dst, "infinity"...)
	}
	return strconv.AppendFloat(dst, d, 'g', -1, 64)
}

// run computes supersteps until no vertex of any peer waits.
func (s *stepper) run(ctx context.Context, p *bsp.Peer[float64], lane *bsp.Lane[float64, float64]) error {
	for {
		if p.Superstep() > 0 {
			if over, err := s.agree(p.Values()); over || err != nil {
				return err
			}
		}
		p.Active(s.solve())
		nearest := s.nearest()
		for _, t := range s.dirty {
			d, at := s.best[t], t-s.own
			nearest = min(nearest, s.bucketOf(d))
			lane.Add(int(s.peers[at]), s.numbers[at], d)
			s.waits[t] = false
		}
		s.dirty = s.dirty[:0]
		p.SetValues(word{uint64(nearest), uint64(s.relaxed)}.append(nil))
		if err := lane.Exchange(ctx, s.receive); err != nil {
			return err
		}
	}
}

// enough is how many edges a peer relaxes in a superstep that is worth its barrier.
const enough = 1 << 10

// agree chooses the buckets of this superstep, the same on all peers, by what they said
// at the barrier: the nearest one, and while the supersteps do little, more of them at a
// time. It reports whether all are empty.
func (s *stepper) agree(by [][]byte) (over bool, err error) {
	nearest, relaxed := uint64(noBucket), uint64(0)
	for _, b := range by {
		w, err := cutWord(b)
		if err != nil {
			return false, err
		}
		nearest = min(nearest, w[0])
		relaxed += w[1]
	}
	if relaxed < enough*uint64(len(by)) {
		s.reach = min(2*s.reach, 1<<fine)
	} else {
		s.reach = max(s.reach/2, 1)
	}
	s.limit = min(int(nearest)+s.reach, noBucket)
	return nearest == noBucket, nil
}
