package idtable_test

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"

	"scalar/bsp/graph/idtable"
	"scalar/internal/splitmix"

	"pgregory.net/rapid"
)

// draw returns ids of some kind: of those that share lines, more than a line has room for.
func draw(t *rapid.T) []uint64 {
	rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
	n := rapid.SampledFrom([]int{0, 1, 5, 6, 100, idtable.LeastIDs, idtable.LeastIDs + 1, 6_000}).Draw(t, "ids")
	ids := []uint64{0, math.MaxUint64, 1 << 63}[:rapid.IntRange(0, 3).Draw(t, "special")]
	homes := rapid.SampledFrom([]uint64{256, 3, 1}).Draw(t, "homes")
	if homes < 256 {
		n = min(n, 300)
	}
	shift := rapid.SampledFrom([]int{0, 40, 50}).Draw(t, "shift")
	for range n {
		id := rng.Uint64() >> shift
		for idtable.Home(id)/(256/homes) != (256-1)/(256/homes) { // the last, from where ids go on to the first
			id = rng.Uint64()
		}
		ids = append(ids, id)
	}
	return ids
}

// What a table says is what a map says, of ids that are there and others.
func TestTable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var table idtable.Table
		want := map[uint64]uint32{}
		for _, id := range draw(t) {
			if _, ok := want[id]; ok {
				continue
			}
			if got := table.Code(id); got != idtable.Unknown {
				t.Fatalf("id %d has code %d before it is put in", id, got)
			}
			code := uint32(len(want))
			if code == 3 {
				code = idtable.Unknown - 1
			}
			table.Put(id, code)
			want[id] = code
		}
		if table.Len() != len(want) {
			t.Fatalf("%d ids, want %d", table.Len(), len(want))
		}
		for id, code := range want {
			if got := table.Code(id); got != code {
				t.Fatalf("id %d has code %d, want %d", id, got, code)
			}
			for _, other := range []uint64{id + 1, id ^ 1<<40} {
				if _, ok := want[other]; !ok && table.Code(other) != idtable.Unknown {
					t.Fatalf("id %d has code %d, want none", other, table.Code(other))
				}
			}
		}
	})
}

// repeated returns ids, of which many come again: those of two places before, and others.
func repeated(t *rapid.T, ids []uint64) []uint64 {
	rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "repeats"), 0))
	again := rapid.SampledFrom([]int{0, 1, 4}).Draw(t, "again")
	equal := rapid.SampledFrom([]int{0, 50, 80}).Draw(t, "equal") // in a hundred
	var all []uint64
	for i, id := range ids {
		all = append(all, id)
		for range rng.IntN(again + 1) {
			all = append(all, ids[rng.IntN(i+1)])
		}
		for len(all) > 1 && rng.IntN(100) < equal {
			all = append(all, all[len(all)-2])
		}
	}
	return all
}

// The codes of ids are numbers in the order in which they come, by owner, with assembly and without, however many are
// asked for at once.
func TestNumbers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ids := draw(t)
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "order"), 0))
		for range rapid.SampledFrom([]int{0, 1, 300, 3000}).Draw(t, "small") { // they lie in the array, or go there
			ids = append(ids, uint64(rng.IntN(1<<17)))
		}
		rng.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
		ids = repeated(t, ids)
		owners := rapid.SampledFrom([]int{1, 2, 3, 17}).Draw(t, "owners")
		shift := bits.Len(uint(owners - 1))
		want, lists := make([]uint32, len(ids)), make([][]uint64, owners)
		codes, count := map[uint64]uint32{}, 0
		for i, id := range ids {
			code, ok := codes[id]
			if !ok {
				owner := splitmix.Mix(id) >> 32 * uint64(owners) >> 32
				code = uint32(len(lists[owner])<<shift) | uint32(owner)
				lists[owner] = append(lists[owner], id)
				codes[id], count = code, count+1
			}
			want[i] = code
		}
		batch := rapid.SampledFrom([]int{1, 2, 7, 256, 1000, 1 << 20}).Draw(t, "batch")
		for name, f := range map[string]func(n *idtable.Numbers, codes []uint32, ids []uint64){"fast": (*idtable.Numbers).Intern, "plain": (*idtable.Numbers).Plain} {
			n, got := idtable.NewNumbers(owners), make([]uint32, len(ids)+1)
			const beyond = 12345
			got[len(ids)] = beyond
			for lo := 0; lo < len(ids); lo += batch {
				hi := min(lo+batch, len(ids))
				f(n, got[lo:hi], ids[lo:hi])
			}
			for i, code := range want {
				if got[i] != code {
					t.Fatalf("%s: id %d, at %d of %d, has code %d, want %d", name, ids[i], i, len(ids), got[i], code)
				}
			}
			if got[len(ids)] != beyond {
				t.Fatalf("%s: wrote beyond the codes", name)
			}
			if n.Len() != count || !slices.EqualFunc(n.IDs, lists, slices.Equal[[]uint64]) {
				t.Fatalf("%s: %d ids, want %d", name, n.Len(), count)
			}
		}
	})
}

// BenchmarkIntern finds the codes of ids of a table of 16 MiB in random order, and of edges that are in the order of their
// sources, and of new ones.
func BenchmarkIntern(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	ids := make([]uint64, 1<<19)
	for i := range ids {
		ids[i] = rng.Uint64()
	}
	random := slices.Clone(ids)
	rng.Shuffle(len(ids), func(i, j int) { random[i], random[j] = random[j], random[i] })
	edges := slices.Clone(random)
	for i := range edges {
		if i%2 == 0 && i%32 != 0 {
			edges[i] = edges[i-2]
		}
	}
	const batch = 4096
	var codes [batch]uint32
	for name, f := range map[string]func(n *idtable.Numbers, codes []uint32, ids []uint64){"fast": (*idtable.Numbers).Intern, "plain": (*idtable.Numbers).Plain} {
		n := idtable.NewNumbers(2)
		n.Intern(make([]uint32, len(ids)), ids)
		for kind, asked := range map[string][]uint64{"random": random, "edges": edges, "new": ids} {
			b.Run(kind+"/"+name, func(b *testing.B) {
				n := n
				for i := 0; b.Loop(); i += batch {
					if kind == "new" && i%len(asked) == 0 {
						n = idtable.NewNumbers(2)
					}
					f(n, codes[:], asked[i%len(asked):][:batch])
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/batch, "ns/id")
			})
		}
	}
}
