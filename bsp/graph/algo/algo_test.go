package algo_test

import (
	"errors"
	"math"
	"slices"
	"strconv"
	"testing"

	"scalar/bsp"
	"scalar/bsp/bsptest"
	"scalar/bsp/graph"
	"scalar/bsp/graph/algo"
	"scalar/bsp/job"
)

// first is the vertex that paths begin at.
func first(s *sketch) string { return s.ids[len(s.ids)/3] }

// distances are those of Bellman and Ford.
func distances(s *sketch, weight func(edge) float64) map[string]float64 {
	d := map[string]float64{}
	for _, id := range s.ids {
		d[id] = math.Inf(1)
	}
	d[first(s)] = 0
	for shorter := true; shorter; {
		shorter = false
		for _, e := range s.directed() {
			if to := d[e.src] + weight(e); to < d[e.dst] {
				d[e.dst], shorter = to, true
			}
		}
	}
	return d
}

func TestSSSP(t *testing.T) {
	var source string
	against(t, func(in graph.Input) bsp.Runner { return bsp.NewRunner(algo.SSSP(in, source)) }, func(s *sketch) map[string]string {
		source = first(s)
		want := map[string]string{}
		for id, d := range distances(s, func(e edge) float64 { return e.weight }) {
			if want[id] = strconv.FormatFloat(d, 'g', -1, 64); math.IsInf(d, 1) {
				want[id] = "infinity"
			}
		}
		return want
	}, exactly)
}

func TestNoSuchSource(t *testing.T) {
	s := &sketch{ids: []string{"1", "2"}, lines: []edge{{"1", "2", 1}}}
	for name, run := range map[string]bsp.Runner{
		"bfs":  bsp.NewRunner(algo.BFS(s.in, "7")),
		"sssp": bsp.NewRunner(algo.SSSP(s.in, "x")),
	} {
		_, err := bsptest.Try(t, bsptest.Config{Peers: 2, Tasks: 2, Input: s.files(t, t.TempDir())}, run)
		if f, ok := errors.AsType[*job.Failure](err); !ok || f.Kind != job.FaultInput {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// components returns the smallest id in every vertex's weak component.
func components(s *sketch) map[string]string {
	ids := slices.SortedFunc(slices.Values(s.ids), s.less)
	all := s.neighbours()
	least := map[string]string{}
	for _, id := range ids {
		for todo := []string{id}; len(todo) > 0; {
			v := todo[len(todo)-1]
			todo = todo[:len(todo)-1]
			if _, seen := least[v]; seen {
				continue
			}
			least[v] = id
			for u := range all[v] {
				todo = append(todo, u)
			}
		}
	}
	return least
}

func TestComponents(t *testing.T) {
	against(t, func(in graph.Input) bsp.Runner { return bsp.NewRunner(algo.Components(in)) }, components, exactly)
}

func TestCDLP(t *testing.T) {
	const iterations = 4
	against(t, func(in graph.Input) bsp.Runner { return bsp.NewRunner(algo.CDLP(in, iterations)) }, func(s *sketch) map[string]string {
		labels := map[string]string{}
		for _, id := range s.ids {
			labels[id] = id
		}
		for range iterations {
			counts := map[string]map[string]int{}
			see := func(v, label string) {
				if counts[v] == nil {
					counts[v] = map[string]int{}
				}
				counts[v][label]++
			}
			for _, e := range s.lines {
				see(e.dst, labels[e.src])
				if e.src != e.dst {
					see(e.src, labels[e.dst])
				}
			}
			next := map[string]string{}
			for _, id := range s.ids {
				best := labels[id]
				if len(counts[id]) > 0 {
					best = ""
				}
				for label, n := range counts[id] {
					if best == "" || n > counts[id][best] || n == counts[id][best] && s.less(label, best) < 0 {
						best = label
					}
				}
				next[id] = best
			}
			labels = next
		}
		return labels
	}, exactly)
}

func TestLCC(t *testing.T) {
	against(t, func(in graph.Input) bsp.Runner { return bsp.NewRunner(algo.LCC(in)) }, func(s *sketch) map[string]string {
		edges := map[[2]string]bool{}
		for _, e := range s.directed() {
			edges[[2]string{e.src, e.dst}] = true
		}
		want := map[string]string{}
		for id, near := range s.neighbours() {
			links := 0
			for u := range near {
				for w := range near {
					if u != w && edges[[2]string{u, w}] {
						links++
					}
				}
			}
			want[id] = "0"
			if n := len(near); n > 1 {
				want[id] = strconv.FormatFloat(float64(links)/float64(n*(n-1)), 'g', -1, 64)
			}
		}
		return want
	}, nearly)
}

func TestTriangles(t *testing.T) {
	against(t, func(in graph.Input) bsp.Runner { return bsp.NewRunner(algo.Triangles(in)) }, func(s *sketch) map[string]string {
		all := s.neighbours()
		want := map[string]string{}
		for id, near := range all {
			n := 0
			for u := range near {
				for w := range near {
					if u < w && all[u][w] {
						n++
					}
				}
			}
			want[id] = strconv.Itoa(n)
		}
		return want
	}, exactly)
}

// TestKCore peels: it takes away the vertices of fewest neighbours, one by one.
func TestKCore(t *testing.T) {
	against(t, func(in graph.Input) bsp.Runner { return bsp.NewRunner(algo.KCore(in)) }, func(s *sketch) map[string]string {
		all := s.neighbours()
		want := map[string]string{}
		for k := 0; len(all) > 0; k++ {
			for again := true; again; {
				again = false
				for v, near := range all {
					if len(near) <= k {
						want[v] = strconv.Itoa(k)
						for u := range near {
							delete(all[u], v)
						}
						delete(all, v)
						again = true
					}
				}
			}
		}
		return want
	}, exactly)
}
