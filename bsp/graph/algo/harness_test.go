package algo_test

import (
	"bytes"
	"cmp"
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

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// edge is a line of a graph.
type edge struct {
	src, dst string
	weight   float64
}

// sketch is a small graph as oracles see it.
type sketch struct {
	in    graph.Input
	ids   []string // distinct, in their order
	lines []edge
}

// less is the order of ids.
func (s *sketch) less(a, b string) int {
	if s.in.IDs == graph.Strings {
		return cmp.Compare(a, b)
	}
	return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
}

// directed returns all edges one way.
func (s *sketch) directed() (edges []edge) {
	for _, e := range s.lines {
		edges = append(edges, e)
		if s.in.Undirected && e.src != e.dst {
			edges = append(edges, edge{e.dst, e.src, e.weight})
		}
	}
	return edges
}

// neighbours returns for every vertex those of distinct other vertices, either way.
func (s *sketch) neighbours() map[string]map[string]bool {
	all := map[string]map[string]bool{}
	for _, id := range s.ids {
		all[id] = map[string]bool{}
	}
	for _, e := range s.lines {
		if e.src != e.dst {
			all[e.src][e.dst], all[e.dst][e.src] = true, true
		}
	}
	return all
}

func (s *sketch) text() (edges, vertices string) {
	var b strings.Builder
	for _, e := range s.lines {
		fmt.Fprintf(&b, "%s %s %s\n", e.src, e.dst, strconv.FormatFloat(e.weight, 'g', -1, 64))
	}
	return b.String(), strings.Join(s.ids, "\n") + "\n"
}

// drawSketch draws one of the families of graphs that have broken engines before.
func drawSketch(t *rapid.T) *sketch {
	s := &sketch{}
	s.in.Undirected = rapid.Bool().Draw(t, "undirected")
	n := rapid.IntRange(1, 40).Draw(t, "vertices")
	name := func(i int) string { return strconv.Itoa(i) }
	switch rapid.SampledFrom([]string{"dense", "spread", "strings"}).Draw(t, "ids") {
	case "spread":
		name = func(i int) string { return strconv.FormatUint(uint64(math.MaxInt64-i*i*i*1_000_003), 10) }
	case "strings":
		s.in.IDs = graph.Strings
		name = func(i int) string { return strings.Repeat("ab", i%3) + strconv.Itoa(i) }
	}
	pair := func(a, b int) {
		s.lines = append(s.lines, edge{name(a), name(b), float64(rapid.IntRange(0, 9).Draw(t, "weight")) / 2})
	}
	vertex := rapid.IntRange(0, n-1)
	switch family := rapid.SampledFrom([]string{"none", "star", "chain", "uniform", "parts", "rmat"}).Draw(t, "family"); family {
	case "none":
	case "star":
		for i := range n {
			pair(0, i) // a loop too
		}
	case "chain":
		for i := 1; i < n; i++ {
			pair(i-1, i)
		}
	case "parts":
		for i := range n {
			pair(i, i-i%5)
		}
	default:
		for range rapid.IntRange(0, 4*n).Draw(t, "edges") {
			a, b := vertex.Draw(t, "a"), vertex.Draw(t, "b")
			if family == "rmat" {
				a, b = a*a/n, b*b/n
			}
			pair(a, b)
		}
	}
	for i := range n {
		s.ids = append(s.ids, name(i))
	}
	return s
}

// files writes the sketch and returns the path of its edges.
func (s *sketch) files(t interface{ Fatalf(string, ...any) }, dir string) string {
	input := filepath.Join(dir, "edges")
	s.in.Vertices = filepath.Join(dir, "vertices")
	edges, vertices := s.text()
	for path, text := range map[string]string{input: edges, s.in.Vertices: vertices} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatalf("%v", err)
		}
	}
	return input
}

// against runs a program on random graphs with various peers and tasks, compares every
// value with an oracle's by same, and the bits with those of a run with a restart.
func against(t *testing.T, program func(in graph.Input) bsp.Runner, oracle func(s *sketch) map[string]string, same func(got, want string) bool) {
	t.Helper()
	dir, tb := t.TempDir(), t
	rapid.Check(t, func(t *rapid.T) {
		s := drawSketch(t)
		input := s.files(t, dir)
		want := oracle(s)
		for range 2 {
			peers := rapid.SampledFrom([]int{1, 2, 3, 5, 8}).Draw(t, "peers")
			cfg := bsptest.Config{Peers: peers, Tasks: 1, Input: input}
			if rapid.IntRange(0, 2).Draw(t, "split") == 0 {
				cfg.Tasks = rapid.IntRange(1, peers).Draw(t, "tasks")
			}
			if rapid.IntRange(0, 2).Draw(t, "short of memory") == 0 {
				cfg.Arena = int64(rapid.SampledFrom([]int{1, 300}).Draw(t, "arena"))
			}
			r, err := bsptest.Try(tb, cfg, program(s.in))
			if err != nil {
				t.Fatalf("%+v: %v", cfg, err)
			}
			got := values(t, r.Output)
			if len(got) != len(want) {
				t.Fatalf("%+v: %d vertices, want %d:\n%s", cfg, len(got), len(want), r.Output)
			}
			for id, w := range want {
				if !same(got[id], w) {
					t.Fatalf("%+v: %s has %s, want %s", cfg, id, got[id], w)
				}
			}
			if r.Supersteps < 2 || rapid.Bool().Draw(t, "restart") {
				continue
			}
			cfg.RestartAt = rapid.IntRange(1, r.Supersteps-1).Draw(t, "at")
			again, err := bsptest.Try(tb, cfg, program(s.in))
			if err != nil {
				t.Fatalf("%+v: %v", cfg, err)
			}
			if !bytes.Equal(again.Output, r.Output) {
				t.Fatalf("%+v: other bits than without a restart:\n%s\n%s", cfg, again.Output, r.Output)
			}
		}
	})
}

func values(t interface{ Fatalf(string, ...any) }, output []byte) map[string]string {
	m := map[string]string{}
	for line := range strings.Lines(string(output)) {
		key, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if _, twice := m[key]; !ok || twice {
			t.Fatalf("line %q of\n%s", line, output)
		}
		m[key] = value
	}
	return m
}

func exactly(got, want string) bool { return got == want }

// nearly allows sums their last bits.
func nearly(got, want string) bool {
	x, err1 := strconv.ParseFloat(got, 64)
	y, err2 := strconv.ParseFloat(want, 64)
	return err1 == nil && err2 == nil && math.Abs(x-y) <= 1e-12*math.Abs(y)
}
