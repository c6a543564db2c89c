package algo

import (
	"iter"
	"math"
	"strconv"

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
			Sources: []string{source},
			Compute: func(v *graph.Vertex[int64, int64], _ iter.Seq[int64]) {
				steps, reached := v.Message()
				if v.Superstep() == 0 {
					v.Value = Unreached
					if v.ID() == g.Source(0) {
						steps, reached = 0, true
					}
				}
				if reached && v.Value == Unreached {
					v.Value = steps
					v.SendAll(steps + 1)
				}
				v.Halt()
			},
		}
	})
}

// SSSP returns the bsp program that finds the length of the shortest path from a source
// to every vertex, +Inf where there is none. The weight of an edge is its length, 1 if
// it has none; it may not be negative.
func SSSP(in graph.Input, source string) bsp.Program[graph.Direct[float64]] {
	in.Weights, in.NonNegative = true, true
	return graph.Program(in, func(g *graph.Global) graph.Algorithm[float64, float64] {
		d := 0.0 // of the vertex that is computed
		along := func(w float64) float64 { return d + w }
		return graph.Algorithm[float64, float64]{
			Combine: superstep.Min,
			Sources: []string{source},
			Format:  formatDistance,
			Compute: func(v *graph.Vertex[float64, float64], _ iter.Seq[float64]) {
				best, reached := v.Message()
				if v.Superstep() == 0 {
					v.Value = math.Inf(1)
					if v.ID() == g.Source(0) {
						best, reached = 0, true
					}
				}
				if reached && best < v.Value {
					v.Value, d = best, best
					v.SendWeighted(along)
				}
				v.Halt()
			},
		}
	})
}

func formatDistance(dst []byte, d float64) []byte {
	if math.IsInf(d, 1) {
		return append(dst, "infinity"...)
	}
	return strconv.AppendFloat(dst, d, 'g', -1, 64)
}
