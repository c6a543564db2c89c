package algo_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"scalar/bsp"
	"scalar/bsp/bsptest"
	"scalar/bsp/graph"
	"scalar/bsp/graph/algo"
)

// levels is the oracle of BFS.
func levels(s *sketch) map[string]string {
	want := map[string]string{}
	for id, d := range distances(s, func(edge) float64 { return 1 }) {
		if want[id] = strconv.FormatFloat(d, 'f', -1, 64); math.IsInf(d, 1) {
			want[id] = "9223372036854775807"
		}
	}
	return want
}

func TestBFS(t *testing.T) {
	var source string
	against(t, func(in graph.Input) bsp.Runner { return bsp.NewRunner(algo.BFS(in, source)) }, func(s *sketch) map[string]string {
		source = first(s)
		return levels(s)
	}, exactly)
}

// TestBFSTurns searches graphs along which it turns and such along which it must not, in
// one and several tasks, and goes on from a checkpoint of every superstep: the same
// levels, and as many supersteps pulled.
func TestBFSTurns(t *testing.T) {
	random := func(undirected bool) *sketch {
		s := numbered(200, undirected)
		r := rand.New(rand.NewPCG(3, 4))
		for i := range 1000 {
			s.link(i%len(s.ids), r.IntN(len(s.ids)*9/10)) // the others are reached if there is a way back
		}
		return s
	}
	chain := numbered(100, false)
	for i := range 99 {
		chain.link(i, i+1)
	}
	leaf := numbered(600, true) // all but the first step are one edge or all of them
	for i := range 600 {
		leaf.link(0, i)
	}
	for name, row := range map[string]struct {
		s      *sketch
		pulled int64 // at least; 0: none
	}{"random": {random(false), 2}, "random both ways": {random(true), 2}, "chain": {chain, 0}, "star both ways": {leaf, 1}} {
		t.Run(name, func(t *testing.T) {
			input := row.s.files(t, t.TempDir())
			run, want := bsp.NewRunner(algo.BFS(row.s.in, first(row.s))), levels(row.s)
			for _, peers := range []int{1, 2, 5} {
				r := bsptest.Run(t, bsptest.Config{Peers: peers, Input: input}, run)
				got := values(t, r.Output)
				for id, w := range want {
					if got[id] != w {
						t.Errorf("%d peers: %s has %s, want %s", peers, id, got[id], w)
					}
				}
				if n := r.Counters[graph.CounterPulled]; n < row.pulled || row.pulled == 0 && n > 0 {
					t.Errorf("%d peers: %d of %d supersteps were pulled, want %d", peers, n, r.Supersteps, row.pulled)
				}
				for at := 1; at < min(r.Supersteps, 8); at++ {
					bsptest.SameBits(t, bsptest.Config{Peers: peers, Tasks: 1 + at%min(peers, 3), Input: input, RestartAt: at}, run)
				}
			}
		})
	}
}

// numbered returns a sketch without edges.
func numbered(n int, undirected bool) *sketch {
	s := &sketch{in: graph.Input{Undirected: undirected}}
	for i := range n {
		s.ids = append(s.ids, strconv.Itoa(i))
	}
	return s
}

func (s *sketch) link(a, b int) { s.lines = append(s.lines, edge{s.ids[a], s.ids[b], 1}) }

// BenchmarkBFSChain is a search of as many supersteps as there are vertices.
func BenchmarkBFSChain(b *testing.B) {
	const n = 10_000
	input := filepath.Join(b.TempDir(), "edges")
	var text []byte
	for i := range n {
		text = fmt.Appendf(text, "%d %d\n", i, i+1)
	}
	if err := os.WriteFile(input, text, 0o600); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		bsptest.Run(b, bsptest.Config{Peers: 2, Input: input}, bsp.NewRunner(algo.BFS(graph.Input{}, "0")))
	}
}
