package kernel_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"scalar/tensor/internal/kernel"
)

// TestSparse compares with plain Go, bit by bit, and that with a chain of terms, for every width.
func TestSparse(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	for cols := range 280 {
		rows, named := r.IntN(7), 1+r.IntN(9)
		toStep, fromStep := cols+r.IntN(3), cols+r.IntN(3)
		s := kernel.Sparse{Starts: []uint32{uint32(r.IntN(3))}, ToStep: toStep, FromStep: fromStep, Cols: cols}
		if cols > 0 && r.IntN(2) == 0 {
			s.Init, s.Scale = normals(r, cols), normals(r, rows)
		}
		for range rows {
			s.Starts = append(s.Starts, s.Starts[len(s.Starts)-1]+uint32(r.IntN(6)))
		}
		for range s.Starts[rows] {
			s.At, s.By = append(s.At, uint32(r.IntN(named))), append(s.By, float32(r.NormFloat64()))
		}
		s.Below = named
		s.From = normals(r, (named-1)*fromStep+cols)
		before := normals(r, max(rows-1, 0)*toStep+cols+5)
		run := func(isa kernel.ISA) []float32 {
			s.To = slices.Clone(before)
			isa.Sparse(&s)
			return s.To
		}
		want := run(kernel.Plain)
		for i, got := range want {
			row, c := i/max(toStep, 1), i%max(toStep, 1)
			sum := before[i]
			if row < rows && c < cols {
				if s.Init != nil {
					sum = s.Scale[row] * s.Init[c]
				}
				for e := s.Starts[row]; e < s.Starts[row+1]; e++ {
					sum = kernel.FMA(s.By[e], s.From[int(s.At[e])*fromStep+c], sum)
				}
			}
			if math.Float32bits(got) != math.Float32bits(sum) {
				t.Fatalf("%d columns: value %d of row %d is %g, want %g", cols, c, row, got, sum)
			}
		}
		for _, isa := range kernel.All() {
			if got := run(isa); !slices.Equal(got, want) {
				t.Fatalf("%v: %d columns: %v, want %v", isa, cols, got, want)
			}
		}
	}
}

func normals(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// What reaches beyond a slice panics before anything is read.
func TestSparseChecks(t *testing.T) {
	fine := func() kernel.Sparse {
		return kernel.Sparse{To: make([]float32, 6), From: make([]float32, 6), By: []float32{1, 1}, At: []uint32{0, 1}, Starts: []uint32{0, 1, 2}, ToStep: 3, FromStep: 3, Cols: 3, Below: 2}
	}
	for name, spoil := range map[string]func(s *kernel.Sparse){
		"to":       func(s *kernel.Sparse) { s.To = s.To[:5] },
		"from":     func(s *kernel.Sparse) { s.From = s.From[:5] },
		"by":       func(s *kernel.Sparse) { s.By = s.By[:1] },
		"at":       func(s *kernel.Sparse) { s.At = s.At[:1] },
		"below":    func(s *kernel.Sparse) { s.Below = 3 },
		"starts":   func(s *kernel.Sparse) { s.Starts = []uint32{0, 2, 1} },
		"steps":    func(s *kernel.Sparse) { s.FromStep = 2 },
		"init":     func(s *kernel.Sparse) { s.Init, s.Scale = make([]float32, 2), make([]float32, 2) },
		"scale":    func(s *kernel.Sparse) { s.Init, s.Scale = make([]float32, 3), make([]float32, 1) },
		"overlaps": func(s *kernel.Sparse) { s.ToStep = 2 },
	} {
		for _, isa := range kernel.All() {
			s := fine()
			isa.Sparse(&s)
			spoil(&s)
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%v: %s: no panic", isa, name)
					}
				}()
				isa.Sparse(&s)
			}()
		}
	}
}
