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

// bands are groups by their members, whose scores are made anew from all edges.
type bands struct {
	*sketch
	algo.SemiClusters
}

func (b bands) score(members []string) float64 {
	if len(members) == 1 {
		return 1
	}
	within, leaving := 0.0, 0.0
	for _, e := range b.lines {
		src, dst := slices.Contains(members, e.src), slices.Contains(members, e.dst)
		switch {
		case e.src == e.dst:
		case src && dst:
			within += e.weight
		case src || dst:
			leaving += e.weight
		}
	}
	n := float64(len(members))
	return (within - b.Boundary*leaving) / (n * (n - 1) / 2)
}

func (b bands) sorted(groups [][]string) [][]string {
	slices.SortFunc(groups, func(x, y []string) int {
		return cmp.Or(cmp.Compare(b.score(y), b.score(x)), slices.CompareFunc(x, y, b.less))
	})
	return slices.CompactFunc(groups, slices.Equal)
}

func (b bands) first(groups [][]string) [][]string { return groups[:min(b.Clusters, len(groups))] }

// rounds are all vertices telling all of their neighbours, again and again.
func (b bands) rounds() map[string]string {
	all := b.neighbours()
	own, told := map[string][][]string{}, map[string][][]string{}
	for _, id := range b.ids {
		own[id], told[id] = [][]string{{id}}, [][]string{{id}}
	}
	for range b.Iterations {
		next := map[string][][]string{}
		for _, id := range b.ids {
			var heard [][]string
			for u := range all[id] {
				heard = append(heard, told[u]...)
			}
			if len(heard) == 0 {
				next[id] = told[id]
				continue
			}
			for _, g := range slices.Clone(heard) {
				if !slices.Contains(g, id) && len(g) < b.Members {
					heard = append(heard, slices.SortedFunc(slices.Values(append(slices.Clone(g), id)), b.less))
				}
			}
			heard = b.sorted(heard)
			mine := own[id]
			for _, g := range heard {
				if slices.Contains(g, id) {
					mine = append(mine, g)
				}
			}
			own[id], next[id] = b.first(b.sorted(mine)), b.first(heard)
		}
		told = next
	}
	want := map[string]string{}
	for id, groups := range own {
		text := make([]string, 0, len(groups))
		for _, g := range groups {
			text = append(text, strconv.FormatFloat(b.score(g), 'g', -1, 64)+" "+strings.Join(g, ","))
		}
		want[id] = strings.Join(text, "; ")
	}
	return want
}

// TestSemiClusters has the plain form tell everything in every round, what has not
// changed too.
func TestSemiClusters(t *testing.T) {
	c := algo.SemiClusters{Clusters: 3, Members: 4, Boundary: 0.5, Iterations: 5}
	against(t, func(in graph.Input) bsp.Runner { return bsp.NewRunner(c.Program(in)) }, func(s *sketch) map[string]string {
		return bands{s, c}.rounds()
	}, exactly)
}

// TestSemiClustersEnd has neighbours that would tell each other the same groups in turns
// for ever: of an edge, a path and a ring.
func TestSemiClustersEnd(t *testing.T) {
	for _, lines := range [][]edge{
		{{"1", "2", 1}},
		{{"1", "2", 1}, {"2", "3", 1}},
		{{"1", "2", 1}, {"2", "3", 1}, {"3", "4", 1}, {"4", "1", 1}},
	} {
		s := &sketch{lines: lines}
		outputs := make([]string, 0, 2)
		for _, iterations := range []int{12, 1000} {
			c := algo.SemiClusters{Clusters: 3, Members: 4, Boundary: 0.5, Iterations: iterations}
			r, err := bsptest.Try(t, bsptest.Config{Peers: 2, Input: s.files(t, t.TempDir())}, bsp.NewRunner(c.Program(graph.Input{})))
			if err != nil {
				t.Fatal(err)
			}
			if r.Supersteps > 12 {
				t.Errorf("%v: %d supersteps", lines, r.Supersteps)
			}
			outputs = append(outputs, string(r.Output))
		}
		if outputs[0] != outputs[1] {
			t.Errorf("%v: %s, of more iterations %s", lines, outputs[0], outputs[1])
		}
	}
}

// TestSemiClustersSums has weights whose sums are rounded: a group that comes about in
// several orders has one score all the same, at all of its members, and is there once.
func TestSemiClustersSums(t *testing.T) {
	s := &sketch{}
	for i := range 8 {
		s.ids = append(s.ids, strconv.Itoa(i))
		for j, other := range s.ids[:i] {
			s.lines = append(s.lines, edge{other, s.ids[i], float64(1+(3*i+5*j)%7) / 10})
		}
	}
	c := algo.SemiClusters{Clusters: 30, Members: 5, Boundary: 0.2, Iterations: 8}
	r, err := bsptest.Try(t, bsptest.Config{Peers: 2, Input: s.files(t, t.TempDir())}, bsp.NewRunner(c.Program(graph.Input{})))
	if err != nil {
		t.Fatal(err)
	}
	scores := map[string]string{}
	for id, text := range values(t, r.Output) {
		seen := map[string]bool{}
		for group := range strings.SplitSeq(text, "; ") {
			score, members, _ := strings.Cut(group, " ")
			if seen[members] {
				t.Errorf("%s is there twice at %s", members, id)
			}
			if seen[members] = true; scores[members] != "" && scores[members] != score {
				t.Errorf("%s scores %s and %s", members, score, scores[members])
			}
			scores[members] = score
		}
	}
}
