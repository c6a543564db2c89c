package graph_test

import (
	"iter"
	"testing"

	"scalar/bsp"
	"scalar/bsp/bsptest"
	"scalar/bsp/graph"
	"scalar/superstep"
)

// told is an algorithm of three supersteps, in which every vertex appends to its value, as two digits, what
// Begin has made of the superstep and the number of vertices that were computed in the one before.
func told(g *graph.Global) graph.Algorithm[int64, int64] {
	computed := graph.NewAggregator[int64](g, superstep.Sum)
	last, now := -1, int64(0)
	return graph.Algorithm[int64, int64]{
		Supersteps: 3,
		Begin: func(superstep int) {
			now = int64(superstep) + computed.Value()
			if superstep == last { // once
				now = 99
			}
			last = superstep
		},
		Compute: func(v *graph.Vertex[int64, int64], _ iter.Seq[int64]) {
			v.Value = v.Value*100 + now
			computed.Add(1)
		},
	}
}

func TestBegin(t *testing.T) {
	input := write(t, "edges", example)
	for name, p := range map[string]bsp.Runner{
		"pushed": bsp.NewRunner(graph.Program(graph.Input{}, func(g *graph.Global) graph.Algorithm[int64, int64] {
			alg := told(g)
			alg.Combine = superstep.Min
			return alg
		})),
		"pulled": bsp.NewRunner(graph.Program(graph.Input{}, func(g *graph.Global) graph.Algorithm[int64, int64] {
			alg := told(g)
			alg.Combine, alg.Pull = superstep.Sum, true
			return alg
		})),
		"swept": bsp.NewRunner(graph.Program(graph.Input{}, func(g *graph.Global) graph.Algorithm[int64, int64] {
			alg := told(g)
			compute := alg.Compute
			alg.Compute, alg.Combine = nil, superstep.Sum
			alg.Sweep = func(a *graph.Arrays[int64, int64]) {
				for i, value := range a.Values {
					v := graph.Vertex[int64, int64]{Value: value}
					compute(&v, nil)
					a.Values[i] = v.Value
				}
			}
			return alg
		})),
		"free": bsp.NewRunner(graph.FreeProgram(graph.Input{}, told)),
	} {
		t.Run(name, func(t *testing.T) {
			cfg := bsptest.Config{Peers: 2, Input: input}
			got := table(t, bsptest.Run(t, cfg, p).Output)
			for id, value := range got {
				if value != "1112" { // 00, 1 + 10, 2 + 10
					t.Errorf("%s has %s", id, value)
				}
			}
			if len(got) != 10 {
				t.Errorf("%d vertices", len(got))
			}
			for cfg.RestartAt = range 3 {
				bsptest.SameBits(t, cfg, p)
			}
		})
	}
}
