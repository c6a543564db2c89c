package kernel_test

import (
	"math/rand/v2"
	"testing"

	"scalar/tensor/internal/kernel"
)

// TestRows compares rows of every width with plain Go, bit by bit, and sees that nothing
// else is written.
func TestRows(t *testing.T) {
	for _, isa := range kernel.All() {
		r := rand.New(rand.NewPCG(11, 11))
		for width := range 70 {
			for range 20 {
				n := r.IntN(6)
				p := kernel.Rows{Width: width, N: n, FromStride: r.IntN(90), ToStride: width + r.IntN(9), Add: r.IntN(2) == 0}
				from := make([]float32, max(0, n-1)*p.FromStride+width)
				to := make([]float32, max(0, n-1)*p.ToStride+width+30)
				fill(r, from)
				fill(r, to)
				want := append([]float32(nil), to...)
				p.From, p.To = from, want
				kernel.PlainRows(&p)
				p.To = to[:len(to)-30]
				isa.Rows(&p)
				for i := range to {
					if !same(to[i], want[i]) {
						t.Fatalf("%v, %+v: place %d is %v, want %v", isa, p, i, to[i], want[i])
					}
				}
			}
		}
		func() {
			defer func() {
				if recover() == nil {
					t.Error("rows beyond a slice: no panic")
				}
			}()
			isa.Rows(&kernel.Rows{To: make([]float32, 9), From: make([]float32, 10), Width: 5, N: 2, FromStride: 5, ToStride: 5})
		}()
	}
}
