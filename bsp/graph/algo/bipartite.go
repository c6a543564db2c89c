package algo

import (
	"scalar/bsp"
	"scalar/bsp/graph"
	"scalar/bsp/job"
	"scalar/internal/splitmix"
	"scalar/superstep"
)

// Bipartite returns the bsp program that finds a maximal matching of a bipartite graph
// by Pregel's randomised handshakes (Malewicz et al., SIGMOD 2010, §5.3): the ids
// in the file left are one side, the other vertices are the other side, and the
// direction of edges does not matter. A vertex gets the id of its match, or "-". No edge
// has both ends without a match then; the matching need not be the largest.
//
// A cycle takes three supersteps: left vertices without a match ask, right ones without
// grant one of those that ask, left ones accept one of those that grant. Pregel's fourth
// phase, in which the right ones take note, is the next cycle's first. What is chosen
// depends on the seed, the superstep and ids, and not on the number of peers.
func Bipartite(in graph.Input, left string, seed uint64) bsp.Program[graph.Direct[uint64]] {
	in.Undirected, in.Order, in.Neighbours, in.Marked = true, true, true, left
	named := in.IDs == graph.Strings
	return graph.Program(in, func(g *graph.Global) graph.Algorithm[uint64, uint64] {
		granted := graph.NewAggregator[int64](g, superstep.Sum)
		return graph.Algorithm[uint64, uint64]{
			Names: true,
			Until: func(superstep int) bool { return superstep%3 == 2 && granted.Value() == 0 },
			Sweep: func(a *graph.Arrays[uint64, uint64]) {
				s := g.Superstep()
				m := &matching{a, splitmix.Next(seed ^ uint64(s)), named}
				switch s % 3 {
				case 0:
					m.ask(s == 0)
				case 1:
					granted.Add(m.grant(s == 1))
				default:
					m.accept()
				}
			},
		}
	})
}

// matching is one superstep.
type matching struct {
	*graph.Arrays[uint64, uint64]
	salt  uint64
	named bool // ids are names
}

// ask lets right vertices take note of who accepted, and left ones without a match
// publish their ids.
func (m *matching) ask(first bool) {
	for v := range m.Values {
		m.Out[v] = graph.NoID
		switch {
		case first:
			m.Values[v] = graph.NoID
		case !m.Marked(v) && m.Values[v] == graph.NoID:
			own := m.ID(v)
			for _, u := range m.Sources(v) {
				if m.All[u] == own {
					m.Values[v] = m.Neighbour(u)
				}
			}
		}
		if m.Marked(v) && m.Values[v] == graph.NoID {
			m.Out[v] = m.ID(v)
		}
	}
}

// grant lets right vertices without a match publish the id of a vertex that asks. The
// first time all left ones ask, and nobody else.
func (m *matching) grant(first bool) (granted int64) {
	for v := range m.Values {
		m.Out[v] = graph.NoID
		if first {
			m.check(v)
		}
		if m.Marked(v) || m.Values[v] != graph.NoID {
			continue
		}
		if m.Out[v] = m.choose(v, func(u uint32) bool { return m.All[u] != graph.NoID }); m.Out[v] != graph.NoID {
			granted++
		}
	}
	return granted
}

// check fails the job for an edge within a side, and for a vertex that is called as the
// output calls no match.
func (m *matching) check(v int) {
	if m.named && m.Name(v) == "-" {
		m.Fail(job.Fail(job.FaultInput, "vertex - is called what stands for no match in the output: give it another name"))
		return
	}
	side := "left"
	if !m.Marked(v) {
		side = "right"
	}
	for _, u := range m.Sources(v) {
		if m.Marked(v) == (m.All[u] != graph.NoID) {
			m.Fail(job.Fail(job.FaultInput, "vertex %s is on the %s side and so is a vertex that it has an edge with: the graph is not bipartite, or --left lacks vertices", m.Name(v), side))
			return
		}
	}
}

// accept lets left vertices without a match take and publish one of those that grant.
func (m *matching) accept() {
	for v := range m.Values {
		m.Out[v] = graph.NoID
		if !m.Marked(v) || m.Values[v] != graph.NoID {
			continue
		}
		own := m.ID(v)
		m.Values[v] = m.choose(v, func(u uint32) bool { return m.All[u] == own })
		m.Out[v] = m.Values[v]
	}
}

// choose returns the id of one of a vertex's neighbours that will do, NoID without any.
func (m *matching) choose(v int, will func(u uint32) bool) uint64 {
	id, best := uint64(graph.NoID), uint64(0)
	salt := splitmix.Next(m.salt ^ m.ID(v))
	for _, u := range m.Sources(v) {
		if !will(u) {
			continue
		}
		n := m.Neighbour(u)
		if luck := splitmix.Next(salt ^ n); id == graph.NoID || luck > best || luck == best && n < id {
			id, best = n, luck
		}
	}
	return id
}
