package algo

import (
	"iter"
	"math"

	"scalar/bsp"
	"scalar/bsp/graph"
	"scalar/superstep"
)

// Unreached is the number of steps to a vertex that no path leads to.
const Unreached = math.MaxInt64

// BFS returns the bsp program that counts the edges of the shortest path from a source
// to every vertex; Unreached where there is none.
func BFS(in graph.Input, source string) bsp.Program[graph.Direct[int64]] {
	return graph.Program(in, func(g *graph.Global) graph.Algorithm[int64, int64] {
		return graph.Algorithm[int64, int64]{
			Combine: superstep.Min,
			Once:    true,
			Roots:   []string{source},
			Compute: func(v *graph.Vertex[int64, int64], _ iter.Seq[int64]) {
				steps, reached := v.Message()
				if v.Superstep() == 0 {
					v.Value = Unreached
					if v.ID() == g.Root(0) {
						steps, reached = 0, true
					}
				}
				if reached && v.Value == Unreached { // the source is reached once more
					v.Value = steps
					v.SendAll(steps + 1)
				}
				v.Halt()
			},
		}
	})
}
