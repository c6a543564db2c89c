package kernel_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"scalar/tensor/internal/kernel"
)

// TestSpell looks up bytes of every number of them, NaN among the numbers, and sees that nothing is
// written behind.
func TestSpell(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	var numbers [256]float32
	for i := range numbers {
		numbers[i] = math.Float32frombits(r.Uint32())
	}
	for _, table := range kernel.SpellersOf(&numbers) {
		for n := range 300 {
			testSpelling(t, r, table, n)
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
