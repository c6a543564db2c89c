package graph

import (
	"context"

	"scalar/bsp"
	"scalar/superstep"
)

// sweeper runs an algorithm with Sweep on one peer's part. It pulls: every vertex
// publishes one value, which the peers that have edges from it copy and gather.
type sweeper[V any, M superstep.Number] struct {
	*part
	*state[V, M] // its inbox is what the own vertices have published
	p            *bsp.Peer[Direct[M]]
	mirror       *bsp.Mirror[Direct[M], M]
	global       *Global
	alg          Algorithm[V, M]
	none         M // the operator's identity

	gathered []M
	edges    *gatherer[M]
	buf      []byte // aggregators
}

func newSweeper[V any, M superstep.Number](ctx context.Context, p *bsp.Peer[Direct[M]], g *part, global *Global, alg Algorithm[V, M]) (*sweeper[V, M], error) {
	n := len(g.degrees)
	e := &sweeper[V, M]{part: g, p: p, global: global, alg: alg, none: identity[M](alg.Combine), gathered: make([]M, n)}
	e.edges = newGatherer[M](g.pull, alg.Combine)
	e.mirror = bsp.NewMirror[Direct[M], M](p, n, g.pull.watches, g.pull.watched)
	var err error
	if e.state, err = newState[V](n, e.none); err != nil {
		return nil, err
	}
	resumed, err := p.State(e.state)
	if err != nil || !resumed {
		return e, err
	}
	copy(e.mirror.Next(), e.inbox)
	return e, e.mirror.Refresh(ctx)
}

// run computes supersteps until one of the algorithm's ends.
func (e *sweeper[V, M]) run(ctx context.Context) error {
	for {
		e.global.superstep = e.p.Superstep()
		if e.global.superstep > 0 {
			if over, err := e.global.over(e.p.Values(), e.alg.Until); err != nil || over {
				return err
			}
		}
		sent, err := e.sweep()
		if err != nil {
			return err
		}
		e.p.Active(int64(len(e.values)))
		if e.global.superstep+1 == e.alg.Supersteps {
			return nil
		}
		e.inbox = e.mirror.Next()
		e.buf = e.global.encode(e.buf[:0])
		e.p.SetValues(e.buf)
		if err := e.mirror.Exchange(ctx, sent, nil); err != nil {
			return err
		}
	}
}

// sweep calls the algorithm and returns along how many edges something goes.
func (e *sweeper[V, M]) sweep() (sent int64, err error) {
	a := &Arrays[V, M]{Values: e.values, Out: e.mirror.Next(), All: e.mirror.All(), Degrees: e.degrees, g: e.part}
	if e.alg.Combine != 0 {
		a.Inbox = e.gathered
		fill(a.Out, e.none)
		if e.global.superstep == 0 {
			fill(a.Inbox, e.none)
		} else {
			e.edges.gather(a.All, a.Inbox)
		}
	}
	e.alg.Sweep(a)
	return e.sent(a.Out), a.err
}

// sent returns along how many edges something goes. It has no branch for a vertex: which
// ones have nothing to tell follows no order.
func (e *sweeper[V, M]) sent(out []M) (sent int64) {
	degrees, all := e.degrees[:len(out)], uint32(0)
	if e.alg.Combine == 0 {
		all = 1
	}
	for v, x := range out {
		told := all
		if x != e.none {
			told = 1
		}
		sent += int64(degrees[v] & -told)
	}
	return sent
}

// write writes the values of all vertices.
func (e *sweeper[V, M]) write(ctx context.Context) error {
	format, err := valueFormat(e.part, e.p.N(), &e.alg, e.values, handing(ctx, e.p))
	if err != nil {
		return err
	}
	return writeValues(ctx, e.p.Output(), e.ids, e.values, format)
}
