package limit_test

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"scalar/bench/limit"
	"scalar/bsp"
	"scalar/bsp/bsptest"
	"scalar/bsp/graph"
	"scalar/bsp/graph/algo"
	"scalar/bsp/graph/gen"
)

// A weighted edge of a text.
type link struct {
	src, dst string
	weight   float64
}

func links(t *testing.T, text string) (all []link) {
	t.Helper()
	for l := range strings.Lines(text) {
		f := strings.Fields(l)
		weight, err := strconv.ParseFloat(f[2], 64)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, link{f[0], f[1], weight})
	}
	return all
}

// distances are those of Bellman and Ford, on maps, as their text.
func distances(all []link, source string, step func(link) float64) map[string]float64 {
	d := map[string]float64{}
	for _, l := range all {
		d[l.src], d[l.dst] = math.Inf(1), math.Inf(1)
	}
	d[source] = 0
	for changed := true; changed; {
		changed = false
		for _, l := range all {
			if n := d[l.src] + step(l); n < d[l.dst] {
				d[l.dst], changed = n, true
			}
		}
	}
	return d
}

// least is the smallest id that each is connected with: labels that flow both ways.
func least(t *testing.T, all []link) map[string]int {
	t.Helper()
	ids := map[string]int{}
	for _, l := range all {
		for _, id := range []string{l.src, l.dst} {
			n, err := strconv.Atoi(id)
			if err != nil {
				t.Fatal(err)
			}
			ids[id] = n
		}
	}
	for changed := true; changed; {
		changed = false
		for _, l := range all {
			if m := min(ids[l.src], ids[l.dst]); m != ids[l.src] || m != ids[l.dst] {
				ids[l.src], ids[l.dst], changed = m, m, true
			}
		}
	}
	return ids
}

// A kind is one of the limit programs, its oracle and what bsp runs.
type kind struct {
	name    string
	weights bool // the program wants a third column
	run     func(source uint32, workers int, in, out string) error
	want    func(t *testing.T, all []link, source string) map[string]string
	ours    func(source string) bsp.Runner
}

func kinds() []kind {
	return []kind{
		{"bfs", false, func(source uint32, workers int, in, out string) error {
			_, err := limit.BFS{Source: source, Workers: workers}.Run(in, out)
			return err
		}, func(_ *testing.T, all []link, source string) map[string]string {
			want := map[string]string{}
			for id, d := range distances(all, source, func(link) float64 { return 1 }) {
				if want[id] = strconv.FormatFloat(d, 'f', -1, 64); math.IsInf(d, 1) {
					want[id] = "9223372036854775807"
				}
			}
			return want
		}, func(source string) bsp.Runner { return bsp.NewRunner(algo.BFS(graph.Input{}, source)) }},
		{"sssp", true, func(source uint32, workers int, in, out string) error {
			_, err := limit.SSSP{Source: source, Delta: 4, Workers: workers}.Run(in, out)
			return err
		}, func(_ *testing.T, all []link, source string) map[string]string {
			want := map[string]string{}
			for id, d := range distances(all, source, func(l link) float64 { return l.weight }) {
				if want[id] = strconv.FormatFloat(d, 'g', -1, 64); math.IsInf(d, 1) {
					want[id] = "infinity"
				}
			}
			return want
		}, func(source string) bsp.Runner { return bsp.NewRunner(algo.SSSP(graph.Input{}, source)) }},
		{"components", false, func(_ uint32, workers int, in, out string) error {
			_, err := limit.Components{Workers: workers}.Run(in, out)
			return err
		}, func(t *testing.T, all []link, _ string) map[string]string {
			t.Helper()
			want := map[string]string{}
			for id, l := range least(t, all) {
				want[id] = strconv.Itoa(l)
			}
			return want
		}, func(string) bsp.Runner { return bsp.NewRunner(algo.Components(graph.Input{})) }},
	}
}

// chain is a path with a way back, so that BFS has many thin frontiers.
func chain(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%d %d %d\n", i, i+1, i%255+1)
	}
	fmt.Fprintf(&b, "%d 0 1\n", n)
	return b.String()
}

// star has all vertices one step from the centre and none back.
func star(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "7 %d %d\n", i+100, i%255+1)
	}
	return b.String()
}

func rmat(t *testing.T, scale, factor int) string {
	t.Helper()
	var b bytes.Buffer
	if _, err := (gen.RMAT{Scale: scale, EdgeFactor: factor, Seed: 3, Weights: true}).Write(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestGraphs(t *testing.T) {
	for name, text := range map[string]string{
		"R-MAT":                rmat(t, 10, 16),
		"R-MAT, many pieces":   rmat(t, 10, 1),
		"chain":                chain(3000),
		"star":                 star(3000),
		"parallel ways, loops": "1 2 9\n2 2 1\n2 3 5\n1 3 200\n1 2 3\n3 1 1\n8 9 1\n9 8 0\n",
	} {
		source, _, _ := strings.Cut(text, " ")
		for _, k := range kinds() {
			for workers := 1; workers <= 3; workers++ {
				t.Run(fmt.Sprint(name, " ", k.name, " ", workers), func(t *testing.T) {
					all := links(t, text)
					want := k.want(t, all, source)
					in := input(t, all, k.weights)
					out := filepath.Join(t.TempDir(), "out")
					id, err := strconv.ParseUint(source, 10, 32)
					if err != nil {
						t.Fatal(err)
					}
					if err := k.run(uint32(id), workers, in, out); err != nil {
						t.Fatal(err)
					}
					same(t, pairs(t, out), want)
				})
			}
		}
	}
}

// TestGraphsAsBSP compares with what the limits are the floors of.
func TestGraphsAsBSP(t *testing.T) {
	text := rmat(t, 11, 8)
	source, _, _ := strings.Cut(text, " ")
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			in := input(t, links(t, text), k.weights)
			ours, err := bsptest.Try(t, bsptest.Config{Peers: 2, Input: in}, k.ours(source))
			if err != nil {
				t.Fatal(err)
			}
			out := filepath.Join(t.TempDir(), "out")
			id, err := strconv.ParseUint(source, 10, 32)
			if err != nil {
				t.Fatal(err)
			}
			if err := k.run(uint32(id), 2, in, out); err != nil {
				t.Fatal(err)
			}
			same(t, pairs(t, out), lines(t, string(ours.Output)))
		})
	}
}

// input writes the edges to a file, with weights or without.
func input(t *testing.T, all []link, weights bool) string {
	t.Helper()
	var b strings.Builder
	for _, l := range all {
		fmt.Fprintf(&b, "%s %s", l.src, l.dst)
		if weights {
			fmt.Fprintf(&b, " %v", l.weight)
		}
		b.WriteByte('\n')
	}
	in := filepath.Join(t.TempDir(), "in")
	if err := os.WriteFile(in, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return in
}

func pairs(t *testing.T, folder string) map[string]string {
	t.Helper()
	parts, err := filepath.Glob(filepath.Join(folder, "part-*"))
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, name := range parts {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		text.Write(b)
	}
	return lines(t, text.String())
}

// lines reads "id TAB value" lines.
func lines(t *testing.T, text string) map[string]string {
	t.Helper()
	got := map[string]string{}
	for l := range strings.Lines(text) {
		id, value, ok := strings.Cut(strings.TrimSuffix(l, "\n"), "\t")
		if _, twice := got[id]; !ok || twice {
			t.Fatalf("line %q", l)
		}
		got[id] = value
	}
	return got
}

func same(t *testing.T, got, want map[string]string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d vertices, want %d", len(got), len(want))
	}
	for id, value := range want {
		if got[id] != value {
			t.Errorf("vertex %s: %s, want %s", id, got[id], value)
		}
	}
}

func TestGraphsRefuse(t *testing.T) {
	for _, c := range []struct {
		kind int
		text string
	}{{0, "8 9\n"}, {1, "8 9 1\n"}, {1, "1 2\n"}, {1, "1 2 x\n"}, {1, "1 2 3 4\n"}, {1, "1 2 -3\n"}, {2, "1 2 3\n"}} {
		in := filepath.Join(t.TempDir(), "in")
		if err := os.WriteFile(in, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := kinds()[c.kind].run(1, 2, in, in+".out"); err == nil {
			t.Errorf("%s took %q", kinds()[c.kind].name, c.text)
		}
	}
}
