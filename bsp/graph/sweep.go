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
	global       *Global
	alg          Algorithm[V, M]
	none         M // the operator's identity

	edges    *gatherer[M]
	gathered []M    // of the vertices that are swept at a time
	buf      []byte // aggregators
}

// sweepVertices are swept at a time where messages are combined: their values, messages and
// what they publish stay in the first-level cache from one loop to the next.
const sweepVertices = 1 << 10

func newSweeper[V any, M superstep.Number](ctx context.Context, p *bsp.Peer[Direct[M]], g *part, global *Global, alg Algorithm[V, M]) (*sweeper[V, M], error) {
	n := len(g.degrees)
	e := &sweeper[V, M]{part: g, p: p, global: global, alg: alg, none: identity[M](alg.Combine)}
	e.edges = newGatherer(p, g.pull, alg.Combine, n)
	if alg.Combine != 0 {
		e.gathered = make([]M, min(n, sweepVertices))
	}
	var err error
	if e.state, err = newState[V](e.edges.mirror.Next(), e.none); err != nil {
		return nil, err
	}
	resumed, err := p.State(e.state)
	if err != nil || !resumed {
		return e, err
	}
	copy(e.edges.mirror.Next(), e.inbox)
	e.edges.publish(0, e.inbox, e.degrees, e.none)
	return e, e.edges.mirror.Refresh(ctx)
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
		e.inbox = e.edges.mirror.Next()
		e.buf = e.global.encode(e.buf[:0])
		e.p.SetValues(e.buf)
		if err := e.edges.mirror.Exchange(ctx, sent, nil); err != nil {
			return err
		}
	}
}

// sweep calls the algorithm and returns along how many edges something goes.
func (e *sweeper[V, M]) sweep() (sent int64, err error) {
	a := &Arrays[V, M]{Values: e.values, Out: e.edges.mirror.Next(), All: e.edges.mirror.All(), Degrees: e.degrees, g: e.part}
	if e.alg.Combine == 0 {
		e.alg.Sweep(a)
		for _, n := range e.degrees {
			sent += int64(n)
		}
		return sent, a.err
	}
	if e.global.superstep > 0 {
		e.edges.combine()
	}
	out := a.Out
	for lo := 0; lo < len(out) && a.err == nil; lo += sweepVertices {
		hi := min(lo+sweepVertices, len(out))
		a.First, a.Values, a.Inbox, a.Out, a.Degrees = lo, e.values[lo:hi], e.gathered[:hi-lo], out[lo:hi], e.degrees[lo:hi]
		e.silence(a.Out)
		if e.global.superstep == 0 {
			fill(a.Inbox, e.none)
		} else {
			e.edges.take(lo, a.Inbox)
		}
		e.alg.Sweep(a)
		sent += e.edges.publish(lo, a.Out, a.Degrees, e.none)
	}
	return sent, a.err
}

// silence makes out what sends nothing. Zeros, as sums have, are written faster than other numbers.
func (e *sweeper[V, M]) silence(out []M) {
	if e.none == 0 {
		clear(out)
		return
	}
	fill(out, e.none)
}

// write writes the values of all vertices.
func (e *sweeper[V, M]) write(ctx context.Context) error {
	format, err := valueFormat(e.part, e.p.N(), &e.alg, e.values, handing(ctx, e.p))
	if err != nil {
		return err
	}
	return writeValues(ctx, e.p.Output(), e.ids, e.values, format)
}
