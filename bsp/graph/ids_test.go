package graph_test

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"scalar/bsp/graph"

	"pgregory.net/rapid"
)

func TestDictionary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]graph.IDs{graph.Integers, graph.Strings}).Draw(t, "kind")
		id := rapid.Map(rapid.OneOf(rapid.Uint64Range(0, 20), rapid.Uint64Range(graph.MaxID-20, graph.MaxID), rapid.Uint64Range(8180, 8200), rapid.Uint64Range(0, 40_000)),
			func(x uint64) string { return strconv.FormatUint(x, 10) })
		ids := rapid.SliceOfN(id, 0, 60).Draw(t, "ids")
		if rapid.IntRange(0, 9).Draw(t, "many") == 0 {
			top := rapid.SampledFrom([]int{4000, 1 << 15, 1 << 23}).Draw(t, "top")
			for i := range 5000 {
				ids = append(ids, strconv.Itoa(i*99991%top))
			}
		}
		lines := []byte(strings.Join(ids, "\n"))
		numbers, got, rank, err := graph.Dictionary(kind, lines)
		if err != nil || len(numbers) != len(ids) {
			t.Fatalf("%d numbers of %d, %v", len(numbers), len(ids), err)
		}
		want := slices.Clone(ids)
		slices.SortFunc(want, func(a, b string) int {
			if kind == graph.Integers && len(a) != len(b) {
				return len(a) - len(b)
			}
			return cmp.Compare(a, b)
		})
		want = slices.Compact(want)
		if !slices.Equal(got, want) {
			t.Fatalf("sorted %v, want %v", got, want)
		}
		for i, n := range numbers {
			if got[rank[n]] != ids[i] {
				t.Fatalf("id %s became %s", ids[i], got[rank[n]])
			}
		}
		merged, err := graph.Merge(kind, lines)
		slices.Sort(merged)
		slices.Sort(want)
		if err != nil || !slices.Equal(merged, want) {
			t.Fatalf("merged %v, want %v: %v", merged, want, err)
		}
	})
}
