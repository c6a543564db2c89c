package algo

import (
	"scalar/bsp"
	"scalar/bsp/graph"
	"scalar/superstep"
)

// SCC returns the bsp program that gives every vertex the smallest id in its strongly
// connected component, by forward and backward colouring (Orzan, On distributed
// verification and verified distribution, 2004; Yan et al., Pregel algorithms for graph
// connectivity problems with performance guarantees, PVLDB 2014). In rounds, of the
// vertices that are left:
//
//   - trimming: one without an edge to it, or without one from it, is a component of its own;
//   - forward: every vertex takes as colour the smallest id that leads to it;
//   - backward: those of a colour that lead to the vertex of that id are its component.
//
// Each step goes on until nothing changes, so that a job takes as many supersteps as the
// longest paths that it follows, for each round.
func SCC(in graph.Input) bsp.Program[graph.Direct[uint64]] {
	in.Order, in.Ways = true, true
	return graph.Program(in, func(g *graph.Global) graph.Algorithm[uint64, uint64] {
		s := &scc{
			phase:   graph.NewAggregator[int64](g, superstep.Max),
			changed: graph.NewAggregator[int64](g, superstep.Sum),
			left:    graph.NewAggregator[int64](g, superstep.Sum),
		}
		return graph.Algorithm[uint64, uint64]{
			Names: true,
			Until: func(int) bool { return s.left.Value() == 0 },
			Sweep: func(a *graph.Arrays[uint64, uint64]) { s.sweep(a, g.Superstep() == 0) },
		}
	})
}

// The steps of a round, as the aggregator tells which of them published.
const (
	trimming = iota + 1
	forward
	backward
)

// scc knows of a vertex by its value: its colour while it is left, with the bit open,
// then the id of its component. A colour is the id of a vertex that is left, so that
// ids of components found before are no colours.
type scc struct {
	phase, changed, left *graph.Aggregator[int64]
}

// open is the bit of a value whose vertex is left; ids have it not.
const open = 1 << 63

// nothing is what a vertex publishes that takes no part.
const nothing = graph.NoID

func (s *scc) sweep(a *graph.Arrays[uint64, uint64], first bool) {
	phase, over := s.phase.Value(), s.changed.Value() == 0
	switch {
	case first:
		for v := range a.Values {
			a.Values[v] = a.ID(v) | open
		}
		s.begin(a)
	case phase == trimming && !over:
		s.phase.Add(trimming)
		s.each(a, func(v int) bool { return s.trim(a, v) })
	case phase == trimming || phase == forward && !over: // what trimming published are the first colours
		s.phase.Add(forward)
		s.each(a, func(v int) bool { return s.colour(a, v) })
	case phase == forward:
		s.phase.Add(backward)
		s.each(a, func(v int) bool { return s.settle(a, v, a.Values[v] == a.ID(v)|open) })
		s.tell(a)
	case !over:
		s.phase.Add(backward)
		s.each(a, func(v int) bool { return s.settle(a, v, s.leads(a, v)) })
		s.tell(a)
	default:
		s.begin(a)
	}
}

// each gives the vertices that are left to step, which says what changed. They publish
// their colours, the others nothing.
func (s *scc) each(a *graph.Arrays[uint64, uint64], step func(v int) bool) {
	changed, left := int64(0), int64(0)
	for v, x := range a.Values {
		a.Out[v] = nothing
		if x&open == 0 {
			continue
		}
		if step(v) {
			changed++
		}
		if x = a.Values[v]; x&open != 0 {
			a.Out[v] = x &^ open
			left++
		}
	}
	s.changed.Add(changed)
	s.left.Add(left)
}

// begin begins a round: every vertex that is left has its own colour.
func (s *scc) begin(a *graph.Arrays[uint64, uint64]) {
	s.phase.Add(trimming)
	s.each(a, func(v int) bool {
		a.Values[v] = a.ID(v) | open
		return true
	})
}

// trim settles a vertex without an edge from another one that is left, or to one.
func (s *scc) trim(a *graph.Arrays[uint64, uint64], v int) bool {
	both := uint8(0)
	ways := a.Ways(v)
	for i, u := range a.Sources(v) {
		if u != uint32(v) && a.All[u] != nothing {
			if both |= ways[i]; both == graph.Inward|graph.Outward {
				return false
			}
		}
	}
	return s.settle(a, v, true)
}

// colour takes the smallest colour that leads to a vertex.
func (s *scc) colour(a *graph.Arrays[uint64, uint64], v int) bool {
	least := a.Values[v] &^ open
	before := least
	ways := a.Ways(v)
	for i, u := range a.Sources(v) {
		if ways[i]&graph.Inward != 0 {
			least = min(least, a.All[u])
		}
	}
	a.Values[v] = least | open
	return least < before
}

// leads reports whether a vertex has an edge to its colour's component as far as it is known.
func (s *scc) leads(a *graph.Arrays[uint64, uint64], v int) bool {
	colour := a.Values[v] &^ open
	ways := a.Ways(v)
	for i, u := range a.Sources(v) {
		if ways[i]&graph.Outward != 0 && a.All[u] == colour {
			return true
		}
	}
	return false
}

// settle closes a vertex, if so, with its colour as component.
func (s *scc) settle(a *graph.Arrays[uint64, uint64], v int, so bool) bool {
	if so {
		a.Values[v] &^= open
	}
	return so
}

// tell publishes the components found, and nothing for the vertices that are left.
func (s *scc) tell(a *graph.Arrays[uint64, uint64]) {
	for v, x := range a.Values {
		if a.Out[v] = nothing; x&open == 0 {
			a.Out[v] = x
		}
	}
}
