package algo_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"scalar/bsp"
	"scalar/bsp/bsptest"
	"scalar/bsp/graph"
	"scalar/bsp/graph/algo"
	"scalar/bsp/graph/gen"
	"scalar/bsp/job"
)

// rmat writes a graph of many full chunks, with weights, and returns its path and a vertex
// with edges.
func rmat(t *testing.T, dir string) (path, source string) {
	t.Helper()
	var b bytes.Buffer
	if _, err := (gen.RMAT{Scale: 13, EdgeFactor: 32, Seed: 5, Weights: true}).Write(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(dir, "graph")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	source, _, _ = strings.Cut(b.String(), " ")
	return path, source
}

// A graph that does not fit the memory lies in files: the result has the same bits,
// pushed, pulled, and by programs with rows of their own; in several tasks, and after a
// restart.
func TestSpill(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	input, source := rmat(t, t.TempDir())
	for name, run := range map[string]func(in graph.Input) bsp.Runner{
		"pagerank": func(in graph.Input) bsp.Runner {
			return bsp.NewRunner(algo.PageRank{Iterations: 5, Damping: 0.85}.Program(in))
		},
		"bfs":     func(in graph.Input) bsp.Runner { return bsp.NewRunner(algo.BFS(in, source)) },
		"sssp":    func(in graph.Input) bsp.Runner { return bsp.NewRunner(algo.SSSP(in, source)) },
		"wcc":     func(in graph.Input) bsp.Runner { return bsp.NewRunner(algo.Components(in)) },
		"kcore":   func(in graph.Input) bsp.Runner { return bsp.NewRunner(algo.KCore(in)) },
		"inlinks": func(in graph.Input) bsp.Runner { return bsp.NewRunner(algo.Inlinks(in)) },
	} {
		t.Run(name, func(t *testing.T) {
			for _, undirected := range []bool{false, true} {
				cfg := bsptest.Config{Peers: 2, Input: input}
				in := graph.Input{Undirected: undirected}
				want := bsptest.Run(t, cfg, run(in))
				if n := want.Counters[job.CounterSpilledBytes]; n > 0 {
					t.Fatalf("spilled %d bytes of memory for all", n)
				}
				for _, cfg := range []bsptest.Config{{Arena: 1}, {Arena: 1 << 20}, {Arena: 1, Tasks: 2}, {Arena: 1, RestartAt: 1}} {
					cfg.Peers, cfg.Input = 2, input
					got := bsptest.Run(t, cfg, run(in))
					if !bytes.Equal(got.Output, want.Output) {
						t.Errorf("%+v, undirected %v: other bits than in memory", cfg, undirected)
					}
					if n := got.Counters[job.CounterSpilledBytes]; n < 1<<18 {
						t.Errorf("%+v, undirected %v: spilled %d bytes", cfg, undirected, n)
					}
				}
			}
		})
	}
}

// A disk that takes nothing is the machine's fault, told in one line.
func TestSpillFails(t *testing.T) {
	input, _ := rmat(t, t.TempDir())
	t.TempDir() // bsptest's folders are made beside it
	t.Setenv("TMPDIR", "/proc/none")
	_, err := bsptest.Try(t, bsptest.Config{Peers: 2, Input: input, Arena: 1}, bsp.NewRunner(algo.Inlinks(graph.Input{})))
	f, ok := errors.AsType[*job.Failure](err)
	if !ok || f.Kind != job.FaultGroom || !strings.Contains(f.Message, "/proc/none takes no more") || strings.Contains(f.Message, "\n") {
		t.Errorf("%v", err)
	}
}
