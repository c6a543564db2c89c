package graph

import (
	"context"

	"scalar/bsp"
	"scalar/superstep"
)

// steady is what the engine has more for an algorithm with Pull.
type steady[M superstep.Number] struct {
	mirror  *bsp.Mirror[Direct[M], M] // out, of the own vertices and of those that the own ones have edges from
	pulled  *gatherer[M]
	busy    *Aggregator[int64] // peers that are not done: a mirror says nothing of that, it always has something to tell
	directs int64              // by Send, in this superstep
}

func newSteady[M superstep.Number](p *bsp.Peer[Direct[M]], g *part, global *Global, op superstep.Op) *steady[M] {
	mirror := bsp.NewMirror[Direct[M], M](p, len(g.degrees), g.pull.watches, g.pull.watched)
	return &steady[M]{mirror: mirror, pulled: newGatherer[M](g.pull, op), busy: NewAggregator[int64](global, superstep.Sum)}
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
	return s.mirror.Exchange(ctx, sent, func() {
		s.pulled.gather(s.mirror.All(), e.inbox)
		e.out, e.all = s.mirror.Next(), true
		fill(e.out, e.none)
	})
}
