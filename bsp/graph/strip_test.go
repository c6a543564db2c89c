package graph_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"scalar/bsp/graph"
)

// TestPack: rows keep the order of their edges, most of which are in strips: of rows of all lengths, also long
// ones in no order, and of segments of all sizes; a tile with few edges stays as it is.
func TestPack(t *testing.T) {
	const rows = 1 << 15
	rng := rand.New(rand.NewPCG(5, 33))
	for _, shift := range []uint{14, 15, 16} {
		cells := make([][]uint32, 3<<(16-shift)-1) // the last tile has a segment less
		if shift == 16 {
			cells = make([][]uint32, 3)
		}
		want := make([][]uint32, rows)
		for i := range cells {
			tile := i >> (16 - shift)
			for range []int{300_000, 1000, 400_000}[tile] >> (16 - shift) {
				row := min(rng.Uint32N(rows), rng.Uint32N(rows))
				if rng.IntN(4) == 0 {
					row = rng.Uint32N(30) * 1001 // some have thousands
				}
				source := rng.Uint32N(1 << shift)
				cells[i] = append(cells[i], source<<16|row)
				want[row] = append(want[row], uint32(i)<<shift+source)
			}
		}
		got, packed := graph.Pack(cells, shift)
		for row := range want {
			if !slices.Equal(got[row], want[row]) {
				t.Fatalf("segments of %d bits: row %d has %d edges, want %d, or in another order", shift, row, len(got[row]), len(want[row]))
			}
		}
		if packed < 450_000 {
			t.Errorf("segments of %d bits: %d edges in strips", shift, packed)
		}
	}
}
