package graph

import (
	"context"
	"iter"

	"scalar/bsp"
	"scalar/superstep"
)

// steady is what the engine has more for an algorithm with Pull.
type steady[M superstep.Number] struct {
	pulled  *gatherer[M]
	out     [sweepVertices]M   // of the vertices that are computed at a time, for all of their edges
	busy    *Aggregator[int64] // peers that are not done: an area says nothing of that, it always has something to tell
	directs int64              // by Send, in this superstep
}

func newSteady[M superstep.Number](ctx context.Context, p *bsp.Peer[Direct[M]], g *part, global *Global, op superstep.Op) (*steady[M], error) {
	pulled, err := newGatherer(ctx, p, g.pull, op, len(g.degrees))
	return &steady[M]{pulled: pulled, busy: NewAggregator[int64](global, superstep.Sum)}, err
}

// exchangeAll ends the superstep, and gathers what was published along the edges.
func (e *engine[V, M]) exchangeAll(ctx context.Context) error {
	s, sent := e.steady, e.edges
	idle := e.asleep == len(e.values) && sent == 0
	if e.p.Vote(idle); !idle || s.directs > 0 {
		s.busy.Add(1)
	}
	e.edges, s.directs = 0, 0
	e.buf = e.global.encode(e.buf[:0])
	e.p.SetValues(e.buf)
	return s.pulled.area.Exchange(ctx, sent, func() {
		s.pulled.combine()
		s.pulled.take(0, e.inbox)
		e.all = true
	})
}

// computeSteady is compute. What vertices send is published while it is in the first-level cache.
func (e *engine[V, M]) computeSteady(msgs iter.Seq[M]) {
	e.asleep = 0
	for lo, n := 0, len(e.inbox); lo < n; lo += sweepVertices {
		hi := min(lo+sweepVertices, n)
		e.active += e.computePiece(lo, hi, msgs)
		for _, asleep := range e.halted[lo:hi] {
			if asleep {
				e.asleep++
			}
		}
		e.edges += e.steady.pulled.publish(lo, e.steady.out[:hi-lo], e.degrees[lo:hi], e.none)
	}
}

// computePiece computes the vertices from lo to hi, and returns how many of them are active. All of out is written, as all of the inbox will be; what is
// read and written for a vertex is in local variables, and no branch asks whether there is a message, which follows no order.
func (e *engine[V, M]) computePiece(lo, hi int, msgs iter.Seq[M]) (active int64) {
	inbox := e.inbox[lo:hi]
	n := len(inbox)
	values, halted, degrees, out := e.values[lo:hi][:n], e.halted[lo:hi][:n], e.degrees[lo:hi][:n], e.steady.out[:n]
	v, none, compute := &e.vertex, e.none, e.alg.Compute
	active = int64(n)
	for i, m := range inbox {
		if halted[i] && m == none {
			active--
			out[i] = none
			continue
		}
		v.Value, v.at, v.degree, v.halt = values[i], uint32(lo+i), int(degrees[i]), false
		v.message, v.some, v.told, v.out = m, m != none, false, none
		compute(v, msgs)
		values[i], halted[i], out[i] = v.Value, v.halt, v.out
	}
	return active
}
