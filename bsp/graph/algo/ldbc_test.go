package algo_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"scalar/bsp"
	"scalar/bsp/bsptest"
	"scalar/bsp/graph"
	"scalar/bsp/graph/algo"
)

// TestLDBC compares with the reference outputs of LDBC Graphalytics for its two example
// graphs, by its rules: BFS and CDLP exactly, WCC the same parts, the others within 1e-4.
func TestLDBC(t *testing.T) {
	for _, kind := range []string{"directed", "undirected"} {
		base := filepath.Join("testdata", "ldbc", "example-"+kind)
		source := map[string]string{"directed": "1", "undirected": "2"}[kind]
		const iterations = 2
		in := graph.Input{Undirected: kind == "undirected", Vertices: absolute(t, base+".v")}
		for name, row := range map[string]struct {
			run  bsp.Runner
			same func(t *testing.T, got, want map[string]string)
		}{
			"BFS":  {bsp.NewRunner(algo.BFS(in, source)), sameText},
			"CDLP": {bsp.NewRunner(algo.CDLP(in, iterations)), sameText},
			"LCC":  {bsp.NewRunner(algo.LCC(in)), closeTo},
			"PR":   {bsp.NewRunner(algo.PageRank{Iterations: iterations, Damping: 0.85}.Program(in)), closeTo},
			"SSSP": {bsp.NewRunner(algo.SSSP(in, source)), closeTo},
			"WCC":  {bsp.NewRunner(algo.Components(in)), sameParts},
		} {
			for _, peers := range []int{1, 2, 3} {
				t.Run(fmt.Sprintf("%s %s %d peers", kind, name, peers), func(t *testing.T) {
					r, err := bsptest.Try(t, bsptest.Config{Peers: peers, Tasks: (peers + 1) / 2, Input: absolute(t, base+".e")}, row.run)
					if err != nil {
						t.Fatal(err)
					}
					b, err := os.ReadFile(base + "-" + name)
					if err != nil {
						t.Fatal(err)
					}
					row.same(t, values(t, r.Output), values(t, []byte(strings.ReplaceAll(string(b), " ", "\t"))))
				})
			}
		}
	}
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	abs, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return abs
}

func sameText(t *testing.T, got, want map[string]string) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func closeTo(t *testing.T, got, want map[string]string) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%v, want %v", got, want)
	}
	for id, w := range want {
		x, err1 := strconv.ParseFloat(got[id], 64)
		y, err2 := strconv.ParseFloat(w, 64)
		if err1 != nil || err2 != nil || x != y && !(math.Abs(x-y) <= 1e-4*math.Abs(y)) {
			t.Errorf("%s has %s, want %s", id, got[id], w)
		}
	}
}

// sameParts compares which vertices are together.
func sameParts(t *testing.T, got, want map[string]string) {
	t.Helper()
	there, back := map[string]string{}, map[string]string{}
	for id, w := range want {
		g := got[id]
		if a, b := there[g], back[w]; g == "" || a != "" && a != w || b != "" && b != g {
			t.Errorf("%v, want the parts of %v", got, want)
		}
		there[g], back[w] = w, g
	}
}
