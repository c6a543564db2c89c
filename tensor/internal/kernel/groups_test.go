package kernel_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"scalar/tensor/internal/kernel"
)

// TestGroups compares with the plain operation, bit by bit, for every width and group; what lies
// between sums stays.
func TestGroups(t *testing.T) {
	for _, isa := range kernel.All() {
		r := rand.New(rand.NewPCG(3, 4))
		for width := range 70 {
			stride, apart, rows := width+r.IntN(3), width+r.IntN(4), r.IntN(20)
			g := kernel.Groups{From: make([]float32, rows*stride+width), Sums: make([]float64, 5*apart+width), SumStride: apart, Stride: stride, Width: width}
			for i := range g.From {
				g.From[i] = float32(r.NormFloat64())
			}
			for i := range g.Sums {
				g.Sums[i] = r.NormFloat64()
			}
			for range rows {
				g.Of = append(g.Of, int32(r.IntN(5)))
			}
			want := g
			want.Sums = slices.Clone(g.Sums)
			kernel.PlainGroups(&want)
			isa.Groups(&g)
			if !slices.Equal(g.Sums, want.Sums) {
				t.Fatalf("%v: width %d: %v, want %v", isa, width, g.Sums, want.Sums)
			}
		}
	}
}

// TestLargest compares with the plain operation, of rows with ties, infinities and NaN.
func TestLargest(t *testing.T) {
	odd := []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), 0, float32(math.Copysign(0, -1)), 1}
	for _, isa := range kernel.All() {
		r := rand.New(rand.NewPCG(5, 6))
		for width := 1; width < 70; width++ {
			for kind := range 4 {
				rows := r.IntN(8)
				l := kernel.Largest{Rows: make([]float32, rows*width), Places: make([]int32, rows), Width: width}
				for i := range l.Rows {
					switch kind {
					case 0:
						l.Rows[i] = float32(r.NormFloat64())
					case 1:
						l.Rows[i] = float32(r.IntN(3))
					case 2:
						l.Rows[i] = odd[r.IntN(len(odd))]
					case 3:
						l.Rows[i] = odd[r.IntN(3)/2*2] // NaN and -Inf
					}
				}
				want := l
				want.Places = make([]int32, rows)
				kernel.PlainLargest(&want)
				isa.Largest(&l)
				if !slices.Equal(l.Places, want.Places) {
					t.Fatalf("%v: width %d of %v: %v, want %v", isa, width, l.Rows, l.Places, want.Places)
				}
			}
		}
	}
}

func TestGroupsBounds(t *testing.T) {
	for name, f := range map[string]func(){
		"a negative group": func() {
			kernel.AVX2.Groups(&kernel.Groups{Sums: make([]float64, 4), From: make([]float32, 4), Of: []int32{-1}, SumStride: 4, Stride: 4, Width: 4})
		},
		"a group too many": func() {
			kernel.AVX2.Groups(&kernel.Groups{Sums: make([]float64, 4), From: make([]float32, 4), Of: []int32{1}, SumStride: 4, Stride: 4, Width: 4})
		},
		"too few rows": func() {
			kernel.AVX2.Groups(&kernel.Groups{Sums: make([]float64, 4), From: make([]float32, 4), Of: []int32{0, 0}, SumStride: 4, Stride: 4, Width: 4})
		},
		"no width":       func() { kernel.AVX2.Largest(&kernel.Largest{Places: []int32{0}}) },
		"too few values": func() { kernel.AVX2.Largest(&kernel.Largest{Rows: make([]float32, 3), Places: []int32{0}, Width: 4}) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s is no panic", name)
				}
			}()
			f()
		}()
	}
}
