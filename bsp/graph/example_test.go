package graph_test

import (
	"iter"

	"scalar/bsp"
	"scalar/bsp/graph"
	"scalar/superstep"
)

// Hops from vertex 0: a vertex that learns of a shorter way tells its neighbours,
// and sleeps until the next message.
func ExampleProgram() {
	hops := graph.Program(graph.Input{}, func(*graph.Global) graph.Algorithm[int64, int64] {
		return graph.Algorithm[int64, int64]{
			Combine: superstep.Min,
			Compute: func(v *graph.Vertex[int64, int64], _ iter.Seq[int64]) {
				best, reached := v.Message()
				if v.Superstep() == 0 {
					v.Value = -1
					best, reached = 0, v.ID() == 0
				}
				if reached && v.Value < 0 {
					v.Value = best
					v.SendAll(best + 1)
				}
				v.Halt()
			},
		}
	})
	bsp.Main(hops) // PROGRAM --input FILE
}

// An aggregator holds what all vertices have added in the superstep before.
func ExampleNewAggregator() {
	graph.Program(graph.Input{IDs: graph.Strings}, func(g *graph.Global) graph.Algorithm[float64, float64] {
		moved := graph.NewAggregator[float64](g, superstep.Max)
		return graph.Algorithm[float64, float64]{
			Combine: superstep.Sum,
			Compute: func(v *graph.Vertex[float64, float64], msgs iter.Seq[float64]) {
				for m := range msgs {
					moved.Add(m - v.Value)
					v.Value = m
				}
				v.SendWeighted(func(w float64) float64 { return w * (v.Value + 1) })
			},
			Until:      func(superstep int) bool { return superstep > 1 && moved.Value() < 1e-3 },
			Supersteps: 100,
		}
	})
}

// A search cares for the first message to a vertex alone: with Once it may pull. Here
// everything that can be reached from the vertices 1 and 2 learns in how many steps.
func ExampleAlgorithm_once() {
	graph.Program(graph.Input{}, func(g *graph.Global) graph.Algorithm[int64, int64] {
		return graph.Algorithm[int64, int64]{
			Combine: superstep.Min,
			Once:    true,
			Roots:   []string{"1", "2"},
			Compute: func(v *graph.Vertex[int64, int64], _ iter.Seq[int64]) {
				steps, reached := v.Message()
				if v.Superstep() == 0 {
					v.Value = -1
					steps, reached = 0, v.ID() == g.Root(0) || v.ID() == g.Root(1)
				}
				if reached && v.Value < 0 { // a source gets a message too
					v.Value = steps
					v.SendAll(steps + 1) // the same from all in one superstep
				}
				v.Halt()
			},
		}
	})
}
