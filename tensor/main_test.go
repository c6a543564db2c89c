package tensor_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"go.uber.org/goleak"

	"scalar/tensor"
	"scalar/tensor/internal/kernel"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type array = tensor.Dense[float32]

// cpus returns CPUs of every instruction set of this machine with 1, 2, 3 and 8
// workers, and with small blocks, so that small products have many of them.
func cpus(t *testing.T) (all []*tensor.CPU) {
	t.Helper()
	for isa := kernel.Plain; isa <= kernel.Best(); isa++ {
		if !isa.Usable() {
			continue
		}
		cores := []int{1, 2, 3, 8}
		if testing.Short() {
			cores = []int{1, 3}
		}
		for _, cores := range cores {
			all = append(all, cpu(t, tensor.Tuned(cores, isa, 0, 0, 0)))
		}
		all = append(all, cpu(t, tensor.Tuned(1, isa, 16, 16, 64)), cpu(t, tensor.Tuned(3, isa, 8, 8, 8)))
	}
	return all
}

// trials returns n, and a fifth of it for -short.
func trials(n int) int {
	if testing.Short() {
		return n / 5
	}
	return n
}

// cpu returns a CPU that ends with the test.
func cpu(t *testing.T, c tensor.Config) *tensor.CPU {
	t.Helper()
	made, err := tensor.NewCPU(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(made.Close)
	return made
}

// random returns an array of normal values, of which some are 0 and some far from 1. It
// is a view with gaps or swapped dimensions, or not.
func random(r *rand.Rand, shape ...int) array {
	var d array
	switch r.IntN(4) {
	case 0:
		d = tensor.New[float32](shape...)
	case 1: // a view inside
		wide := make([]int, len(shape))
		for i, n := range shape {
			wide[i] = n + r.IntN(4)
		}
		d = tensor.New[float32](wide...)
		for i, n := range shape {
			at := r.IntN(wide[i] - n + 1)
			d = d.Slice(i, at, at+n)
		}
	default:
		if len(shape) < 2 {
			d = tensor.New[float32](shape...)
			break
		}
		swapped := append([]int(nil), shape...)
		i := len(shape) - 2
		swapped[i], swapped[i+1] = swapped[i+1], swapped[i]
		d = tensor.New[float32](swapped...).T()
	}
	each(d, func(index []int) {
		x := float32(r.NormFloat64())
		switch r.IntN(50) {
		case 0:
			x = 0
		case 1:
			x *= 1e9
		case 2:
			x *= 1e-30
		}
		d.Set(x, index...)
	})
	return d
}

// each calls f with every index of an array, in row-major order.
func each(d array, f func(index []int)) {
	index := make([]int, d.Rank())
	for range d.Len() {
		f(index)
		for i := len(index) - 1; i >= 0; i-- {
			if index[i]++; index[i] < d.Dim(i) {
				break
			}
			index[i] = 0
		}
	}
}

// clone returns a row-major copy.
func clone(t *testing.T, d array) array {
	t.Helper()
	c := tensor.New[float32](d.Shape()...)
	if err := c.CopyFrom(d); err != nil {
		t.Fatal(err)
	}
	return c
}

// equalBits fails where two arrays differ in a bit, unless both are NaN there.
func equalBits(t *testing.T, what string, got, want array) {
	t.Helper()
	if !tensor.SameShape(got, want) {
		t.Fatalf("%s: %v, want %v", what, got, want)
	}
	each(got, func(index []int) {
		x, y := got.At(index...), want.At(index...)
		if math.Float32bits(x) != math.Float32bits(y) && (x == x || y == y) {
			t.Fatalf("%s: at %v of %v: %x, want %x", what, index, got, x, y)
		}
	})
}
