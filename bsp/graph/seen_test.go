package graph_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"scalar/bsp"
	"scalar/bsp/graph"
	"scalar/bsp/graph/algo"

	"pgregory.net/rapid"
)

// loaded says what owners must get of a loading: the edges of every row by the owners of
// their other ends, in the order of the texts. It takes names for what they are.
func loaded(l graph.Loading) (edges []map[string][]graph.Received, ids, marked [][]string) {
	n := len(l.Texts)
	edges, ids, marked = make([]map[string][]graph.Received, n), make([][]string, n), make([][]string, n)
	for owner := range edges {
		edges[owner] = map[string][]graph.Received{}
	}
	add := func(row, other string, w float64) {
		if l.Pulled {
			row, other = other, row
		}
		owner := graph.Owner(row, n)
		edges[owner][row] = append(edges[owner][row], graph.Received{Row: row, Other: other, Owner: graph.Owner(other, n), Weight: w})
	}
	for line := range strings.Lines(strings.Join(slices.Concat(l.Texts...), "")) {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		w := 1.0
		if l.In.Weights {
			w, _ = strconv.ParseFloat(f[2], 64)
		}
		for _, id := range f[:2] {
			ids[graph.Owner(id, n)] = append(ids[graph.Owner(id, n)], id)
		}
		add(f[0], f[1], w)
		if l.In.Undirected && f[0] != f[1] {
			add(f[1], f[0], w)
		}
	}
	for _, id := range slices.Concat(l.Marks...) {
		owner := graph.Owner(id, n)
		ids[owner], marked[owner] = append(ids[owner], id), append(marked[owner], id)
	}
	inOrder := func(list []string) []string {
		slices.SortFunc(list, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) })
		return slices.Compact(list)
	}
	for owner := range n {
		ids[owner], marked[owner] = inOrder(ids[owner]), inOrder(marked[owner])
		for _, row := range edges[owner] {
			slices.SortStableFunc(row, func(a, b graph.Received) int { return cmp.Compare(a.Owner, b.Owner) })
		}
	}
	return edges, ids, marked
}

func compareLoading(t fataler, l graph.Loading) {
	t.Helper()
	want, ids, marked := loaded(l)
	got, gotIDs, gotMarked, err := l.Run()
	if err != nil {
		t.Fatalf("%v", err)
	}
	for owner := range want {
		rows := map[string][]graph.Received{}
		for _, e := range got[owner] {
			rows[e.Row] = append(rows[e.Row], e)
		}
		if !reflect.DeepEqual(rows, want[owner]) {
			t.Fatalf("owner %d of %d has rows %v, want %v", owner, len(want), rows, want[owner])
		}
		if !slices.Equal(gotIDs[owner], ids[owner]) || !slices.Equal(gotMarked[owner], marked[owner]) {
			t.Fatalf("owner %d of %d has %v, %v marked; want %v, %v", owner, len(want), gotIDs[owner], gotMarked[owner], ids[owner], marked[owner])
		}
	}
}

// Owners get the same, whether ids are small for all peers, for some, or only until
// another comes.
func TestSmallIDs(tt *testing.T) {
	rapid.Check(tt, func(t *rapid.T) {
		n := rapid.IntRange(1, 4).Draw(t, "peers")
		l := graph.Loading{
			In:     graph.Input{Undirected: rapid.Bool().Draw(t, "undirected"), Weights: rapid.Bool().Draw(t, "weights"), AsRead: rapid.Bool().Draw(t, "as read")},
			Size:   rapid.SampledFrom([]int64{-1, 0, 1 << 21, 1 << 25}).Draw(t, "size"),
			Narrow: rapid.SampledFrom([]uint32{1, 5, 300, 1 << 24}).Draw(t, "narrow"),
			Pulled: rapid.Bool().Draw(t, "pulled"),
		}
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 2))
		top := rapid.SampledFrom([]uint64{3, 100, 20_000, 1 << 17, 1 << 21}).Draw(t, "top")
		large := rapid.SliceOfN(rapid.SampledFrom([]uint64{65535, 65536, 1<<17 - 1, 1 << 17, 1<<21 - 1, 1 << 21, 1<<32 - 2, 1<<32 - 1, graph.MaxID}), 0, 3).Draw(t, "large")
		for range n {
			blocks := make([]string, rapid.IntRange(0, 4).Draw(t, "blocks"))
			for i := range blocks {
				for range rapid.SampledFrom([]int{1, 3, 200}).Draw(t, "edges") {
					ends := [2]uint64{rng.Uint64N(top), rng.Uint64N(top)}
					if len(large) > 0 && rng.IntN(100) == 0 {
						ends[rng.IntN(2)] = large[rng.IntN(len(large))]
					}
					blocks[i] += fmt.Sprintf("%d %d %d\n", ends[0], ends[1], rng.IntN(9))
				}
			}
			l.Texts = append(l.Texts, blocks)
			marks := make([]string, rapid.IntRange(0, 2).Draw(t, "marked"))
			for i := range marks {
				marks[i] = strconv.FormatUint(slices.Concat(large, []uint64{1, 2})[rng.IntN(len(large)+2)], 10)
			}
			l.Marks = append(l.Marks, marks)
		}
		compareLoading(t, l)
	})
}

// Ids of more than 24 bits are small where a peer's part of the input is large.
func TestWideSmallIDs(t *testing.T) {
	for _, last := range []string{"7 1\n", "9223372036854775807 1\n"} {
		compareLoading(t, graph.Loading{
			Texts:  [][]string{{"1 2\n3 16777215\n", "16777216 3\n2 2\n5 16777219\n"}, {"2 1\n16777217 5\n", last}},
			Marks:  [][]string{{"16777216"}, {"3"}},
			Size:   1 << 30,
			Narrow: 1 << 24,
		})
	}
}

// A large id anywhere in a text of many blocks changes nothing else.
func TestLargeIDAnywhere(t *testing.T) {
	const edges = 40_000
	rng := rand.New(rand.NewPCG(5, 5))
	lines := make([]string, edges)
	for i := range lines {
		lines[i] = fmt.Sprintf("%d %d\n", rng.Uint64N(1<<15), rng.Uint64N(1<<15))
	}
	for _, at := range []int{0, edges / 2, edges - 1, edges} { // the last: none
		for _, large := range []string{"65535", "65536", "4294967295", "9223372036854775807"} {
			with := slices.Clone(lines)
			var d drawing
			if at < edges {
				with[at] = "7 " + large + "\n"
			}
			seen := map[string]bool{}
			for _, line := range with {
				f := strings.Fields(line)
				d.edges = append(d.edges, [2]string{f[0], f[1]})
				for _, id := range f {
					if !seen[id] {
						seen[id] = true
						d.ids = append(d.ids, id)
					}
				}
			}
			c := algo.PageRank{Iterations: 2, Damping: 0.85}
			want, _ := pageRanks(d, c)
			for _, peers := range []int{1, 3} {
				r := outcome(t, t, trial{runner: bsp.NewRunner(c.Program(graph.Input{})), input: write(t, "graph", strings.Join(with, "")), peers: peers})
				sameRanks(t, r.Output, want)
			}
		}
	}
}
