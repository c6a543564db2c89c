package tensor_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"scalar/tensor"
)

// random64 is random, of float64.
func random64(t *testing.T, r *rand.Rand, shape ...int) tensor.Dense[float64] {
	t.Helper()
	d := tensor.New[float64](shape[1], shape[0]+3).Slice(1, 2, shape[0]+2).T()
	if r.IntN(2) == 0 {
		d = tensor.New[float64](shape...)
	}
	for i := range shape[0] {
		for j := range shape[1] {
			d.Set(r.NormFloat64(), i, j)
		}
	}
	return d
}

// TestMatMul64 compares products with the chain that defines them, bit by bit.
func TestMatMul64(t *testing.T) {
	all := cpus(t)
	r := rand.New(rand.NewPCG(71, 71))
	for range trials(60) {
		m, n, k := r.IntN(80), r.IntN(20), r.IntN(40)
		a, b, start := random64(t, r, m, k), random64(t, r, k, n), random64(t, r, m, n)
		add := r.IntN(2) == 0
		for _, c := range all {
			out := random64(t, r, m, n)
			if err := out.CopyFrom(start); err != nil {
				t.Fatal(err)
			}
			if err := c.MatMul64(out, a, b, add); err != nil {
				t.Fatal(err)
			}
			for i := range m {
				for j := range n {
					want := 0.0
					if add {
						want = start.At(i, j)
					}
					for p := range k {
						want = math.FMA(a.At(i, p), b.At(p, j), want)
					}
					if got := out.At(i, j); got != want {
						t.Fatalf("%s, %d×%d×%d at %d, %d: %v, want %v", fmt.Sprint(c.Cores(), c.Instructions()), m, n, k, i, j, got, want)
					}
				}
			}
		}
	}
	c, z := all[0], tensor.New[float64]
	for _, err := range []error{c.MatMul64(z(2, 2), z(2, 3), z(2, 2), false), c.MatMul64(z(2, 2), z(2, 3), z(3), false), c.MatMul64(z(3, 2), z(2, 3), z(3, 2), false)} {
		if err == nil {
			t.Error("no error")
		} else {
			t.Log(err)
		}
	}
	x, out := z(50, 9), z(9, 9)
	if n := testing.AllocsPerRun(10, func() {
		if err := c.MatMul64(out, x.T(), x, true); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
