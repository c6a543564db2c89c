package algo

import (
	"iter"

	"scalar/bsp"
	"scalar/bsp/graph"
	"scalar/superstep"
)

// Inlinks returns the bsp program that counts the edges into every vertex, parallel
// ones and loops included.
func Inlinks(in graph.Input) bsp.Program[graph.Direct[int64]] {
	return graph.Program(in, func(*graph.Global) graph.Algorithm[int64, int64] {
		return graph.Algorithm[int64, int64]{
			Combine:    superstep.Sum,
			Supersteps: 2,
			Compute: func(v *graph.Vertex[int64, int64], _ iter.Seq[int64]) {
				if v.Superstep() == 0 {
					v.SendAll(1)
				}
				v.Value, _ = v.Message() // 0 without one
			},
		}
	})
}
