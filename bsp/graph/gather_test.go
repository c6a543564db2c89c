package graph_test

import (
	"bytes"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"scalar/bsp"
	"scalar/bsp/bsptest"
	"scalar/bsp/graph"
	"scalar/superstep"
)

// gathered is a program of one exchange: the value of a vertex is what is combined of the
// ids, plus 1, of the sources of its edges.
func gathered(op superstep.Op) bsp.Runner {
	return bsp.NewRunner(graph.Program(graph.Input{}, func(*graph.Global) graph.Algorithm[int64, int64] {
		return graph.Algorithm[int64, int64]{
			Combine: op, Supersteps: 2,
			Sweep: func(a *graph.Arrays[int64, int64]) {
				copy(a.Values, a.Inbox)
				for v := range a.Out {
					a.Out[v] = int64(a.ID(v)) + 1
				}
			},
		}
	}))
}

// TestGather: of more vertices than there are hubs, and rows than are gathered together,
// what is gathered is what a loop over the edges finds; so it is of edges in a file, and where
// edges between few rows and sources that are no hubs are so many that they lie in strips.
func TestGather(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	rng := rand.New(rand.NewPCG(7, 1))
	t.Run("sparse", func(t *testing.T) {
		const vertices = 1_000_000
		testGather(t, 600_000, func() (src, dst int64) {
			skew := rng.Float64() // some sources have many edges
			return int64(skew*skew*vertices) * 7 % vertices, rng.Int64N(vertices)
		})
	})
	t.Run("dense", func(t *testing.T) {
		testGather(t, 600_000, func() (src, dst int64) {
			return rng.Int64N(100_000), min(rng.Int64N(20_000), rng.Int64N(20_000))
		})
	})
}

// testGather compares what programs of all operators gather with what a loop over edges does.
func testGather(t *testing.T, edges int, draw func() (src, dst int64)) {
	t.Helper()
	var text strings.Builder
	type edge struct{ src, dst int64 }
	list := make([]edge, 0, edges)
	for range edges {
		src, dst := draw()
		list = append(list, edge{src, dst})
		text.WriteString(strconv.FormatInt(src, 10) + " " + strconv.FormatInt(dst, 10) + "\n")
	}
	input := write(t, "edges", text.String())
	for op, combine := range map[superstep.Op]func(a, b int64) int64{
		superstep.Sum: func(a, b int64) int64 { return a + b },
		superstep.Min: func(a, b int64) int64 { return min(a, b) },
		superstep.Max: func(a, b int64) int64 { return max(a, b) },
	} {
		want := map[string]int64{}
		none := graph.Identity[int64](op)
		for _, e := range list {
			for _, v := range []int64{e.src, e.dst} {
				id := strconv.FormatInt(v, 10)
				if _, ok := want[id]; !ok {
					want[id] = none
				}
			}
			id := strconv.FormatInt(e.dst, 10)
			want[id] = combine(want[id], e.src+1)
		}
		configs := []bsptest.Config{{Peers: 1}}
		if op == superstep.Sum {
			configs = append(configs, bsptest.Config{Peers: 3, Tasks: 2}, bsptest.Config{Peers: 2, Arena: 1})
		}
		for _, cfg := range configs {
			cfg.Input = input
			got := table(t, bsptest.Run(t, cfg, gathered(op)).Output)
			if len(got) != len(want) {
				t.Fatalf("%+v: %d vertices, want %d", cfg, len(got), len(want))
			}
			for id, x := range want {
				if got[id] != strconv.FormatInt(x, 10) {
					t.Fatalf("%+v, operator %v: vertex %s has %s, want %d", cfg, op, id, got[id], x)
				}
			}
		}
	}
}

// TestGatherBits: of more places than a block is gathered from at a time, sums of floats have the
// same bits in memory, where many far edges lie in strips, and in a file, where all are in cells.
func TestGatherBits(t *testing.T) {
	var text strings.Builder
	rng := rand.New(rand.NewPCG(3, 9))
	for i := range 900_000 {
		sources := 130_000
		if i%4 == 0 {
			sources = 600_000
		}
		text.WriteString(strconv.Itoa(rng.IntN(sources)) + " " + strconv.Itoa(rng.IntN(50_000)) + "\n")
	}
	input := write(t, "edges", text.String())
	t.Setenv("TMPDIR", t.TempDir())
	program := bsp.NewRunner(graph.Program(graph.Input{}, func(*graph.Global) graph.Algorithm[float64, float64] {
		return graph.Algorithm[float64, float64]{
			Combine: superstep.Sum, Supersteps: 3,
			Sweep: func(a *graph.Arrays[float64, float64]) {
				for v := range a.Out {
					a.Values[v] = a.Inbox[v] + 1/float64(a.ID(v)+1)
					a.Out[v] = a.Values[v]
				}
			},
		}
	}))
	want := bsptest.Run(t, bsptest.Config{Peers: 2, Input: input}, program)
	for _, cfg := range []bsptest.Config{{Arena: 1}, {Arena: 1 << 20}, {Tasks: 2}, {Arena: 1, RestartAt: 1}} {
		cfg.Peers, cfg.Input = 2, input
		if got := bsptest.Run(t, cfg, program); !bytes.Equal(got.Output, want.Output) {
			t.Errorf("%+v: other bits", cfg)
		}
	}
}

// TestGatherSources: where messages are combined there are no rows to look at.
func TestGatherSources(t *testing.T) {
	input := write(t, "edges", "1 2\n")
	program := bsp.NewRunner(graph.Program(graph.Input{}, func(*graph.Global) graph.Algorithm[int64, int64] {
		return graph.Algorithm[int64, int64]{
			Combine: superstep.Sum, Supersteps: 1,
			Sweep: func(a *graph.Arrays[int64, int64]) { a.Values[0] = int64(len(a.Sources(0))) },
		}
	}))
	if _, err := bsptest.Try(t, bsptest.Config{Input: input}, program); err == nil || !strings.Contains(err.Error(), "set no Combine") {
		t.Errorf("%v", err)
	}
}
