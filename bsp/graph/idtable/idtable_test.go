package idtable_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"scalar/bsp/graph/idtable"

	"pgregory.net/rapid"
)

// draw returns ids of some kind: of those that share lines, more than a line has room for.
func draw(t *rapid.T) []uint64 {
	rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
	n := rapid.SampledFrom([]int{0, 1, 5, 6, 100, idtable.LeastIDs, idtable.LeastIDs + 1, 20_000}).Draw(t, "ids")
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

// What a table says is what a map says, with assembly and without, of ids that are there and
// others, of any number at once.
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
		var asked []uint64
		for id, code := range want {
			if got := table.Code(id); got != code {
				t.Fatalf("id %d has code %d, want %d", id, got, code)
			}
			asked = append(asked, id, id+1, id^1<<40)
		}
		slices.Sort(asked)
		asked = append(asked[:min(len(asked), rapid.IntRange(0, len(asked)).Draw(t, "asked"))], 0)
		codes, plain := make([]uint32, len(asked)+1), make([]uint32, len(asked)+1)
		const beyond = 12345
		codes[len(asked)], plain[len(asked)] = beyond, beyond
		table.Codes(codes[:len(asked)], asked)
		if table.Plain(plain[:len(asked)], asked); len(want) == 0 {
			copy(plain, codes)
		}
		if !slices.Equal(codes, plain) || codes[len(asked)] != beyond {
			t.Fatalf("codes are %v, without assembly %v", codes, plain)
		}
		for i, id := range asked {
			code, ok := want[id]
			if !ok {
				code = idtable.Unknown
			}
			if codes[i] != code {
				t.Fatalf("id %d, at %d of %d, has code %d, want %d", id, i, len(asked), codes[i], code)
			}
		}
	})
}

// BenchmarkCodes looks for ids of a table of 16 MiB in random order.
func BenchmarkCodes(b *testing.B) {
	var table idtable.Table
	rng := rand.New(rand.NewPCG(1, 1))
	ids := make([]uint64, 1<<19)
	for i := range ids {
		ids[i] = rng.Uint64()
		table.Put(ids[i], uint32(i))
	}
	rng.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
	for name, f := range map[string]func(codes []uint32, ids []uint64){"codes": table.Codes, "plain": table.Plain} {
		b.Run(name, func(b *testing.B) {
			var codes [256]uint32
			for i := 0; b.Loop(); i += len(codes) {
				f(codes[:], ids[i%len(ids):][:len(codes)])
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(codes)), "ns/id")
		})
	}
}
