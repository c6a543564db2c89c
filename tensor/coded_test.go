package tensor_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"scalar/tensor"
)

// What rows of bytes are shifted to gives the products of the shifted numbers, to the bit.
func TestShiftCoded(t *testing.T) {
	r := rand.New(rand.NewPCG(27, 28))
	all := cpus(t)
	floats, codes := make([]tensor.Shifted, len(all)), make([]tensor.Shifted, len(all))
	for range trials(60) {
		m, k, n := r.IntN(40), 1+r.IntN(300), 1+r.IntN(40)
		if r.IntN(4) == 0 { // several blocks of rows
			m, k, n = 50+r.IntN(300), 1+r.IntN(140), 1+r.IntN(20)
		}
		coded, x, base := codedRows(t, r, m, k)
		w, dy, sums := plain(r, k, n), plain(r, m, n), plain(r, n)
		for at, cpu := range all {
			check(t, cpu.Shift(&floats[at], x, base))
			check(t, cpu.ShiftCoded(&codes[at], coded))
			if rows, cols := codes[at].Shape(); rows != m || cols != k || codes[at].Len() != floats[at].Len() {
				t.Fatalf("%d×%d with %d places, of %d×%d with %d", rows, cols, codes[at].Len(), m, k, floats[at].Len())
			}
			want, got, wantGrad, gotGrad := tensor.New[float32](m, n), tensor.New[float32](m, n), tensor.New[float32](k, n), tensor.New[float32](k, n)
			check(t, cpu.MatMulShifted(want, &floats[at], w, sums))
			check(t, cpu.MatMulShifted(got, &codes[at], w, sums))
			same(t, "product", got, want)
			check(t, cpu.MatMulShiftedT(wantGrad, &floats[at], dy, sums))
			check(t, cpu.MatMulShiftedT(gotGrad, &codes[at], dy, sums))
			same(t, "gradient", gotGrad, wantGrad)
		}
	}
}

// codedRows returns m×k rows of bytes, most of which are the base's, and their numbers.
func codedRows(t *testing.T, r *rand.Rand, m, k int) (coded *tensor.Coded, x, base array) {
	t.Helper()
	var numbers [256]float32
	for i := range numbers {
		numbers[i] = float32(r.NormFloat64())
	}
	x, base = tensor.New[float32](m, k), tensor.New[float32](k)
	codes := make([]byte, k)
	for i := range codes {
		codes[i] = byte(r.IntN(256))
		base.Values()[i] = numbers[codes[i]]
	}
	if coded = tensor.NewCoded(tensor.NewTable(&numbers), base.Values()); coded == nil {
		t.Fatal("numbers of a table are not found in it")
	}
	part := r.Float64()
	for i := range m {
		row := slices.Clone(codes)
		for c := range row {
			if r.Float64() < part {
				row[c] = byte(r.IntN(256))
			}
			x.Values()[i*k+c] = numbers[row[c]]
		}
		coded.Add(row)
	}
	return coded, x, base
}

// A base that no byte has, or that two have, has no codes.
func TestNewCoded(t *testing.T) {
	numbers := [256]float32{}
	for i := range numbers {
		numbers[i] = float32(i / 2 * 2)
	}
	numbers[9] = 9
	table := tensor.NewTable(&numbers)
	for _, c := range []struct {
		base []float32
		ok   bool
	}{{[]float32{9, 8}, true}, {[]float32{9, 7}, false}, {[]float32{4}, false}, {nil, true}} {
		if got := tensor.NewCoded(table, c.base); got != nil != c.ok {
			t.Errorf("base %v: %v", c.base, got)
		}
	}
}

// What was once large enough is used again.
func TestShiftCodedAllocations(t *testing.T) {
	r, cpu := rand.New(rand.NewPCG(29, 30)), cpus(t)[0]
	coded, _, _ := codedRows(t, r, 70, 200)
	row := make([]byte, 200)
	var s tensor.Shifted
	step := func() {
		coded.Clear()
		for range 70 {
			coded.Add(row)
		}
		check(t, cpu.ShiftCoded(&s, coded))
	}
	step()
	if n := testing.AllocsPerRun(20, step); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
