package graph

import (
	"context"

	"scalar/bsp"
	"scalar/superstep"
)

// arrivals are what has come to a peer's vertices along their edges, gathered for some of them at a time. The
// inbox of the state is there for all of them where more is done with it than to read it once: after a
// checkpoint, which writes it, after a restart, and where messages come that went along no edge.
type arrivals[V any, M superstep.Number] struct {
	*state[V, M]
	edges     *gatherer[M]
	none      M
	superstep int
}

func newArrivals[V any, M superstep.Number](ctx context.Context, p *bsp.Peer[Direct[M]], g *part, s *state[V, M], op superstep.Op) (*arrivals[V, M], error) {
	edges, err := newGatherer(ctx, p, g.pull, op, len(g.degrees))
	return &arrivals[V, M]{state: s, edges: edges, none: identity[M](op)}, err
}

// begin goes along the edges, in all supersteps but the first.
func (a *arrivals[V, M]) begin(superstep int) {
	if a.superstep = superstep; superstep > 0 && a.inbox == nil {
		a.edges.combine()
	}
}

// take puts into in what has come to the vertices from first on.
func (a *arrivals[V, M]) take(first int, in []M) {
	switch {
	case a.inbox != nil:
		copy(in, a.inbox[first:])
	case a.superstep == 0:
		fill(in, a.none)
	default:
		a.edges.take(first, in)
	}
}

// end forgets what has come.
func (a *arrivals[V, M]) end() { a.inbox = nil }

// whole returns what has come to all vertices, to read and write until end.
func (a *arrivals[V, M]) whole() []M {
	if a.inbox == nil {
		a.inbox = make([]M, len(a.values))
		a.edges.combine()
		a.edges.take(0, a.inbox)
	}
	return a.inbox
}

// AppendBinary encodes the state with what has come to all vertices.
func (a *arrivals[V, M]) AppendBinary(b []byte) ([]byte, error) {
	a.whole()
	return a.state.AppendBinary(b)
}

// MarshalBinary encodes the state as AppendBinary.
func (a *arrivals[V, M]) MarshalBinary() ([]byte, error) { return a.AppendBinary(nil) }
