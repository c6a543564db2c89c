package algo

import (
	"slices"

	"scalar/bsp"
	"scalar/bsp/graph"
)

// CDLP returns the bsp program that finds communities by label propagation (Raghavan,
// Albert and Kumara, 2007) as LDBC Graphalytics defines it: every vertex begins with its
// id as label; in every iteration all vertices at once take the label that most of
// their neighbours have, the smallest of several. Neighbours count along edges either
// way, twice where there are edges both ways, and a vertex without one keeps its label.
func CDLP(in graph.Input, iterations int) bsp.Program[graph.Direct[uint64]] {
	in.Undirected, in.Order, in.AsRead = true, true, true
	return graph.Program(in, func(g *graph.Global) graph.Algorithm[uint64, uint64] {
		var labels []uint64
		return graph.Algorithm[uint64, uint64]{
			Supersteps: iterations + 1,
			Names:      true,
			Sweep: func(a *graph.Arrays[uint64, uint64]) {
				for v := range a.Values {
					if g.Superstep() == 0 {
						a.Values[v] = a.ID(v)
					} else if sources := a.Sources(v); len(sources) > 0 {
						labels = labels[:0]
						for _, u := range sources {
							labels = append(labels, a.All[u])
						}
						a.Values[v] = mode(labels)
					}
					a.Out[v] = a.Values[v]
				}
			},
		}
	})
}

// mode returns what is most often in xs, the smallest of several. It sorts xs.
func mode(xs []uint64) (most uint64) {
	slices.Sort(xs)
	best := 0
	for i := 0; i < len(xs); {
		j := i + 1
		for j < len(xs) && xs[j] == xs[i] {
			j++
		}
		if j-i > best {
			best, most = j-i, xs[i]
		}
		i = j
	}
	return most
}
