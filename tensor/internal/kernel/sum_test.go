package kernel_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"scalar/tensor/internal/kernel"
)

// TestSum compares sums of every length with the definition, bit by bit, and with float64.
func TestSum(t *testing.T) {
	for _, isa := range kernel.All() {
		r := rand.New(rand.NewPCG(12, 12))
		for n := range 300 {
			values := make([]float32, n)
			exact, sizes := 0.0, 0.0
			for i := range values {
				values[i] = float32(r.NormFloat64())
				exact += float64(values[i])
				sizes += math.Abs(float64(values[i]))
			}
			var chains [16]float32
			for i, x := range values {
				chains[i%16] += x
			}
			for half := 8; half > 0; half /= 2 {
				for i := range half {
					chains[i] += chains[i+half]
				}
			}
			got := isa.Sum(values)
			if got != chains[0] {
				t.Fatalf("%v: %d values: %v, want %v", isa, n, got, chains[0])
			}
			if math.Abs(float64(got)-exact) > float64(n)*sizes/(1<<24) {
				t.Errorf("%d values: %v, float64 says %v", n, got, exact)
			}
		}
	}
}
