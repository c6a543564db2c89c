package kernel_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"scalar/tensor/internal/kernel"
)

// wide draws from all of float32's range, NaN and infinities too.
func wide(r *rand.Rand) float32 {
	switch r.IntN(8) {
	case 0:
		return math.Float32frombits(r.Uint32())
	case 1:
		return odd(r)
	case 2:
		return float32(r.NormFloat64() * 100)
	case 3:
		return float32(r.NormFloat64() * 1e-3)
	}
	return float32(r.NormFloat64() * 3)
}

// TestMap compares every operation with plain Go, bit by bit, at every length of a tail,
// and sees that nothing else is written.
func TestMap(t *testing.T) {
	for _, isa := range kernel.All() {
		r := rand.New(rand.NewPCG(9, 9))
		for op := range kernel.Ops {
			for n := range 200 {
				var arrays, want [4][]float32
				for i := range arrays {
					arrays[i] = make([]float32, n+20)
					for j := range arrays[i] {
						arrays[i][j] = wide(r)
					}
					want[i] = append([]float32(nil), arrays[i]...)
				}
				m := kernel.Map{Op: op, C: [8]float32{0.01, 0.1, 0.9, 0.1, 0.999, 0.001, 1.5, 1e-8}}
				at := func(a [4][]float32) kernel.Map {
					m.Out, m.X, m.Y, m.Z = a[0][:n], a[1], a[2], a[3]
					return m
				}
				plain, fast := at(want), at(arrays)
				kernel.PlainMap(&plain)
				isa.Map(&fast)
				for i := range arrays {
					for j := range arrays[i] {
						if !same(arrays[i][j], want[i][j]) {
							t.Fatalf("%v, operation %d of %d values: array %d, value %d: %x, want %x", isa, op, n, i, j, arrays[i][j], want[i][j])
						}
					}
				}
			}
		}
	}
}

// far returns how many float32 lie between two.
func far(x float32, y float64) float64 {
	z := float32(y)
	switch {
	case x == z || x != x && z != z:
		return 0
	case x-x != 0 || z-z != 0:
		return math.Inf(1)
	}
	ulp := math.Nextafter32(float32(math.Abs(y)), float32(math.Inf(1))) - float32(math.Abs(y))
	return math.Abs(float64(x)-y) / float64(ulp)
}

// TestFunctions compares the functions with float64's: in units of the last place, or,
// where they subtract, by the error beside absolute.
func TestFunctions(t *testing.T) {
	cdf := func(x float64) float64 { return math.Erfc(-x/math.Sqrt2) / 2 }
	density := func(x float64) float64 { return math.Exp(-x*x/2) / math.Sqrt(2*math.Pi) }
	for _, c := range []struct {
		name     string
		op       kernel.Op
		want     func(x float64) float64
		ulps     float64
		absolute float64
	}{
		{"exp", kernel.Exp, math.Exp, 2, 0},
		{"sigmoid", kernel.Sigmoid, func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }, 4, 1e-37},
		{"tanh", kernel.Tanh, math.Tanh, 4, 0},
		{"gelu", kernel.GELU, func(x float64) float64 { return x * cdf(x) }, 4, 5e-7},
		{"gelu's slope", kernel.GELUGrad, func(x float64) float64 { return cdf(x) + x*density(x) }, 4, 5e-7},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(10, 10))
			x, y, out := make([]float32, 4096), make([]float32, 4096), make([]float32, 4096)
			for i := range y {
				y[i] = 1
			}
			most := 0.0
			for range 100 {
				for i := range x {
					if x[i] = wide(r); math.Abs(float64(x[i])) > 1e4 {
						x[i] = float32(r.Float64()*240 - 120)
					}
				}
				kernel.Best().Map(&kernel.Map{Op: c.op, Out: out, X: x, Y: y})
				for i, got := range out {
					want := c.want(float64(x[i]))
					if math.Abs(float64(got)-want) <= c.absolute {
						continue
					}
					if f := far(got, want); f > c.ulps {
						t.Fatalf("%s(%v) = %v, want %v", c.name, x[i], got, want)
					} else if f > most {
						most = f
					}
				}
			}
			t.Logf("within %.2f units of the last place", most)
		})
	}
}

// TestFunctionsEnds has infinities, NaN, and where results leave the range.
func TestFunctionsEnds(t *testing.T) {
	ends := []struct {
		op      kernel.Op
		x, want float64
	}{
		{kernel.Exp, math.Inf(1), math.Inf(1)},
		{kernel.Exp, math.Inf(-1), 0},
		{kernel.Exp, 89, math.Inf(1)},
		{kernel.Exp, -104, 0},
		{kernel.Exp, 0, 1},
		{kernel.Tanh, math.Inf(-1), -1},
		{kernel.Tanh, math.Inf(1), 1},
		{kernel.Sigmoid, math.Inf(-1), 0},
		{kernel.Sigmoid, math.Inf(1), 1},
		{kernel.GELU, math.Inf(1), math.Inf(1)},
	}
	for _, c := range ends {
		out := []float32{0}
		kernel.Best().Map(&kernel.Map{Op: c.op, Out: out, X: []float32{float32(c.x)}, Y: out})
		if float64(out[0]) != c.want {
			t.Errorf("operation %d of %v: %v, want %v", c.op, c.x, out[0], c.want)
		}
	}
	for _, op := range []kernel.Op{kernel.Exp, kernel.Tanh, kernel.Sigmoid, kernel.GELU, kernel.Rectify} {
		out := []float32{0}
		kernel.Best().Map(&kernel.Map{Op: op, Out: out, X: []float32{float32(math.NaN())}, Y: out})
		if out[0] == out[0] {
			t.Errorf("operation %d of NaN: %v", op, out[0])
		}
	}
}

func TestMapRefuses(t *testing.T) {
	for name, m := range map[string]kernel.Map{
		"short x":   {Op: kernel.Scale, Out: make([]float32, 2), X: make([]float32, 1)},
		"short y":   {Op: kernel.Add, Out: make([]float32, 2), X: make([]float32, 2), Y: make([]float32, 1)},
		"short z":   {Op: kernel.Adam, Out: make([]float32, 2), X: make([]float32, 2), Y: make([]float32, 2)},
		"no such":   {Op: kernel.Ops},
		"below all": {Op: -1},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			kernel.Best().Map(&m)
		})
	}
}
