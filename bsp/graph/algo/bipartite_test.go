package algo_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"scalar/bsp"
	"scalar/bsp/bsptest"
	"scalar/bsp/graph"
	"scalar/bsp/graph/algo"
	"scalar/bsp/job"

	"pgregory.net/rapid"
)

// sides draws a bipartite graph; some vertices have no edge.
func sides(t *rapid.T) (s *sketch, left map[string]bool) {
	s, left = &sketch{}, map[string]bool{}
	name := func(i int) string { return strconv.Itoa(1000 + 7*i) }
	if rapid.Bool().Draw(t, "strings") {
		s.in.IDs = graph.Strings
		name = func(i int) string { return fmt.Sprint("v", i) }
	}
	n := rapid.IntRange(0, 20).Draw(t, "left")
	m := rapid.IntRange(max(1-n, 0), 20).Draw(t, "right")
	for i := range n + m {
		s.ids = append(s.ids, name(i))
		if i < n {
			left[name(i)] = true
		}
	}
	if n > 0 && m > 0 {
		for range rapid.IntRange(0, 80).Draw(t, "edges") {
			e := edge{name(rapid.IntRange(0, n-1).Draw(t, "l")), name(n + rapid.IntRange(0, m-1).Draw(t, "r")), 1}
			if rapid.Bool().Draw(t, "turned") {
				e.src, e.dst = e.dst, e.src
			}
			s.lines = append(s.lines, e)
		}
	}
	return s, left
}

func leftFile(t interface{ Fatalf(string, ...any) }, dir string, left map[string]bool) string {
	path := filepath.Join(dir, "left")
	text := strings.Join(slices.Collect(maps.Keys(left)), "\n")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatalf("%v", err)
	}
	return path
}

// TestBipartite checks that what is found is a matching, along edges, and maximal, and
// the same for all numbers of peers and after a restart.
func TestBipartite(tb *testing.T) {
	dir := tb.TempDir()
	rapid.Check(tb, func(t *rapid.T) {
		s, left := sides(t)
		input, file := s.files(t, dir), leftFile(t, dir, left)
		seed := rapid.Uint64().Draw(t, "seed")
		var first map[string]string
		for _, peers := range []int{1, rapid.SampledFrom([]int{2, 3, 5, 8}).Draw(t, "peers")} {
			cfg := bsptest.Config{Peers: peers, Tasks: rapid.IntRange(1, min(peers, 2)).Draw(t, "tasks"), Input: input}
			run := bsp.NewRunner(algo.Bipartite(s.in, file, seed))
			r, err := bsptest.Try(tb, cfg, run)
			if err != nil {
				t.Fatalf("%v", err)
			}
			got := values(t, r.Output)
			checkMatching(t, s, left, got)
			if first == nil {
				first = got
			} else if !maps.Equal(first, got) {
				t.Fatalf("%d peers: %v, with 1: %v", peers, got, first)
			}
			cfg.RestartAt = rapid.IntRange(1, r.Supersteps).Draw(t, "at")
			if again, err := bsptest.Try(tb, cfg, run); cfg.RestartAt < r.Supersteps && (err != nil || string(again.Output) != string(r.Output)) {
				t.Fatalf("restart at %d: %v", cfg.RestartAt, err)
			}
		}
	})
}

func checkMatching(t *rapid.T, s *sketch, left map[string]bool, got map[string]string) {
	near := s.neighbours()
	if len(got) != len(s.ids) {
		t.Fatalf("%d of %d vertices", len(got), len(s.ids))
	}
	for id, match := range got {
		if match != "-" && (got[match] != id || !near[id][match] || left[id] == left[match]) {
			t.Fatalf("%s has %s, which has %s", id, match, got[match])
		}
		for u := range near[id] {
			if match == "-" && got[u] == "-" {
				t.Fatalf("%s and %s have an edge and no match", id, u)
			}
		}
	}
}

func TestNotBipartite(t *testing.T) {
	for side, lines := range map[string][]edge{"left": {{"1", "2", 1}, {"1", "3", 1}}, "right": {{"1", "3", 1}, {"4", "3", 1}}, "left ": {{"1", "1", 1}}} {
		s := &sketch{ids: []string{"1", "2", "3", "4"}, lines: lines}
		dir := t.TempDir()
		file := leftFile(t, dir, map[string]bool{"1": true, "2": true})
		_, err := bsptest.Try(t, bsptest.Config{Peers: 3, Tasks: 2, Input: s.files(t, dir)}, bsp.NewRunner(algo.Bipartite(s.in, file, 1)))
		if f, ok := errors.AsType[*job.Failure](err); !ok || f.Kind != job.FaultInput || !strings.Contains(f.Message, "on the "+strings.TrimSpace(side)+" side") {
			t.Errorf("%s: %v", side, err)
		}
	}
}

// TestBipartiteDash has a vertex whose match could not be told from none.
func TestBipartiteDash(t *testing.T) {
	for _, s := range []*sketch{
		{ids: []string{"a", "b", "-"}, lines: []edge{{"a", "-", 1}, {"a", "b", 1}}, in: graph.Input{IDs: graph.Strings}},
		{ids: []string{"-", "b"}, in: graph.Input{IDs: graph.Strings}},
	} {
		dir := t.TempDir()
		file := leftFile(t, dir, map[string]bool{s.ids[0]: true})
		_, err := bsptest.Try(t, bsptest.Config{Peers: 3, Tasks: 2, Input: s.files(t, dir)}, bsp.NewRunner(algo.Bipartite(s.in, file, 1)))
		if f, ok := errors.AsType[*job.Failure](err); !ok || f.Kind != job.FaultInput || !strings.Contains(f.Message, "vertex - ") {
			t.Errorf("%v: %v", s.ids, err)
		}
	}
}
