package kernel_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"scalar/tensor/internal/kernel"
)

// TestSpell looks up bytes of every number of them, of numbers of any bits, NaN among them, and of those of a
// line, and sees that nothing is written behind.
func TestSpell(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	var odd, even [256]float32
	for i := range odd {
		odd[i], even[i] = math.Float32frombits(r.Uint32()), scaled(i, 33.3, 78.6)
	}
	for _, numbers := range []*[256]float32{&odd, &even} {
		for _, table := range kernel.SpellersOf(numbers) {
			for n := range 300 {
				testSpelling(t, r, table, n)
			}
		}
	}
}

func scaled(b int, mean, deviation float64) float32 {
	return float32((float64(b) - mean) / deviation)
}

// TestLine: whatever bytes are scaled by, their numbers lie on a line; those of which one is the next float32
// do not, and neither do those that are not finite.
func TestLine(t *testing.T) {
	r := rand.New(rand.NewPCG(15, 16))
	for range 200 {
		mean, deviation := 255*r.Float64(), math.Exp(20*(r.Float64()-.5))
		for _, m := range []float64{mean, 0} {
			var numbers [256]float32
			for b := range numbers {
				numbers[b] = scaled(b, m, deviation)
			}
			if !kernel.OnLine(&numbers) {
				t.Fatalf("(b - %v) / %v lies on no line", m, deviation)
			}
			for _, x := range []float32{math.Nextafter32(numbers[200], 1e30), float32(math.Inf(1)), float32(math.NaN())} {
				bent := numbers
				if bent[200] = x; kernel.OnLine(&bent) {
					t.Fatalf("(b - %v) / %v with %v of byte 200 lies on a line", m, deviation, x)
				}
			}
		}
	}
	for b, numbers := 0, [256]float32{}; b < 256; b++ {
		if numbers[b] = 1; kernel.OnLine(&numbers) != (b == 255) {
			t.Fatalf("the first %d numbers are 1 and the others 0", b+1)
		}
	}
}

// testSpelling looks n bytes up.
func testSpelling(t *testing.T, r *rand.Rand, table *kernel.Table, n int) {
	t.Helper()
	from, ahead := make([]byte, n), make([]byte, r.IntN(2)*n)
	for i := range from {
		from[i] = byte(r.Uint32())
	}
	got, plain := make([]float32, n+20), make([]float32, n)
	for i := range got {
		got[i] = 7
	}
	table.Spell(got[:n+r.IntN(20)], from, ahead)
	kernel.PlainSpell(plain, from, table)
	for i, x := range got {
		want := float32(7)
		if i < n {
			want = table.Numbers[from[i]]
			if math.Float32bits(plain[i]) != math.Float32bits(want) {
				t.Fatalf("plain Go, %d bytes: number %d is %x, want %x", n, i, plain[i], want)
			}
		}
		if math.Float32bits(x) != math.Float32bits(want) {
			t.Fatalf("%d bytes: number %d is %x, want %x", n, i, x, want)
		}
	}
}
