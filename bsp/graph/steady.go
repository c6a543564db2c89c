package graph

import (
	"context"

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
		fill(e.out, e.none)
	})
}
