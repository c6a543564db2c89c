package algo

import (
	"scalar/bsp"
	"scalar/bsp/graph"
	"scalar/superstep"
)

// KCore returns the bsp program that gives every vertex its core number: the largest k
// such that it belongs to a part of the graph in which every vertex has k neighbours or
// more. Neighbours are distinct, either way along edges, and loops do not count. Every
// vertex lowers an estimate, at first its number of neighbours, to the largest k for
// which k neighbours have an estimate of k or more, until nothing changes (Montresor,
// De Pellegrini and Miorandi, Distributed k-core decomposition, 2013).
func KCore(in graph.Input) bsp.Program[graph.Direct[uint32]] {
	in.Undirected, in.Distinct, in.AsRead = true, true, true
	return graph.Program(in, func(g *graph.Global) graph.Algorithm[uint32, uint32] {
		changed := graph.NewAggregator[int64](g, superstep.Sum)
		var counts []uint32
		return graph.Algorithm[uint32, uint32]{
			Until: func(int) bool { return changed.Value() == 0 },
			Sweep: func(a *graph.Arrays[uint32, uint32]) {
				for v := range a.Values {
					sources := a.Sources(v)
					k := uint32(len(sources))
					if g.Superstep() > 0 {
						k, counts = core(a.Values[v], sources, a.All, counts)
					}
					if k != a.Values[v] {
						changed.Add(1)
					}
					a.Values[v], a.Out[v] = k, k
				}
			},
		}
	})
}

// core returns the largest k of at most the estimate such that k of the neighbours have
// an estimate of k or more. counts is memory to use again.
func core(estimate uint32, neighbours, estimates, counts []uint32) (k uint32, memory []uint32) {
	enough := uint32(0)
	for _, u := range neighbours {
		if estimates[u] >= estimate {
			enough++
		}
	}
	if enough >= estimate {
		return estimate, counts
	}
	if len(counts) <= int(estimate) {
		counts = make([]uint32, estimate+1)
	}
	clear(counts[:estimate+1])
	for _, u := range neighbours {
		counts[min(estimates[u], estimate)]++
	}
	have := uint32(0)
	for k = estimate; k > 0; k-- {
		if have += counts[k]; have >= k {
			break
		}
	}
	return k, counts
}
