package graph_test

import (
	"cmp"
	"math"
	"math/rand/v2"
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
		if kind == graph.Strings { // names of any length that differ anywhere
			for range rapid.IntRange(0, 200).Draw(t, "names") {
				start := rapid.SampledFrom([]string{"", "user-", "fifteen-bytes--", "sixteen-bytes---", "a-common-prefix-of-some-length/"}).Draw(t, "start")
				end := rapid.SampledFrom([]string{"", "\x00", "\x00\x00", "x", "-and-a-common-end-of-some-length"}).Draw(t, "end")
				ids = append(ids, start+rapid.SampledFrom([]string{"", "\x00", "1", "12345678"}).Draw(t, "middle")+end)
			}
			ids = slices.DeleteFunc(ids, func(s string) bool { return s == "" })
		}
		lines := []byte(strings.Join(ids, "\n"))
		numbers, got, rank, err := graph.Dictionary(kind, lines)
		if err != nil || len(numbers) != len(ids) {
			t.Fatalf("%d numbers of %d, %v", len(numbers), len(ids), err)
		}
		order := func(a, b string) int {
			if kind == graph.Integers && len(a) != len(b) {
				return len(a) - len(b)
			}
			return cmp.Compare(a, b)
		}
		want := slices.Clone(ids)
		slices.SortFunc(want, order)
		want = slices.Compact(want)
		if !slices.Equal(got, want) {
			t.Fatalf("sorted %v, want %v", got, want)
		}
		for i, n := range numbers {
			if got[rank[n]] != ids[i] {
				t.Fatalf("id %s became %s", ids[i], got[rank[n]])
			}
		}
		checkUnion(t, kind, ids, want, order)
	})
}

// TestManyNames: names that differ in little, as user-1234567 does from others, each keep their own number, however many lie in one line of the table.
func TestManyNames(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for _, letters := range []string{"0123456789", "ab", "\x01\x03\x07\x0f\x1f\x3f\x7f\xff"} {
		ids := make([]string, 100_000)
		for i := range ids {
			id := []byte("user-ab-cd-ef-gh-ij")[:5+r.IntN(14)]
			for range 4 + r.IntN(8) {
				id[r.IntN(len(id))] = letters[r.IntN(len(letters))]
			}
			ids[i] = string(id)
		}
		numbers, got, rank, err := graph.Dictionary(graph.Strings, []byte(strings.Join(ids, "\n")))
		if err != nil || len(numbers) != len(ids) {
			t.Fatalf("%d numbers of %d, %v", len(numbers), len(ids), err)
		}
		for i, n := range numbers {
			if got[rank[n]] != ids[i] {
				t.Fatalf("name %q became %q", ids[i], got[rank[n]])
			}
		}
	}
}

// checkUnion gives ids to several peers, and looks at what their owners have of them: those wanted.
func checkUnion(t *rapid.T, kind graph.IDs, ids, want []string, order func(a, b string) int) {
	peers := make([][]byte, rapid.IntRange(1, 5).Draw(t, "peers"))
	for i := range peers {
		peers[i] = []byte(strings.Join(ids[len(ids)*i/len(peers):len(ids)*(i+1)/len(peers)], "\n"))
	}
	asRead := rapid.Bool().Draw(t, "as read")
	found, owned, ordered, err := graph.Union(kind, peers, asRead)
	if all := slices.Concat(found...); err != nil || !slices.Equal(all, ids) {
		t.Fatalf("found %v, want %v: %v", all, ids, err)
	}
	for i, own := range owned {
		if !slices.IsSortedFunc(ordered[i], order) {
			t.Fatalf("unsorted: %v", ordered[i])
		}
		if !slices.IsSortedFunc(own, order) && (!asRead || !slices.Equal(own, read(ids, own))) {
			t.Fatalf("as read: %v: %v", asRead, own)
		}
	}
	all := slices.Concat(owned...)
	slices.SortFunc(all, order)
	if !slices.Equal(all, want) {
		t.Fatalf("owned %v, want %v", all, want)
	}
}

// read returns those of the ids in the order in which they first come.
func read(ids, those []string) (in []string) {
	for _, id := range ids {
		if slices.Contains(those, id) && !slices.Contains(in, id) {
			in = append(in, id)
		}
	}
	return in
}

// BenchmarkFind is what it takes to find the vertex of a message to an id.
func BenchmarkFind(b *testing.B) {
	r := rand.New(rand.NewPCG(3, 4))
	ids := make([]uint64, 1<<19)
	for i := range ids {
		ids[i] = r.Uint64() >> 2
	}
	for name, asRead := range map[string]bool{"in order": false, "as read": true} {
		b.Run(name, func(b *testing.B) {
			find := graph.Finder(ids, asRead)
			for b.Loop() {
				if _, ok := find(ids[r.IntN(len(ids))]); !ok {
					b.Fatal("an id is not found")
				}
			}
		})
	}
}

// Keys of all kinds are sorted, equal ones in their order.
func TestSortKeys(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	kinds := map[string]func(i int) uint64{
		"any":        func(int) uint64 { return r.Uint64() },
		"equal":      func(int) uint64 { return 7 },
		"few":        func(int) uint64 { return r.Uint64N(5) << 40 },
		"small":      func(int) uint64 { return r.Uint64N(1000) },
		"powers":     func(i int) uint64 { return 1 << (i % 64) },
		"descending": func(i int) uint64 { return math.MaxUint64 - uint64(i)/2 },
		"two ends":   func(i int) uint64 { return uint64(i%2)<<63 | r.Uint64N(100) },
	}
	for name, key := range kinds {
		for _, n := range []int{0, 1, 2, 23, 24, 25, 63, 64, 100, 1000, 70_000} {
			keys := make([]uint64, n)
			want := make([]uint32, n)
			for i := range keys {
				keys[i], want[i] = key(i), uint32(i)
			}
			before := slices.Clone(keys)
			slices.SortStableFunc(want, func(a, b uint32) int { return cmp.Compare(before[a], before[b]) })
			if from := graph.SortKeys(keys); n > 0 && !slices.Equal(from, want) {
				t.Errorf("%s, %d keys: %v, want %v", name, n, from[:min(n, 30)], want[:min(n, 30)])
			}
			if !slices.IsSorted(keys) {
				t.Errorf("%s, %d keys: not sorted", name, n)
			}
		}
	}
}
