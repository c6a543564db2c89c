package algo

import (
	"iter"
	"math"
	"strconv"

	"scalar/bsp"
	"scalar/bsp/graph"
	"scalar/superstep"
)

// unreached is the number of steps to a vertex that no path leads to. Steps are 32 bits
// inside, so that a search moves half of the memory: a path of 2^32-1 edges would take as
// many supersteps.
const unreached = math.MaxUint32

// BFS returns the bsp program that counts the edges of the shortest path from a source
// to every vertex; where there is none it writes 9223372036854775807, as LDBC Graphalytics
// has it.
func BFS(in graph.Input, source string) bsp.Program[graph.Direct[uint32]] {
	return graph.Program(in, func(g *graph.Global) graph.Algorithm[uint32, uint32] {
		return graph.Algorithm[uint32, uint32]{
			Combine: superstep.Min,
			Once:    true,
			Roots:   []string{source},
			Format:  formatSteps,
			Compute: func(v *graph.Vertex[uint32, uint32], _ iter.Seq[uint32]) {
				steps, reached := v.Message()
				if v.Superstep() == 0 {
					v.Value = unreached
					if v.ID() == g.Root(0) {
						steps, reached = 0, true
					}
				}
				if reached && v.Value == unreached { // the source is reached once more
					v.Value = steps
					v.SendAll(steps + 1)
				}
				v.Halt()
			},
		}
	})
}

func formatSteps(dst []byte, steps uint32) []byte {
	if steps == unreached {
		return strconv.AppendInt(dst, math.MaxInt64, 10)
	}
	return strconv.AppendUint(dst, uint64(steps), 10)
}
