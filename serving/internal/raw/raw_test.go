package raw_test

import (
	"math"
	"testing"

	"scalar/serving/internal/raw"
)

// View and Copy have the bits that the plain twin has, from any place in memory; a view is of the same memory.
func TestRaw(t *testing.T) {
	all := make([]byte, 80)
	for i := range all {
		all[i] = byte(i*37 + 250)
	}
	views := 0
	for shift := range 8 {
		for n := range 10 {
			b := all[shift : shift+4*n]
			want, got := make([]float32, n), make([]float32, n)
			raw.Decode(want, b)
			raw.Copy(got, b)
			same(t, got, want)
			x, ok := raw.View(b)
			if !ok {
				continue
			}
			views++
			same(t, x, want)
			x[n-1] = 1
			raw.Decode(want, b)
			same(t, x, want)
		}
	}
	if views == 0 {
		t.Error("no view")
	}
	if _, ok := raw.View(nil); ok {
		t.Error("a view of nothing")
	}
}

func same(t *testing.T, got, want []float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d numbers, want %d", len(got), len(want))
	}
	for i := range got {
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
			t.Fatalf("number %d is %x, want %x", i, math.Float32bits(got[i]), math.Float32bits(want[i]))
		}
	}
}
