package graph

import (
	"context"
	"iter"

	"scalar/superstep"
)

// steady is what the engine has more for an algorithm with Pull.
type steady[V any, M superstep.Number] struct {
	come    *arrivals[V, M]
	in, out [sweepVertices]M   // of the vertices that are computed at a time
	order   []uint16           // in which those are, by how far they are behind the first of them
	busy    *Aggregator[int64] // peers that are not done: an area says nothing of that, it always has something to tell
	directs int64              // by Send, in this superstep
}

func newSteady[V any, M superstep.Number](come *arrivals[V, M], degrees []uint32, global *Global) *steady[V, M] {
	return &steady[V, M]{come: come, order: alike(degrees), busy: NewAggregator[int64](global, superstep.Sum)}
}

// alike returns the order in which vertices are computed: of those that are at a time, the ones that have edges come first. Most
// programs ask for that, and a processor that foresees their branches computes the vertices in four fifths of the time.
func alike(degrees []uint32) (order []uint16) {
	order = make([]uint16, 0, len(degrees))
	for lo := 0; lo < len(degrees); lo += sweepVertices {
		piece := degrees[lo:min(lo+sweepVertices, len(degrees))]
		for _, some := range []bool{true, false} {
			for i, d := range piece {
				if d > 0 == some {
					order = append(order, uint16(i))
				}
			}
		}
	}
	return order
}

// exchangeAll ends the superstep.
func (e *engine[V, M]) exchangeAll(ctx context.Context) error {
	s, sent := e.steady, e.out.edges
	idle := e.asleep == len(e.values) && sent == 0
	if e.p.Vote(idle); !idle || s.directs > 0 {
		s.busy.Add(1)
	}
	e.out.edges, s.directs = 0, 0
	e.buf = e.global.encode(e.buf[:0])
	e.p.SetValues(e.buf)
	return s.come.edges.area.Exchange(ctx, sent)
}

// computeSteady is compute. What vertices send is published while it is in the first-level cache.
func (e *engine[V, M]) computeSteady(msgs iter.Seq[M]) {
	s := e.steady
	s.come.begin(e.global.superstep)
	for lo, n := 0, len(e.values); lo < n; lo += sweepVertices {
		hi := min(lo+sweepVertices, n)
		s.come.take(lo, s.in[:hi-lo])
		e.active += e.computePiece(lo, hi, msgs)
		e.out.edges += s.come.edges.publish(lo, s.out[:hi-lo], e.degrees[lo:hi], e.none)
	}
	s.come.end()
}

// computePiece computes the vertices from lo to hi, and returns how many of them are active. All of out is written; what is
// read and written for a vertex is in local variables, and no branch asks whether there is a message, which follows no order.
func (e *engine[V, M]) computePiece(lo, hi int, msgs iter.Seq[M]) (active int64) {
	s, order := e.steady, e.steady.order[lo:hi]
	n := len(order)
	values, halted, degrees := e.values[lo:hi][:n], e.halted[lo:hi][:n], e.degrees[lo:hi][:n]
	v, none, compute := &e.vertex, e.none, e.alg.Compute
	active, v.halt = int64(n), false
	for _, at := range order {
		i := int(at % sweepVertices)
		m := s.in[i]
		if halted[i] {
			if m == none {
				active--
				s.out[i] = none
				continue
			}
			halted[i] = false
			e.asleep--
		}
		v.Value, v.at, v.degree = values[i], uint32(lo+i), int(degrees[i])
		v.message, v.some, v.told, v.out = m, m != none, false, none
		compute(v, msgs)
		values[i], s.out[i] = v.Value, v.out
		if v.halt {
			halted[i], v.halt = true, false
			e.asleep++
		}
	}
	return active
}
