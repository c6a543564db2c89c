package tensor_test

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"scalar/tensor"
)

// TestDot compares sums with exact ones, and all CPUs with each other.
func TestDot(t *testing.T) {
	all := cpus(t)
	r := rand.New(rand.NewPCG(61, 61))
	for _, n := range []int{0, 1, 7, 8, 100, 16_384, 50_001} {
		a, b := normals(r, n), normals(r, n)
		exact, sizes := new(big.Float).SetPrec(500), 0.0
		for i, x := range a.Values() {
			y := float64(x) * float64(b.Values()[i])
			exact.Add(exact, big.NewFloat(y))
			sizes += math.Abs(y)
		}
		want, _ := exact.Float64()
		var first float64
		for i, c := range all {
			got, err := c.Dot(a, b)
			if err != nil {
				t.Fatal(err)
			}
			if i == 0 {
				first = got
			}
			if got != first || math.Abs(got-want) > 1e-14*sizes*math.Sqrt(float64(n)) {
				t.Errorf("%d values: %v, elsewhere %v, exactly %v", n, got, first, want)
			}
		}
	}
	c := all[0]
	x := tensor.New[float32](40_000)
	if n := testing.AllocsPerRun(10, func() {
		if _, err := c.Dot(x, x); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
	if _, err := c.Dot(tensor.New[float32](2, 3), tensor.New[float32](3, 2)); err == nil || err.Error() != "tensor: dot: a is 2×3, b is 3×2: want one shape without gaps" {
		t.Error(err)
	}
}
