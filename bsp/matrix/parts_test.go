package matrix_test

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"scalar/bsp/matrix"

	"pgregory.net/rapid"
)

func TestRadix(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	for _, n := range []int{0, 1, 2, 1023, 1024, 5000, 40_000} {
		for _, top := range []uint64{1, 2, 1 << 11, 1 << 20, 1 << 63} {
			for _, low := range []uint{0, 4, 32} {
				xs := make([]uint64, n)
				for i := range xs {
					xs[i] = rng.Uint64N(top)
				}
				want := slices.Clone(xs)
				slices.SortStableFunc(want, func(a, b uint64) int { return cmp.Compare(a>>low, b>>low) })
				if !slices.Equal(matrix.Radix(xs, low), want) {
					t.Fatalf("%d numbers below %d by their bits from %d on", n, top, low)
				}
			}
		}
	}
}

func TestDistinct(tt *testing.T) {
	rapid.Check(tt, func(t *rapid.T) {
		columns := rapid.SliceOf(rapid.Uint32Max(20)).Draw(t, "columns")
		all, which := matrix.Distinct(columns)
		sorted := slices.Compact(slices.Sorted(slices.Values(columns)))
		if !slices.Equal(all, sorted) {
			t.Fatalf("%v of %v", all, columns)
		}
		for i, w := range which {
			if all[w] != columns[i] {
				t.Fatalf("column %d of %v is %d of %v", i, columns, w, all)
			}
		}
	})
}

func TestBalance(tt *testing.T) {
	rapid.Check(tt, func(t *rapid.T) {
		entries := rapid.SliceOf(rapid.SampledFrom([]uint64{0, 0, 1, 2, 30})).Draw(t, "entries")
		total := uint64(len(entries))
		for _, n := range entries {
			total += n
		}
		targets := slices.Sorted(slices.Values(rapid.SliceOf(rapid.Uint64Max(total)).Draw(t, "targets")))
		want := make([]uint64, 0, len(targets))
		for _, target := range targets {
			row, weight := uint64(0), uint64(0)
			for weight < target {
				weight += 1 + entries[row]
				row++
			}
			want = append(want, row)
		}
		if got := matrix.Balance(entries, targets); !slices.Equal(got, want) {
			t.Fatalf("%v of %v: %v, want %v", targets, entries, got, want)
		}
	})
}

func TestTable(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 8))
	table := matrix.NewTable()
	for _, n := range []int{0, 1, 500, 513, 3000, 100, 70_000, 2} {
		want := map[uint32]float64{}
		for range n {
			c, x := rng.Uint32N(uint32(n)), rng.NormFloat64()
			if c%7 == 0 {
				c = 1<<32 - 3 - c
			}
			table.Add(c, x)
			want[c] += x
		}
		columns, sums := table.Sorted()
		if !slices.Equal(columns, slices.Sorted(maps.Keys(want))) {
			t.Fatalf("%d columns, want %d", len(columns), len(want))
		}
		for i, c := range columns {
			if sums[i] != want[c] {
				t.Fatalf("column %d: %g, want %g", c, sums[i], want[c])
			}
		}
		table.Clear()
	}
}

func FuzzState(f *testing.F) {
	f.Add([]byte{})
	f.Add(make([]byte, 8))
	f.Add(append(make([]byte, 8), 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f))
	f.Add(bytes.Repeat([]byte{0xff}, 20))
	f.Fuzz(func(t *testing.T, data []byte) {
		table := matrix.NewTable()
		once, err := table.Restore(data)
		if err != nil {
			return
		}
		if again, err := table.Restore(once); err != nil || !bytes.Equal(once, again) {
			t.Fatalf("%x becomes %x and %x, %v", data, once, again, err)
		}
	})
}

// FuzzRequests decodes what two peers want of the rows 3, 5 and 4000 in four batches.
func FuzzRequests(f *testing.F) {
	encode := func(xs ...uint32) (b []byte) {
		for _, x := range xs {
			b = binary.LittleEndian.AppendUint32(b, x)
		}
		return b
	}
	f.Add([]byte{}, []byte{1})
	f.Add(encode(0, 3, 0, 5, 2, 3), encode(3, 4000))
	f.Add(encode(1, 5, 0, 5), encode(4, 5))
	f.Add(encode(0, 4), encode(0, 5, 0, 3))
	rows := []uint32{3, 5, 4000}
	f.Fuzz(func(t *testing.T, first, second []byte) {
		got, err := matrix.Deliver(first, second, rows, 4)
		if err != nil {
			return
		}
		for q, want := range [][]byte{first, second} {
			var again []byte
			for batch, list := range got[q] {
				for _, i := range list {
					again = append(again, encode(uint32(batch), rows[i])...)
				}
			}
			if !bytes.Equal(again, want) {
				t.Fatalf("peer %d wants %x and gets %x", q, want, again)
			}
		}
	})
}
