package tensor_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"scalar/tensor"
	"scalar/tensor/internal/kernel"
)

// shapes are of random convolutions: images, and the convolution without bias.
func randomConv(r *rand.Rand) (x array, v tensor.Conv) {
	c, o := 1+r.IntN(4), 1+r.IntN(9)
	window := [2]int{1 + r.IntN(4), 1 + r.IntN(4)}
	v.Pad = [2]int{r.IntN(3), r.IntN(3)}
	v.Stride = [2]int{1 + r.IntN(2), 1 + r.IntN(2)}
	x = normals(r, r.IntN(10), c, window[0]+r.IntN(9), window[1]+r.IntN(9))
	v.Weights = normals(r, o, c, window[0], window[1])
	if r.IntN(2) == 0 {
		v.Bias = normals(r, o)
	}
	return x, v
}

// tap calls f with every product of the definition: places of out, of weights, and of x,
// which is nil outside of an image.
func taps(v tensor.Conv, x, out array, f func(out, w, x []int)) {
	each(out, func(at []int) {
		for c := range x.Dim(1) {
			for i := range v.Weights.Dim(2) {
				for j := range v.Weights.Dim(3) {
					from := []int{at[0], c, at[2]*v.Stride[0] + i - v.Pad[0], at[3]*v.Stride[1] + j - v.Pad[1]}
					if from[2] < 0 || from[3] < 0 || from[2] >= x.Dim(2) || from[3] >= x.Dim(3) {
						from = nil
					}
					f(at, []int{at[1], c, i, j}, from)
				}
			}
		}
	})
}

func convOut(t *testing.T, v tensor.Conv, x array) array {
	t.Helper()
	shape, err := v.Out(x.Shape())
	if err != nil {
		t.Fatal(err)
	}
	return tensor.New[float32](shape...)
}

// TestConvBits compares convolutions with the chain of their definition, bit by bit.
func TestConvBits(t *testing.T) {
	all := cpus(t)
	r := rand.New(rand.NewPCG(21, 21))
	for range trials(60) {
		x, v := randomConv(r)
		v.ReLU = r.IntN(2) == 0
		want := convOut(t, v, x)
		each(want, func(at []int) {
			if !v.Bias.IsZero() {
				want.Set(v.Bias.At(at[1]), at...)
			}
		})
		taps(v, x, want, func(at, w, from []int) {
			in := float32(0)
			if from != nil {
				in = x.At(from...)
			}
			want.Set(kernel.FMA(v.Weights.At(w...), in, want.At(at...)), at...)
		})
		for i, y := range want.Values() {
			if v.ReLU && y < 0 {
				want.Values()[i] = 0
			}
		}
		for _, c := range all {
			out := normals(r, want.Shape()...)
			if err := c.Conv(out, x, v); err != nil {
				t.Fatal(err)
			}
			equalBits(t, fmt.Sprint("conv of ", x, v.Weights, v.Stride, v.Pad, c.Instructions(), c.Cores()), out, want)
		}
	}
}

// gradients returns those of the definition, by float64.
func gradients(v tensor.Conv, x, dy array) (dx, dw, db []float64) {
	place := func(d array, at []int) (p int) {
		for i, n := range at {
			p = p*d.Dim(i) + n
		}
		return p
	}
	dx, dw, db = make([]float64, x.Len()), make([]float64, v.Weights.Len()), make([]float64, dy.Dim(1))
	taps(v, x, dy, func(at, w, from []int) {
		if from != nil {
			y := float64(dy.At(at...))
			dx[place(x, from)] += y * float64(v.Weights.At(w...))
			dw[place(v.Weights, w)] += y * float64(x.At(from...))
		}
	})
	each(dy, func(at []int) { db[at[1]] += float64(dy.At(at...)) })
	return dx, dw, db
}

// TestConvGrad compares gradients with float64's, and all CPUs with each other.
func TestConvGrad(t *testing.T) {
	all := cpus(t)
	r := rand.New(rand.NewPCG(22, 22))
	for range trials(60) {
		x, v := randomConv(r)
		dy := normals(r, convOut(t, v, x).Shape()...)
		dx, dw, db := gradients(v, x, dy)
		var first tensor.ConvGrads
		for _, c := range all {
			got := tensor.ConvGrads{X: normals(r, x.Shape()...), Weights: normals(r, v.Weights.Shape()...), Bias: normals(r, dy.Dim(1))}
			if err := c.ConvGrad(got, x, dy, v); err != nil {
				t.Fatal(err)
			}
			if first.X.IsZero() {
				first = got
				for _, d := range []struct {
					got  array
					want []float64
				}{{got.X, dx}, {got.Weights, dw}, {got.Bias, db}} {
					for i, g := range d.got.Values() {
						if math.Abs(float64(g)-d.want[i]) > 1e-4 {
							t.Fatalf("gradient of %v by %v: value %d is %v, want %v", d.got, dy, i, g, d.want[i])
						}
					}
				}
			}
			equalBits(t, "dx", got.X, first.X)
			equalBits(t, "dw", got.Weights, first.Weights)
			equalBits(t, "db", got.Bias, first.Bias)
		}
	}
}

// TestConvGradOfMany has more images than groups, and gradients of some arrays only.
func TestConvGradOfMany(t *testing.T) {
	r := rand.New(rand.NewPCG(23, 23))
	x := normals(r, 101, 2, 6, 5)
	v := tensor.Conv{Weights: normals(r, 3, 2, 3, 3), Stride: [2]int{1, 1}, Pad: [2]int{1, 1}}
	dy := normals(r, convOut(t, v, x).Shape()...)
	_, dw, db := gradients(v, x, dy)
	var first array
	for _, c := range cpus(t) {
		got := tensor.ConvGrads{Weights: tensor.New[float32](3, 2, 3, 3)}
		bias := tensor.ConvGrads{Bias: tensor.New[float32](3)}
		for _, g := range []tensor.ConvGrads{got, bias} {
			if err := c.ConvGrad(g, x, dy, v); err != nil {
				t.Fatal(err)
			}
		}
		if first.IsZero() {
			first = got.Weights
		}
		equalBits(t, "dw", got.Weights, first)
		for i, g := range got.Weights.Values() {
			if math.Abs(float64(g)-dw[i]) > 1e-3 {
				t.Errorf("dw %d is %v, want %v", i, g, dw[i])
			}
		}
		for i, g := range bias.Bias.Values() {
			if math.Abs(float64(g)-db[i]) > 1e-3 {
				t.Errorf("db %d is %v, want %v", i, g, db[i])
			}
		}
	}
}

func TestConvRefuses(t *testing.T) {
	c := cpu(t, tensor.Config{Cores: 1})
	z := tensor.New[float32]
	one := [2]int{1, 1}
	for _, x := range []struct {
		out, in array
		v       tensor.Conv
		want    string
	}{
		{z(1, 2, 3, 3), z(1, 4, 5, 5), tensor.Conv{Weights: z(2, 3, 3, 3), Stride: one}, "tensor: conv: images have 4 channels, weights 2×3×3×3 are for 3"},
		{z(1, 2, 3, 3), z(1, 3, 2, 5), tensor.Conv{Weights: z(2, 3, 3, 3), Stride: one}, "tensor: conv: images of 2×5, padded by [0 0], are smaller than the weights' 3×3"},
		{z(1, 2, 3, 3), z(1, 3, 5, 5), tensor.Conv{Weights: z(2, 3, 3, 3)}, "tensor: conv: stride [0 0], padding [0 0], weights 2×3×3×3: want strides and windows from 1, padding from 0"},
		{z(1, 2, 3, 4), z(1, 3, 5, 5), tensor.Conv{Weights: z(2, 3, 3, 3), Stride: one}, "tensor: conv: images 1×3×5×5 give 1×2×3×3, not 1×2×3×4, all without gaps"},
		{z(1, 2, 3, 3), z(1, 3, 5, 5), tensor.Conv{Weights: z(2, 3, 3, 3), Stride: one, Bias: z(3)}, "tensor: conv: bias [3]: want [2]"},
		{z(1, 2, 3, 3), z(3, 25), tensor.Conv{Weights: z(2, 3, 3, 3), Stride: one}, "tensor: conv: images 3×25 and weights 2×3×3×3: want n×c×h×w and o×c×h×w without gaps"},
	} {
		if err := c.Conv(x.out, x.in, x.v); err == nil || err.Error() != x.want {
			t.Errorf("%v, want %s", err, x.want)
		}
	}
	v := tensor.Conv{Weights: z(2, 3, 3, 3), Stride: one}
	for want, g := range map[string]tensor.ConvGrads{
		"tensor: conv: a gradient of 1×3×5×5 is 1×3×5×4: want the same without gaps": {X: z(1, 3, 5, 4)},
		"tensor: conv: the gradient of the bias is [3]: want [2]":                    {Bias: z(3)},
	} {
		if err := c.ConvGrad(g, z(1, 3, 5, 5), z(1, 2, 3, 3), v); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
