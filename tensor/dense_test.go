package tensor_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"scalar/tensor"
)

// counted returns an array with values 0, 1, 2, … in row-major order.
func counted(shape ...int) tensor.Dense[float64] {
	d := tensor.New[float64](shape...)
	for i := range d.Values() {
		d.Values()[i] = float64(i)
	}
	return d
}

func TestViews(t *testing.T) {
	d := counted(3, 4, 5)
	if d.Rank() != 3 || d.Len() != 60 || d.Stride(1) != 5 || !slices.Equal(d.Shape(), []int{3, 4, 5}) {
		t.Errorf("%v: rank %d, %d values", d, d.Rank(), d.Len())
	}
	if got := d.At(2, 1, 3); got != 48 {
		t.Errorf("at 2, 1, 3: %v", got)
	}
	row := d.Row(2)
	if got := row.At(1, 3); got != 48 || !row.Contiguous() || row.String() != "4×5" {
		t.Errorf("%v of %v", got, row)
	}
	part := d.Slice(2, 1, 4)
	if got := part.At(2, 1, 2); got != 48 || part.Contiguous() {
		t.Errorf("%v of %v", got, part)
	}
	if got := part.T().At(2, 2, 1); got != 48 {
		t.Errorf("transposed: %v", got)
	}
	part.Set(-1, 2, 1, 2)
	if got := d.At(2, 1, 3); got != -1 {
		t.Errorf("a view's change: %v", got)
	}
	if empty := d.Slice(0, 3, 3); empty.Len() != 0 || len(empty.Values()) != 0 {
		t.Errorf("%v has %d values", empty, empty.Len())
	}
	if one := tensor.New[float32](); one.Len() != 1 || one.IsZero() || one.At() != 0 {
		t.Errorf("rank 0: %v", one)
	}
	if zero := (array{}); !zero.IsZero() {
		t.Error("the zero Dense says that it is an array")
	}
}

func TestReshape(t *testing.T) {
	d := counted(3, 4, 5)
	r, err := d.Reshape(2, -1, 3)
	if err != nil || r.String() != "2×10×3" || r.At(1, 9, 2) != 59 {
		t.Fatal(r, err)
	}
	for _, c := range []struct {
		d     tensor.Dense[float64]
		shape []int
		want  string
	}{
		{d, []int{7, -1}, "tensor: reshape: 3×4×5 to [7 -1]: nothing fits -1"},
		{d, []int{-1, -1}, "tensor: reshape: 3×4×5 to [-1 -1]: sizes are 0 or more, one may be -1"},
		{d, []int{-2}, "tensor: reshape: 3×4×5 to [-2]: sizes are 0 or more, one may be -1"},
		{d, []int{61}, "tensor: reshape: 3×4×5 to [61]: 60 values are not 61"},
		{d.T(), []int{60}, "tensor: reshape: 3×5×4 to [60]: the view has gaps"},
		{d, []int{1, 1, 1, 1, 1, 1, 60}, "tensor: reshape: 3×4×5 to [1 1 1 1 1 1 60]: at most 6 dimensions"},
	} {
		if _, err := c.d.Reshape(c.shape...); err == nil || err.Error() != c.want {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
}

// TestCopy compares copies between views of random ranks with a copy index by index.
func TestCopy(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	for range 500 {
		shape := make([]int, r.IntN(5))
		for i := range shape {
			shape[i] = r.IntN(5)
		}
		from, to := random(r, shape...), random(r, shape...)
		if err := to.CopyFrom(from); err != nil {
			t.Fatal(err)
		}
		equalBits(t, "copy", to, from)
		to.Fill(7)
		each(to, func(index []int) {
			if to.At(index...) != 7 {
				t.Errorf("filled: %v", to.At(index...))
			}
		})
	}
	if err := tensor.New[float32](2, 3).CopyFrom(tensor.New[float32](3, 2)); err == nil || err.Error() != "tensor: copy: 3×2 into 2×3" {
		t.Error(err)
	}
}

func TestFrom(t *testing.T) {
	values := []float32{1, 2, 3, 4, 5, 6}
	d, err := tensor.From(values, 2, 3)
	if err != nil || d.At(1, 0) != 4 || &d.Values()[0] != &values[0] {
		t.Fatal(d, err)
	}
	for _, shape := range [][]int{{2, 2}, {-1, 6}, {1, 1, 1, 1, 1, 1, 6}} {
		if _, err := tensor.From(values, shape...); err == nil {
			t.Errorf("%v: no error", shape)
		}
	}
	for range 10 {
		if at := uintptr(unsafe.Pointer(&tensor.New[float32](3).Values()[0])); at%64 != 0 {
			t.Errorf("values at %x", at)
		}
	}
}

func TestOutside(t *testing.T) {
	d := counted(3, 4)
	for name, f := range map[string]func(){
		"index":             func() { d.At(3, 0) },
		"index of two":      func() { d.At(0, 4) },
		"below zero":        func() { d.Set(1, -1, 0) },
		"number of indices": func() { d.At(1) },
		"slice":             func() { d.Slice(1, 2, 5) },
		"row":               func() { d.Row(3) },
		"dimension":         func() { d.Dim(2) },
		"values":            func() { d.T().Values() },
		"transpose":         func() { counted(3).T() },
		"negative":          func() { counted(3, -1) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				switch e := recover().(type) {
				case nil:
					t.Error("no panic")
				case string:
					if !strings.HasPrefix(e, "tensor: ") {
						t.Error(e)
					}
				}
			}()
			f()
		})
	}
}
