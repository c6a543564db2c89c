package algo_test

import (
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"scalar/bsp"
	"scalar/bsp/bsptest"
	"scalar/bsp/graph"
	"scalar/superstep"

	"pgregory.net/rapid"
)

// TestFreePaths are shortest paths with a combiner of the user's, over structs.
func TestFreePaths(t *testing.T) {
	type way struct{ Length float64 }
	var source string
	program := func(in graph.Input) bsp.Runner {
		in.Weights = true
		return bsp.NewRunner(graph.FreeProgram(in, func(g *graph.Global) graph.Algorithm[float64, way] {
			return graph.Algorithm[float64, way]{
				Roots: []string{source},
				Merge: func(a, b way) way { return way{min(a.Length, b.Length)} },
				Compute: func(v *graph.Vertex[float64, way], msgs iter.Seq[way]) {
					best := math.Inf(1)
					if v.Superstep() == 0 {
						if v.Value = best; v.ID() == g.Root(0) {
							best = 0
						}
					}
					for m := range msgs {
						best = min(best, m.Length)
					}
					if best < v.Value {
						v.Value = best
						v.SendWeighted(func(w float64) way { return way{best + w} })
					}
					v.Halt()
				},
			}
		}))
	}
	against(t, program, func(s *sketch) map[string]string {
		source = first(s)
		want := map[string]string{}
		for id, d := range distances(s, func(e edge) float64 { return e.weight }) {
			want[id] = strconv.FormatFloat(d, 'g', -1, 64)
		}
		return want
	}, exactly)
}

// TestNames has values that are ids, of both engines that compute vertices: that of a
// vertex which has an edge to each.
func TestNames(t *testing.T) {
	program := func(in graph.Input) bsp.Runner {
		return bsp.NewRunner(graph.Program(in, func(*graph.Global) graph.Algorithm[uint64, uint64] {
			return graph.Algorithm[uint64, uint64]{Combine: superstep.Min, Supersteps: 2, Names: true, Compute: tellNeighbours}
		}))
	}
	free := func(in graph.Input) bsp.Runner {
		return bsp.NewRunner(graph.FreeProgram(in, func(*graph.Global) graph.Algorithm[uint64, uint64] {
			return graph.Algorithm[uint64, uint64]{Supersteps: 2, Names: true, Compute: tellNeighbours}
		}))
	}
	for _, p := range []func(graph.Input) bsp.Runner{program, free} {
		against(t, p, func(s *sketch) map[string]string {
			want := map[string]string{}
			for _, id := range s.ids {
				want[id] = ""
			}
			for _, e := range s.directed() {
				want[e.dst] += "(" + e.src + ")"
			}
			return want
		}, func(got, want string) bool {
			return got == "-" && want == "" || strings.Contains(want, "("+got+")")
		})
	}
}

func tellNeighbours(v *graph.Vertex[uint64, uint64], _ iter.Seq[uint64]) {
	if v.Superstep() == 0 {
		v.SendAll(v.ID())
		return
	}
	v.Value = graph.NoID
	if id, ok := v.Message(); ok {
		v.Value = id
	}
}

// TestNoMessage asks for messages where there is none, after a vertex that has one.
func TestNoMessage(t *testing.T) {
	compute := func(v *graph.Vertex[int64, int64], _ iter.Seq[int64]) {
		m, some := v.Message()
		if v.Value = m; !some {
			v.Value += 100
		}
		v.SendAll(7)
	}
	algorithm := func(op superstep.Op, pull bool) func(*graph.Global) graph.Algorithm[int64, int64] {
		return func(*graph.Global) graph.Algorithm[int64, int64] {
			return graph.Algorithm[int64, int64]{Supersteps: 2, Combine: op, Pull: pull, Compute: compute}
		}
	}
	s := &sketch{ids: []string{"1", "2"}, lines: []edge{{"2", "1", 1}}}
	input := s.files(t, t.TempDir())
	for name, program := range map[string]bsp.Runner{
		"free":   bsp.NewRunner(graph.FreeProgram(s.in, algorithm(0, false))),
		"pushed": bsp.NewRunner(graph.Program(s.in, algorithm(superstep.Sum, false))),
		"pulled": bsp.NewRunner(graph.Program(s.in, algorithm(superstep.Sum, true))),
	} {
		got := values(t, bsptest.Run(t, bsptest.Config{Input: input}, program).Output)
		if got["1"] != "7" || got["2"] != "100" {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestFreeMessages has messages of names, uncombined: every vertex keeps the names of
// those that have an edge to it, once for each edge.
func TestFreeMessages(t *testing.T) {
	program := func(in graph.Input) bsp.Runner {
		return bsp.NewRunner(graph.FreeProgram(in, func(*graph.Global) graph.Algorithm[string, string] {
			return graph.Algorithm[string, string]{
				Supersteps: 2,
				Compute: func(v *graph.Vertex[string, string], msgs iter.Seq[string]) {
					if v.Superstep() == 0 {
						v.SendAll(v.Name())
						return
					}
					v.Value = fmt.Sprint(slices.Sorted(msgs), v.NumVertices(), v.NumEdges())
				},
			}
		}))
	}
	against(t, program, func(s *sketch) map[string]string {
		senders := map[string][]string{}
		for _, e := range s.directed() {
			senders[e.dst] = append(senders[e.dst], e.src)
		}
		want := map[string]string{}
		for _, id := range s.ids {
			slices.Sort(senders[id])
			want[id] = fmt.Sprint(senders[id], len(s.ids), len(s.directed()))
		}
		return want
	}, exactly)
}

// plot is what a vertex of a changing graph can do, for the engine and for the oracle.
type plot interface {
	ID() uint64
	Edges() iter.Seq2[uint64, float64]
	AddEdge(to uint64, w float64)
	RemoveEdge(to uint64)
	Remove()
	AddVertex(id uint64, value int64)
	RemoveVertex(id uint64)
	AddEdgeFrom(from, to uint64, w float64)
	RemoveEdgeFrom(from, to uint64)
	SendAll(m int64)
	Send(id uint64, m int64)
	Halt()
}

// sight is what all vertices see.
type sight struct {
	superstep       int
	vertices, edges int64
}

// spins is how many supersteps vertices change the graph.
const spins = 5

// spin is a program that does all that a program can, by chance that is the same
// everywhere.
func spin(v plot, now sight, value *int64, messages []int64) {
	for _, m := range messages {
		*value += m
	}
	*value += 1000*now.vertices + now.edges
	x := mixed(v.ID()*31 + uint64(now.superstep))
	some := func() uint64 { x = mixed(x); return x % 12 }
	if now.superstep >= spins {
		v.Halt()
		return
	}
	for range some() % 3 {
		switch some() {
		case 0:
			v.Remove()
		case 1:
			id := some()
			v.AddVertex(id, int64(id))
		case 2:
			v.RemoveVertex(some())
		case 3, 4:
			v.AddEdge(some(), 1)
		case 5:
			v.RemoveEdge(some())
		case 6, 7:
			v.AddEdgeFrom(some(), some(), 2)
		case 8:
			v.RemoveEdgeFrom(some(), some())
		case 9:
			v.Send(some(), 7)
		case 10:
			v.Halt()
		default:
			for to, w := range v.Edges() {
				*value += int64(to) + int64(w)
			}
		}
	}
	v.SendAll(int64(some()))
}

func mixed(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// TestChanges compares a graph that changes with plain maps.
func TestChanges(tt *testing.T) {
	dir := tt.TempDir()
	rapid.Check(tt, func(t *rapid.T) {
		s := &sketch{}
		for range rapid.IntRange(0, 30).Draw(t, "edges") {
			id := rapid.IntRange(0, 9)
			s.lines = append(s.lines, edge{strconv.Itoa(id.Draw(t, "a")), strconv.Itoa(id.Draw(t, "b")), 1})
		}
		for i := range rapid.IntRange(1, 10).Draw(t, "vertices") {
			s.ids = append(s.ids, strconv.Itoa(i))
		}
		missing := rapid.SampledFrom([]graph.Missing{graph.DropMissing, graph.CreateMissing}).Draw(t, "missing")
		program := bsp.NewRunner(graph.FreeProgram(graph.Input{Vertices: dir + "/vertices"}, func(g *graph.Global) graph.Algorithm[int64, int64] {
			return graph.Algorithm[int64, int64]{
				Missing: missing,
				Compute: func(v *graph.Vertex[int64, int64], msgs iter.Seq[int64]) {
					spin(v, sight{v.Superstep(), v.NumVertices(), g.NumEdges()}, &v.Value, slices.Collect(msgs))
				},
			}
		}))
		input := s.files(t, dir)
		want := plain(s, missing == graph.CreateMissing)
		peers := rapid.IntRange(1, 5).Draw(t, "peers")
		cfg := bsptest.Config{Peers: peers, Tasks: rapid.IntRange(1, peers).Draw(t, "tasks"), Input: input}
		for range 2 {
			r, err := bsptest.Try(tt, cfg, program)
			if err != nil {
				t.Fatalf("%+v: %v", cfg, err)
			}
			if got := values(t, r.Output); !maps.Equal(got, want) {
				t.Fatalf("%+v: %v, want %v", cfg, got, want)
			}
			if r.Supersteps < 2 {
				break
			}
			cfg.RestartAt = rapid.IntRange(1, r.Supersteps-1).Draw(t, "at")
		}
	})
}
