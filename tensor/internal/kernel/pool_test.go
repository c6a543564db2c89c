package kernel_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"scalar/tensor/internal/kernel"
)

// pooled is the definition of both poolings.
func pooled(in []float32, w kernel.Windows) (most, mean []float32, picks []int32) {
	for n := range w.Planes {
		plane := in[n*w.Size[0]*w.Size[1]:][:w.Size[0]*w.Size[1]]
		for y := range w.Out[0] {
			for x := range w.Out[1] {
				pick, sum := -1, float32(0)
				for i := range w.Window[0] {
					for j := range w.Window[1] {
						at := (y*w.Stride[0]+i)*w.Size[1] + x*w.Stride[1] + j
						v := plane[at]
						sum += v
						switch {
						case pick < 0, math.IsNaN(float64(v)) && !math.IsNaN(float64(plane[pick])), v > plane[pick]:
							pick = at
						}
					}
				}
				most, mean = append(most, plane[pick]), append(mean, sum/float32(w.Window[0]*w.Window[1]))
				picks = append(picks, int32(pick))
			}
		}
	}
	return most, mean, picks
}

// TestPools compares poolings with their definition, with equals, zeros of both signs,
// infinities and NaN in windows, and sees that nothing else is written.
func TestPools(t *testing.T) {
	values := []float32{0, float32(math.Copysign(0, -1)), 1, -1, 2, float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN())}
	r := rand.New(rand.NewPCG(41, 41))
	for range 3000 {
		w := kernel.Windows{Planes: r.IntN(4), Window: [2]int{1 + r.IntN(3), 1 + r.IntN(4)}, Stride: [2]int{1 + r.IntN(3), 1 + r.IntN(3)}}
		if r.IntN(3) == 0 {
			w.Window[1], w.Stride[1] = 2, 2 // a gradient in vectors, if down they are apart
		}
		w.Out = [2]int{1 + r.IntN(4), 1 + r.IntN(40)}
		for d := range 2 {
			w.Size[d] = (w.Out[d]-1)*w.Stride[d] + w.Window[d] + r.IntN(3)
		}
		in := make([]float32, w.Planes*w.Size[0]*w.Size[1])
		special := r.IntN(2) == 0
		for i := range in {
			in[i] = float32(r.NormFloat64())
			if special {
				in[i] = values[r.IntN(len(values))]
			}
		}
		most, mean, picks := pooled(in, w)
		n := len(most)
		const guard = 20
		for _, isa := range kernel.All() {
			what := fmt.Sprintf("%v, %+v", isa, w)
			gotMost, gotMean, gotPicks := make([]float32, n+guard), make([]float32, n+guard), make([]int32, n+guard)
			isa.MaxPool(gotMost[:n], gotPicks[:n], in, w)
			isa.MeanPool(gotMean[:n], in, w)
			for i := range n {
				if !same(gotMost[i], most[i]) || gotPicks[i] != picks[i] || !same(gotMean[i], mean[i]) {
					t.Fatalf("%s: window %d is %v at %d, mean %v; want %v at %d, mean %v", what, i, gotMost[i], gotPicks[i], gotMean[i], most[i], picks[i], mean[i])
				}
			}
			poolGradient(t, isa, picks, w)
			for i := n; i < n+guard; i++ {
				if gotMost[i] != 0 || gotMean[i] != 0 || gotPicks[i] != 0 {
					t.Fatalf("%s: written beyond", what)
				}
			}
		}
	}
}

// poolGradient compares gradients of pooling with what each pick gets, and each place of a window.
func poolGradient(t *testing.T, isa kernel.ISA, picks []int32, w kernel.Windows) {
	t.Helper()
	const guard = 20
	r := rand.New(rand.NewPCG(45, uint64(len(picks))))
	n := w.Planes * w.Size[0] * w.Size[1]
	dy, want, even, got := make([]float32, len(picks)), make([]float32, n), make([]float32, n), make([]float32, n+guard)
	fill(r, dy)
	fill(r, got)
	behind := append([]float32(nil), got[n:]...)
	for i, pick := range picks {
		plane, at := i/(w.Out[0]*w.Out[1])*w.Size[0]*w.Size[1], i%(w.Out[0]*w.Out[1])
		want[plane+int(pick)] += dy[i]
		corner := plane + at/w.Out[1]*w.Stride[0]*w.Size[1] + at%w.Out[1]*w.Stride[1]
		for place := range w.Window[0] * w.Window[1] {
			even[corner+place/w.Window[1]*w.Size[1]+place%w.Window[1]] += dy[i] / float32(w.Window[0]*w.Window[1])
		}
	}
	isa.MaxPoolGrad(got[:n], dy, picks, w)
	for i, x := range slices.Concat(want, behind) {
		if !same(got[i], x) {
			t.Fatalf("%v, %+v: gradient %d is %v, want %v", isa, w, i, got[i], x)
		}
	}
	fill(r, got[:n])
	isa.MeanPoolGrad(got[:n], dy, w)
	for i, x := range slices.Concat(even, behind) {
		if !same(got[i], x) {
			t.Fatalf("%v, %+v: gradient of the mean %d is %v, want %v", isa, w, i, got[i], x)
		}
	}
}

func TestPoolsRefuse(t *testing.T) {
	for _, w := range []kernel.Windows{
		{Planes: 1, Size: [2]int{4, 4}, Out: [2]int{2, 3}, Window: [2]int{2, 2}, Stride: [2]int{2, 2}},
		{Planes: 2, Size: [2]int{4, 4}, Out: [2]int{2, 2}, Window: [2]int{2, 2}, Stride: [2]int{2, 2}},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%+v: no panic", w)
				}
			}()
			kernel.Plain.MaxPool(make([]float32, 8), make([]int32, 8), make([]float32, 16), w)
		}()
	}
}
