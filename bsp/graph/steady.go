package graph

import (
	"context"
	"iter"

	"scalar/bsp"
	"scalar/superstep"
)

// steady is what the engine has more for an algorithm with Pull.
type steady[M superstep.Number] struct {
	pulled  *gatherer[M]       // out is in its mirror
	busy    *Aggregator[int64] // peers that are not done: a mirror says nothing of that, it always has something to tell
	directs int64              // by Send, in this superstep
}

func newSteady[M superstep.Number](p *bsp.Peer[Direct[M]], g *part, global *Global, op superstep.Op) *steady[M] {
	return &steady[M]{pulled: newGatherer[M](p, g.pull, op, len(g.degrees)), busy: NewAggregator[int64](global, superstep.Sum)}
}

// exchangeAll ends the superstep with out in the mirror, and gathers it along the edges.
func (e *engine[V, M]) exchangeAll(ctx context.Context) error {
	s, sent := e.steady, e.edges
	idle := e.asleep == len(e.values) && sent == 0
	if e.p.Vote(idle); !idle || s.directs > 0 {
		s.busy.Add(1)
	}
	e.edges, s.directs = 0, 0
	e.buf = e.global.encode(e.buf[:0])
	e.p.SetValues(e.buf)
	s.pulled.publish(0, e.out)
	return s.pulled.mirror.Exchange(ctx, sent, func() {
		s.pulled.combine()
		s.pulled.take(0, e.inbox)
		e.out, e.all = s.pulled.mirror.Next(), true
	})
}

// computeSteady is compute. All of out is written, as all of the inbox will be; what is read and written for a vertex is in local variables, and no
// branch asks whether there is a message, which follows no order.
func (e *engine[V, M]) computeSteady(msgs iter.Seq[M]) {
	n := len(e.inbox)
	values, halted, degrees, out := e.values[:n], e.halted[:n], e.degrees[:n], e.out[:n]
	v, none, compute := &e.vertex, e.none, e.alg.Compute
	asleep, edges := 0, int64(0)
	for i, m := range e.inbox {
		if halted[i] && m == none {
			asleep++
			out[i] = none
			continue
		}
		degree := degrees[i]
		v.Value, v.at, v.degree, v.halt = values[i], uint32(i), int(degree), false
		v.message, v.some, v.told, v.out = m, m != none, false, none
		compute(v, msgs)
		values[i], halted[i], out[i] = v.Value, v.halt, v.out
		if v.halt {
			asleep++
		}
		told := uint32(0)
		if v.out != none {
			told = 1
		}
		edges += int64(degree & -told)
		e.active++
	}
	e.asleep, e.edges = asleep, edges
}
