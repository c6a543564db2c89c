package graph_test

import (
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
	"testing"

	"scalar/bsp"
	"scalar/bsp/bsptest"
	"scalar/bsp/graph"
	"scalar/bsp/job"
	"scalar/superstep"
)

// named is a message, a value and an aggregate that would arrive without its name.
type named struct {
	Hops int
	name string
}

// TestFieldsLeftOut: what msgpack would leave out of a type without a word, its program is
// told before it computes anything.
func TestFieldsLeftOut(t *testing.T) {
	input := write(t, "graph", "1 2\n")
	messages := graph.FreeProgram(graph.Input{}, func(*graph.Global) graph.Algorithm[string, named] {
		return graph.Algorithm[string, named]{Compute: func(v *graph.Vertex[string, named], _ iter.Seq[named]) { v.SendAll(named{name: v.Name()}) }}
	})
	changing := graph.FreeProgram(graph.Input{}, func(*graph.Global) graph.Algorithm[named, string] {
		return graph.Algorithm[named, string]{Compute: func(v *graph.Vertex[named, string], _ iter.Seq[string]) { v.Halt() }}
	})
	values := graph.Program(graph.Input{}, func(*graph.Global) graph.Algorithm[named, int64] {
		return graph.Algorithm[named, int64]{Combine: superstep.Min, Compute: func(v *graph.Vertex[named, int64], _ iter.Seq[int64]) { v.Halt() }}
	})
	folds := graph.Program(graph.Input{}, func(g *graph.Global) graph.Algorithm[int64, int64] {
		graph.NewFold(g, named{}, func(a, _ named) named { return a })
		return graph.Algorithm[int64, int64]{Combine: superstep.Min, Compute: func(v *graph.Vertex[int64, int64], _ iter.Seq[int64]) { v.Halt() }}
	})
	for what, runner := range map[string]bsp.Runner{
		"messages":            bsp.NewRunner(messages),
		"values of vertices":  bsp.NewRunner(values),
		"values of a fold":    bsp.NewRunner(folds),
		"values of vertices:": bsp.NewRunner(changing),
	} {
		_, err := bsptest.Try(t, bsptest.Config{Peers: 2, Tasks: 1, Input: input}, runner)
		if err == nil || job.AsFailure(err, job.FaultInternal).Kind != job.FaultInput || !strings.Contains(err.Error(), what) || !strings.Contains(err.Error(), "graph_test.named.name would be left out") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestFolds: all vertices read in superstep 1 what all have added in superstep 0, in the
// order of peers and vertices, and in superstep 0 nothing.
func TestFolds(t *testing.T) {
	input := write(t, "graph", "1 2\n2 3\n3 4\n4 1\n")
	program := graph.Program(graph.Input{}, func(g *graph.Global) graph.Algorithm[string, int64] {
		names := graph.NewFold(g, "", func(a, b string) string { return a + b })
		most := graph.NewAggregator[int64](g, superstep.Max)
		mean := graph.NewAverage(g)
		moved := graph.NewAbsDiff(g)
		return graph.Algorithm[string, int64]{
			Combine:    superstep.Sum,
			Supersteps: 2,
			Compute: func(v *graph.Vertex[string, int64], _ iter.Seq[int64]) {
				if v.Superstep() == 0 {
					if names.Value() != "" || !math.IsNaN(mean.Value()) || moved.Value() != 0 {
						t.Error("there are values before anything was added")
					}
					names.Add(v.Name())
					most.Add(int64(v.ID()))
					mean.Add(float64(v.ID()))
					moved.Add(float64(v.ID()), 1)
					return
				}
				letters := strings.Split(names.Value(), "")
				slices.Sort(letters)
				v.Value = fmt.Sprintf("%s %d %g %g %d %d", strings.Join(letters, ""), most.Value(), mean.Value(), moved.Value(), v.NumVertices(), v.NumEdges())
			},
		}
	})
	for _, peers := range []int{1, 2, 3, 5} {
		got := table(t, outcome(t, t, trial{runner: bsp.NewRunner(program), input: input, peers: peers, tasks: 1 + peers/2, restartAt: 1}).Output)
		for _, id := range []string{"1", "2", "3", "4"} {
			if want := "1234 4 2.5 6 4 4"; got[id] != want {
				t.Errorf("%d peers: %s has %q, want %q", peers, id, got[id], want)
			}
		}
	}
}
