package algo_test

import (
	"testing"

	"scalar/bsp"
	"scalar/bsp/graph"
	"scalar/bsp/graph/algo"
)

// TestSCC compares with who reaches whom (Warshall, 1962): a component are those that
// reach each other.
func TestSCC(t *testing.T) {
	against(t, func(in graph.Input) bsp.Runner { return bsp.NewRunner(algo.SCC(in)) }, func(s *sketch) map[string]string {
		reach := map[[2]string]bool{}
		for _, id := range s.ids {
			reach[[2]string{id, id}] = true
		}
		for _, e := range s.directed() {
			reach[[2]string{e.src, e.dst}] = true
		}
		for _, k := range s.ids {
			for _, i := range s.ids {
				if !reach[[2]string{i, k}] {
					continue
				}
				for _, j := range s.ids {
					if reach[[2]string{k, j}] {
						reach[[2]string{i, j}] = true
					}
				}
			}
		}
		want := map[string]string{}
		for _, i := range s.ids {
			want[i] = i
			for _, j := range s.ids {
				if reach[[2]string{i, j}] && reach[[2]string{j, i}] && s.less(j, want[i]) < 0 {
					want[i] = j
				}
			}
		}
		return want
	}, exactly)
}
