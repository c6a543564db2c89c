package algo_test

import (
	"container/heap"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"scalar/bsp"
	"scalar/bsp/bsptest"
	"scalar/bsp/graph"
	"scalar/bsp/graph/algo"
)

// way is an entry of Dijkstra's queue.
type way struct {
	to     string
	length float64
}

type ways []way

func (w ways) Len() int           { return len(w) }
func (w ways) Less(i, j int) bool { return w[i].length < w[j].length }
func (w ways) Swap(i, j int)      { w[i], w[j] = w[j], w[i] }
func (w *ways) Push(x any)        { *w = append(*w, x.(way)) }
func (w *ways) Pop() any {
	last := (*w)[len(*w)-1]
	*w = (*w)[:len(*w)-1]
	return last
}

// dijkstra returns the lengths of shortest paths, as they are written.
func dijkstra(s *sketch, source string) map[string]string {
	out := map[string][]edge{}
	for _, e := range s.directed() {
		out[e.src] = append(out[e.src], e)
	}
	d := map[string]float64{}
	for queue := (&ways{{source, 0}}); queue.Len() > 0; {
		w := heap.Pop(queue).(way)
		if _, done := d[w.to]; done {
			continue
		}
		d[w.to] = w.length
		for _, e := range out[w.to] {
			heap.Push(queue, way{e.dst, w.length + e.weight})
		}
	}
	lines := map[string]string{}
	for _, id := range s.ids {
		if x, ok := d[id]; ok && !math.IsInf(x, 1) {
			lines[id] = strconv.FormatFloat(x, 'g', -1, 64)
		} else {
			lines[id] = "infinity"
		}
	}
	return lines
}

// randomSketch has n vertices and edges between any, of weights that weigh returns.
func randomSketch(n, edges int, weigh func(r *rand.Rand) float64) *sketch {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	s := &sketch{}
	for i := range n {
		s.ids = append(s.ids, strconv.Itoa(i))
	}
	for range edges {
		s.lines = append(s.lines, edge{s.ids[r.IntN(n)], s.ids[r.IntN(n)], weigh(r)})
	}
	return s
}

// TestSSSPWeights compares with Dijkstra's algorithm for weights that buckets are hard to
// choose for, with any number of peers and tasks, and with restarts.
func TestSSSPWeights(t *testing.T) {
	for name, weigh := range map[string]func(r *rand.Rand) float64{
		"zero":     func(*rand.Rand) float64 { return 0 },
		"equal":    func(*rand.Rand) float64 { return 0.1 },
		"some":     func(r *rand.Rand) float64 { return float64(r.IntN(2)) * r.Float64() },
		"integers": func(r *rand.Rand) float64 { return float64(1 + r.IntN(255)) },
		"range":    func(r *rand.Rand) float64 { return math.Pow(10, 600*r.Float64()-300) },
		"smallest": func(r *rand.Rand) float64 { return math.SmallestNonzeroFloat64 * float64(r.IntN(9)) },
		"largest":  func(r *rand.Rand) float64 { return math.MaxFloat64 * r.Float64() },
		"outlier": func(r *rand.Rand) float64 {
			if r.IntN(100) == 0 {
				return 1e300
			}
			return r.Float64()
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, n := range []int{10, 1000} {
				s := randomSketch(n, 4*n, weigh)
				input := s.files(t, t.TempDir())
				want := dijkstra(s, "3")
				run := bsp.NewRunner(algo.SSSP(s.in, "3"))
				for _, cfg := range []bsptest.Config{{Peers: 1}, {Peers: 2}, {Peers: 3, Tasks: 2}, {Peers: 7, Tasks: 3}} {
					cfg.Input = input
					r := bsptest.Run(t, cfg, run)
					if got := values(t, r.Output); fmt.Sprint(got) != fmt.Sprint(want) {
						t.Fatalf("%d vertices, %+v: %v, want %v", n, cfg, got, want)
					}
					if r.Supersteps > 2 {
						cfg.RestartAt = r.Supersteps / 2
						bsptest.SameBits(t, cfg, run)
					}
				}
			}
		})
	}
}

// TestSSSPChain has one vertex at a time that is relaxed: with one peer that takes no
// barrier, with more at most one a change of peers.
func TestSSSPChain(t *testing.T) {
	const n = 20000
	s := &sketch{ids: []string{"0"}}
	for i := 1; i <= n; i++ {
		s.ids = append(s.ids, strconv.Itoa(i))
		s.lines = append(s.lines, edge{s.ids[i-1], s.ids[i], float64(i % 7)})
	}
	input := s.files(t, t.TempDir())
	want := dijkstra(s, "0")
	for peers, most := range map[int]int{1: 100, 2: n*11/20 + 200} {
		r := bsptest.Run(t, bsptest.Config{Peers: peers, Input: input}, bsp.NewRunner(algo.SSSP(s.in, "0")))
		for id, got := range values(t, r.Output) {
			if got != want[id] {
				t.Fatalf("%d peers: %s has %s, want %s", peers, id, got, want[id])
			}
		}
		if r.Supersteps > most {
			t.Errorf("%d peers: %d supersteps, want %d at most", peers, r.Supersteps, most)
		}
	}
}

// TestSSSPStaysAtItsSource has a source that no edge leaves, and one that has only a loop.
func TestSSSPStaysAtItsSource(t *testing.T) {
	s := &sketch{ids: []string{"1", "2", "3"}, lines: []edge{{"1", "2", 1}, {"3", "3", 0}}}
	s.in = graph.Input{}
	input := s.files(t, t.TempDir())
	for _, source := range []string{"2", "3"} {
		r := bsptest.Run(t, bsptest.Config{Peers: 2, Input: input}, bsp.NewRunner(algo.SSSP(s.in, source)))
		if got, want := values(t, r.Output), dijkstra(s, source); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("from %s: %v, want %v", source, got, want)
		}
	}
}
