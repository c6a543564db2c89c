package algo_test

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"scalar/bsp"
	"scalar/bsp/bsptest"
	"scalar/bsp/graph"
	"scalar/bsp/graph/algo"
)

// prim grows every tree from its smallest id by the least edge that leads out of it, of
// equal weights that of the smaller ids (Prim, 1957).
func prim(s *sketch) map[string]string {
	rank := map[string]int{}
	ids := slices.SortedFunc(slices.Values(s.ids), s.less)
	for i, id := range ids {
		rank[id] = i
	}
	want := map[string]string{}
	for _, root := range ids {
		if _, in := want[root]; in {
			continue
		}
		want[root] = "-"
		tree := map[string]bool{root: true}
		for {
			best, child := edge{}, ""
			for _, e := range s.lines {
				if tree[e.src] == tree[e.dst] {
					continue
				}
				lo, hi := min(rank[e.src], rank[e.dst]), max(rank[e.src], rank[e.dst])
				if child != "" && cmp.Or(cmp.Compare(e.weight, best.weight), cmp.Compare(lo, min(rank[best.src], rank[best.dst])), cmp.Compare(hi, max(rank[best.src], rank[best.dst]))) >= 0 {
					continue
				}
				if best, child = e, e.dst; tree[e.dst] {
					child = e.src
				}
			}
			if child == "" {
				break
			}
			tree[child] = true
			parent := best.src
			if parent == child {
				parent = best.dst
			}
			want[child] = parent + " " + strconv.FormatFloat(best.weight, 'g', -1, 64)
		}
	}
	return want
}

func TestMST(t *testing.T) {
	against(t, func(in graph.Input) bsp.Runner { return bsp.NewRunner(algo.MST(in)) }, prim, exactly)
}

func TestMSTCounters(t *testing.T) {
	s := &sketch{ids: strings.Fields("1 2 3 4 5"), lines: []edge{{"1", "2", 1.5}, {"2", "3", -2}, {"3", "1", 7}, {"4", "4", 1}}}
	r, err := bsptest.Try(t, bsptest.Config{Peers: 3, Tasks: 2, Input: s.files(t, t.TempDir())}, bsp.NewRunner(algo.MST(s.in)))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int64{"forest_edges": 2, "trees": 3, "weight_millionths": -500_000} {
		if got := r.Counters[name]; got != want {
			t.Errorf("%s %d, want %d", name, got, want)
		}
	}
}
