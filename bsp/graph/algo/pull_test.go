package algo_test

import (
	"iter"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"scalar/bsp"
	"scalar/bsp/bsptest"
	"scalar/bsp/graph"
	"scalar/bsp/job"
	"scalar/superstep"
)

// ranked is PageRank as a user writes it, pushed or pulled.
func ranked(in graph.Input, updates int, pull bool) bsp.Runner {
	return bsp.NewRunner(graph.Program(in, func(g *graph.Global) graph.Algorithm[float64, float64] {
		dangling := graph.NewAggregator[float64](g, superstep.Sum)
		return graph.Algorithm[float64, float64]{
			Combine: superstep.Sum, Supersteps: updates + 1, Pull: pull,
			Compute: func(v *graph.Vertex[float64, float64], _ iter.Seq[float64]) {
				n := float64(v.NumVertices())
				v.Value = 1 / n
				if v.Superstep() > 0 {
					sum, _ := v.Message()
					v.Value = 0.2/n + 0.8*(dangling.Value()/n+sum)
				}
				if d := v.Degree(); d > 0 {
					v.SendAll(v.Value / float64(d))
				} else {
					dangling.Add(v.Value)
				}
			},
		}
	}))
}

func TestPulledRanks(t *testing.T) {
	for _, pull := range []bool{true, false} {
		against(t, func(in graph.Input) bsp.Runner { return ranked(in, 6, pull) }, func(s *sketch) map[string]string {
			all := map[string]bool{}
			for _, id := range s.ids {
				all[id] = true
			}
			return jumps(s, all, 6, 0.8)
		}, nearly)
	}
}

// hops is a search as a user writes it, pulled, with vertices that sleep and few that send.
func hops(in graph.Input, source string) bsp.Runner {
	return bsp.NewRunner(graph.Program(in, func(g *graph.Global) graph.Algorithm[int64, int64] {
		return graph.Algorithm[int64, int64]{
			Combine: superstep.Min, Roots: []string{source}, Pull: true,
			Compute: func(v *graph.Vertex[int64, int64], _ iter.Seq[int64]) {
				steps, reached := v.Message()
				if v.Superstep() == 0 {
					v.Value = math.MaxInt64
					steps, reached = 0, v.ID() == g.Root(0)
				}
				if reached && steps < v.Value {
					v.Value = steps
					v.SendAll(steps + 1)
				}
				v.Halt()
			},
		}
	}))
}

func TestPulledPaths(t *testing.T) {
	var source string
	against(t, func(in graph.Input) bsp.Runner { return hops(in, source) }, func(s *sketch) map[string]string {
		source = first(s)
		return levels(s)
	}, exactly)
}

// TestPulledPieces has more vertices than are computed at a time, every other one without edges.
func TestPulledPieces(t *testing.T) {
	s := numbered(5000, false)
	r := rand.New(rand.NewPCG(5, 6))
	for range 15_000 {
		s.link(r.IntN(2500)*2, r.IntN(5000))
	}
	want, cfg := levels(s), bsptest.Config{Input: s.files(t, t.TempDir())}
	for _, cfg.Peers = range []int{1, 2, 3} {
		run := hops(s.in, first(s))
		got := values(t, bsptest.Run(t, cfg, run).Output)
		for id, steps := range want {
			if got[id] != steps {
				t.Errorf("%d peers: %s has %s, want %s", cfg.Peers, id, got[id], steps)
			}
		}
		split := cfg
		split.Tasks, split.RestartAt = min(cfg.Peers, 2), 3
		bsptest.SameBits(t, split, run)
	}
}

// TestPullSends sends along edges and to single vertices in one superstep.
func TestPullSends(t *testing.T) {
	var source string
	against(t, func(in graph.Input) bsp.Runner {
		return bsp.NewRunner(graph.Program(in, func(g *graph.Global) graph.Algorithm[int64, int64] {
			return graph.Algorithm[int64, int64]{
				Combine: superstep.Sum, Roots: []string{source}, Supersteps: 2, Pull: true,
				Compute: func(v *graph.Vertex[int64, int64], _ iter.Seq[int64]) {
					v.Value, _ = v.Message()
					v.SendAll(1)
					v.SendAll(1)
					v.Send(g.Root(0), 1000)
				},
			}
		}))
	}, func(s *sketch) map[string]string {
		source = first(s)
		sums := map[string]int{source: 1000 * len(s.ids)}
		for _, e := range s.directed() {
			sums[e.dst] += 2
		}
		want := map[string]string{}
		for _, id := range s.ids {
			want[id] = strconv.Itoa(sums[id])
		}
		return want
	}, exactly)
}

// SendWeighted needs pushing.
func TestPullOfWeights(t *testing.T) {
	s := &sketch{ids: []string{"1", "2"}, lines: []edge{{"1", "2", 1}}}
	_, err := bsptest.Try(t, bsptest.Config{Input: s.files(t, t.TempDir())}, bsp.NewRunner(graph.Program(s.in, func(*graph.Global) graph.Algorithm[int64, int64] {
		return graph.Algorithm[int64, int64]{
			Combine: superstep.Sum, Pull: true,
			Compute: func(v *graph.Vertex[int64, int64], _ iter.Seq[int64]) {
				v.SendWeighted(func(float64) int64 { return 1 })
			},
		}
	})))
	if f := job.AsFailure(err, job.FaultInternal); err == nil || f.Kind != job.FaultProgram || !strings.Contains(f.Message, "leave Pull out") {
		t.Fatal(err)
	}
}
