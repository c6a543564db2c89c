package gather_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"scalar/bsp/graph/gather"
)

// values are of all sizes and both signs, so that every order of additions has bits of its own.
func values(rng *rand.Rand) *[gather.Reach]float64 {
	v := new([gather.Reach]float64)
	for i := range v {
		v[i] = math.Ldexp(rng.Float64()-0.5, rng.IntN(60))
	}
	v[0], v[gather.Reach-1] = math.Copysign(0, -1), math.SmallestNonzeroFloat64
	return v
}

func same(t *testing.T, what string, got, want []float64) {
	t.Helper()
	for i := range want {
		if math.Float64bits(got[i]) != math.Float64bits(want[i]) {
			t.Fatalf("%s: sum %d is %x, want %x", what, i, got[i], want[i])
		}
	}
}

// TestRows: sums have the bits of the plain ones, for every number of edges, and no other place
// is written.
func TestRows(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 45))
	v := values(rng)
	for edges := range 70 {
		for _, n := range []int{0, 1, 2, 33} {
			rows := make([]uint32, n)
			for i, at := range rng.Perm(2 * n)[:n] {
				rows[i] = uint32(at)
			}
			sources := make([]uint16, n*edges)
			for i := range sources {
				sources[i] = uint16([]int{0, gather.Reach - 1, rng.IntN(gather.Reach)}[rng.IntN(3)])
			}
			got, want := make([]float64, 2*n), make([]float64, 2*n)
			for i := range got {
				got[i], want[i] = math.Inf(1), math.Inf(1)
			}
			gather.Rows(rows, sources, edges, v, got)
			gather.PlainRows(rows, sources, edges, v, want)
			same(t, "rows", got, want)
		}
	}
}

// TestPlainRows: chains are as they are said to be.
func TestPlainRows(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 45))
	v := values(rng)
	for edges := 4; edges < 40; edges++ {
		sources := make([]uint16, edges)
		var chains [4]float64
		for i := range sources {
			sources[i] = uint16(rng.IntN(gather.Reach))
			chain := i % 4
			if i == edges-1 && edges%2 == 1 {
				chain = 2
			}
			chains[chain] += v[sources[i]]
		}
		sums := []float64{0}
		gather.PlainRows([]uint32{0}, sources, edges, v, sums)
		same(t, "row", sums, []float64{chains[0] + chains[1] + (chains[2] + chains[3])})
	}
}

// TestCell: sums have the bits of the plain ones, where many edges lead to the same row too,
// however much there is to be fetched.
func TestCell(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 45))
	v := values(rng)
	for n := range 200 {
		edges := make([]uint32, n)
		for i := range edges {
			edges[i] = rng.Uint32()
			if n%2 == 0 {
				edges[i] = edges[i]&^0xffff | []uint32{0, 1, 0xffff}[rng.IntN(3)]
			}
		}
		got, want := *v, *v
		ahead := v[:rng.IntN(150)]
		gather.Cell(edges, v, &got, ahead)
		gather.PlainCell(edges, v, &want, ahead)
		same(t, "cell", got[:], want[:])
	}
}

// TestStrips: sums have the bits of cells whose edges come in the order of a strip's, and of the plain
// ones, for every number of edges.
func TestStrips(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 45))
	v := values(rng)
	for edges := range 40 {
		for n := range 4 {
			strips, cell := make([]uint32, 0, n*gather.StripLen(edges)), make([]uint32, 0, n*gather.StripRows*edges)
			rows := rng.Perm(gather.Reach)
			for range n {
				at := len(strips)
				strips = append(strips, make([]uint32, gather.StripLen(edges))...)
				for i := range gather.StripRows {
					strips[at+i/2] |= uint32(rows[i]) << (i % 2 * 16)
				}
				for j := range edges {
					for i := range gather.StripRows {
						u := uint32([]int{0, gather.Reach - 1, rng.IntN(gather.Reach)}[rng.IntN(3)])
						strips[at+2+2*j+i/2] |= u << (i % 2 * 16)
						cell = append(cell, u<<16|uint32(rows[i]))
					}
				}
				rows = rows[rng.IntN(gather.StripRows+1):] // some rows are in the next strip too
			}
			got, plain, want := *v, *v, *v
			gather.Strips(strips, edges, v, &got)
			gather.PlainStrips(strips, edges, v, &plain)
			gather.PlainCell(cell, v, &want, nil)
			same(t, "strips", got[:], want[:])
			same(t, "plain strips", plain[:], want[:])
		}
	}
}

// TestPart: strips that end in a part of one are not read.
func TestPart(t *testing.T) {
	for name, add := range map[string]func([]uint32, int, *[gather.Reach]float64, *[gather.Reach]float64){"assembly": gather.Strips, "plain": gather.PlainStrips[float64]} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			add(make([]uint32, gather.StripLen(3)+1), 3, new([gather.Reach]float64), new([gather.Reach]float64))
		}()
	}
}

// TestRowsShort: fewer sources than the rows have are no reading beyond them.
func TestRowsShort(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	gather.Rows([]uint32{0, 1}, make([]uint16, 5), 3, new([gather.Reach]float64), make([]float64, 2))
}
