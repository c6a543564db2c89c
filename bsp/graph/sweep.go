package graph

import (
	"context"

	"scalar/bsp"
	"scalar/superstep"
)

// sweeper runs an algorithm with Sweep on one peer's part. It pulls: every vertex
// publishes one value, and the peers that have edges from it gather those, or copy all of them
// where the algorithm has no operator.
type sweeper[V any, M superstep.Number] struct {
	*part
	*state[V, M]
	p      *bsp.Peer[Direct[M]]
	global *Global
	alg    Algorithm[V, M]
	none   M // the operator's identity

	mirror *bsp.Mirror[Direct[M], M] // without an operator; the inbox is what own vertices have published
	come   *arrivals[V, M]           // with one
	in     []M                       // of the vertices that are swept at a time
	out    []M                       // and what they publish
	buf    []byte                    // aggregators
}

// sweepVertices are swept at a time where messages are combined: their values, messages and
// what they publish stay in the first-level cache from one loop to the next.
const sweepVertices = 1 << 10

func newSweeper[V any, M superstep.Number](ctx context.Context, p *bsp.Peer[Direct[M]], g *part, global *Global, alg Algorithm[V, M]) (*sweeper[V, M], error) {
	n := len(g.degrees)
	e := &sweeper[V, M]{part: g, p: p, global: global, alg: alg, none: identity[M](alg.Combine)}
	var err error
	if alg.Combine == 0 {
		e.mirror = bsp.NewMirror[Direct[M], M](p, n, g.pull.watches, g.pull.watched)
		if e.state, err = newState[V](n, e.mirror.Next(), e.none); err != nil {
			return nil, err
		}
		resumed, err := p.State(e.state)
		if err != nil || !resumed {
			return e, err
		}
		copy(e.mirror.Next(), e.inbox)
		return e, e.mirror.Refresh(ctx)
	}
	if e.state, err = newState[V](n, nil, e.none); err != nil {
		return nil, err
	}
	if e.come, err = newArrivals(ctx, p, g, e.state, alg.Combine); err != nil {
		return nil, err
	}
	e.in, e.out = make([]M, min(n, sweepVertices)), make([]M, min(n, sweepVertices))
	_, err = p.State(e.come)
	return e, err
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
		e.global.begin(e.alg.Begin)
		sent, err := e.sweep()
		if err != nil {
			return err
		}
		e.p.Active(int64(len(e.values)))
		if e.global.superstep+1 == e.alg.Supersteps {
			return nil
		}
		e.buf = e.global.encode(e.buf[:0])
		e.p.SetValues(e.buf)
		if e.come != nil {
			err = e.come.edges.area.Exchange(ctx, sent)
		} else {
			e.inbox = e.mirror.Next()
			err = e.mirror.Exchange(ctx, sent, nil)
		}
		if err != nil {
			return err
		}
	}
}

// sweep calls the algorithm and returns along how many edges something goes.
func (e *sweeper[V, M]) sweep() (sent int64, err error) {
	if e.come != nil {
		return e.sweepPieces()
	}
	a := &Arrays[V, M]{Values: e.values, Out: e.mirror.Next(), All: e.mirror.All(), Degrees: e.degrees, g: e.part}
	e.alg.Sweep(a)
	for _, n := range e.degrees {
		sent += int64(n)
	}
	return sent, a.err
}

// sweepPieces calls the algorithm for some vertices at a time.
func (e *sweeper[V, M]) sweepPieces() (sent int64, err error) {
	e.come.begin(e.global.superstep)
	a := &Arrays[V, M]{g: e.part}
	for lo, n := 0, len(e.values); lo < n && a.err == nil; lo += sweepVertices {
		hi := min(lo+sweepVertices, n)
		a.First, a.Values, a.Inbox, a.Out, a.Degrees = lo, e.values[lo:hi], e.in[:hi-lo], e.out[:hi-lo], e.degrees[lo:hi]
		e.silence(a.Out)
		e.come.take(lo, a.Inbox)
		e.alg.Sweep(a)
		sent += e.come.edges.publish(lo, a.Out, a.Degrees, e.none)
	}
	e.come.end()
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
