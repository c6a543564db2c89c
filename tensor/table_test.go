package tensor_test

import (
	"slices"
	"testing"

	"scalar/tensor"
)

// TestTable: bytes become the numbers that a table was made of, whatever becomes of those.
func TestTable(t *testing.T) {
	var numbers [256]float32
	for i := range numbers {
		numbers[i] = float32(i) / 3
	}
	table := tensor.NewTable(&numbers)
	want := numbers
	clear(numbers[:])
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	got := make([]float32, 257)
	if table.Spell(got, all, nil); !slices.Equal(got[:256], want[:]) || got[256] != 0 || *table.Numbers() != want {
		t.Errorf("%v, want %v", got, want)
	}
	if table.Spell(got[:70], all[186:], all); !slices.Equal(got[:70], want[186:]) {
		t.Errorf("%v, want %v", got[:70], want[186:])
	}
}
