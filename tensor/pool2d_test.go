package tensor_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"scalar/tensor"
)

// windows calls f with each place of out and each place of x in its window.
func windows(v tensor.Pooling, out array, f func(out, x []int)) {
	each(out, func(at []int) {
		for i := range v.Window[0] {
			for j := range v.Window[1] {
				f(at, []int{at[0], at[1], at[2]*v.Stride[0] + i, at[3]*v.Stride[1] + j})
			}
		}
	})
}

func TestPooling(t *testing.T) {
	all := cpus(t)
	r := rand.New(rand.NewPCG(31, 31))
	for range 60 {
		v := tensor.Pooling{Window: [2]int{1 + r.IntN(3), 1 + r.IntN(3)}, Stride: [2]int{1 + r.IntN(3), 1 + r.IntN(3)}}
		x := normals(r, r.IntN(5), 1+r.IntN(9), v.Window[0]+r.IntN(8), v.Window[1]+r.IntN(8))
		shape, err := v.Out(x.Shape())
		if err != nil {
			t.Fatal(err)
		}
		most, mean, dy := tensor.New[float32](shape...), tensor.New[float32](shape...), normals(r, shape...)
		toMost, toMean := tensor.New[float32](x.Shape()...), tensor.New[float32](x.Shape()...)
		most.Fill(float32(math.Inf(-1)))
		windows(v, most, func(at, from []int) { most.Set(max(most.At(at...), x.At(from...)), at...) })
		n := float32(v.Window[0] * v.Window[1])
		windows(v, mean, func(at, from []int) { mean.Set(mean.At(at...)+x.At(from...), at...) })
		each(mean, func(at []int) { mean.Set(mean.At(at...)/n, at...) })
		windows(v, dy, func(at, from []int) { toMean.Set(toMean.At(from...)+dy.At(at...)/n, from...) })
		given := map[string]bool{} // windows whose gradient has gone to the first of equals
		windows(v, dy, func(at, from []int) {
			if name := fmt.Sprint(at); x.At(from...) == most.At(at...) && !given[name] {
				given[name] = true
				toMost.Set(toMost.At(from...)+dy.At(at...), from...)
			}
		})
		for _, c := range all {
			what := fmt.Sprint("pool of ", x, v)
			out, dx, picks := normals(r, shape...), normals(r, x.Shape()...), make([]int32, most.Len())
			check := func(err error, got, want array) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
				equalBits(t, what, got, want)
			}
			check(c.MaxPool(out, picks, x, v), out, most)
			check(c.MaxPoolGrad(dx, dy, picks, v), dx, toMost)
			check(c.AvgPool(out, x, v), out, mean)
			check(c.AvgPoolGrad(dx, dy, v), dx, toMean)
		}
	}
}

func TestPoolingSpecial(t *testing.T) {
	c := cpu(t, tensor.Config{Cores: 1})
	v := tensor.Pooling{Window: [2]int{1, 3}, Stride: [2]int{1, 3}}
	nan, inf := float32(math.NaN()), float32(math.Inf(-1))
	x, err := tensor.From([]float32{5, nan, 7, inf, inf, inf}, 1, 1, 2, 3)
	if err != nil {
		t.Fatal(err)
	}
	out, picks := tensor.New[float32](1, 1, 2, 1), make([]int32, 2)
	if err := c.MaxPool(out, picks, x, v); err != nil {
		t.Fatal(err)
	}
	if y := out.Values(); y[0] == y[0] || picks[0] != 1 || y[1] != inf || picks[1] != 3 {
		t.Error(y, picks)
	}
	for _, err := range []error{
		c.MaxPool(out, picks[1:], x, v), c.MaxPool(x, picks, x, v), c.AvgPool(out, out.Row(0), v),
		c.AvgPool(out, x, tensor.Pooling{Window: [2]int{3, 1}, Stride: [2]int{1, 1}}), c.MaxPoolGrad(x, out, nil, v), c.AvgPoolGrad(out, x, v),
	} {
		if err == nil {
			t.Error("no error")
		} else {
			t.Log(err)
		}
	}
}

// TestImagesAllocateNothing has what a small convolutional net does in a step.
func TestImagesAllocateNothing(t *testing.T) {
	c := cpu(t, tensor.Config{Cores: 2})
	r := rand.New(rand.NewPCG(32, 32))
	x := normals(r, 20, 1, 12, 12)
	v := tensor.Conv{Weights: normals(r, 4, 1, 3, 3), Bias: normals(r, 4), Stride: [2]int{1, 1}, Pad: [2]int{1, 1}, ReLU: true}
	pool := tensor.Pooling{Window: [2]int{2, 2}, Stride: [2]int{2, 2}}
	y, small := tensor.New[float32](20, 4, 12, 12), tensor.New[float32](20, 4, 6, 6)
	picks := make([]int32, small.Len())
	to := tensor.ConvGrads{X: tensor.New[float32](20, 1, 12, 12), Weights: tensor.New[float32](4, 1, 3, 3), Bias: tensor.New[float32](4)}
	step := func() {
		for _, err := range []error{
			c.Conv(y, x, v), c.MaxPool(small, picks, y, pool), c.MaxPoolGrad(y, small, picks, pool), c.AvgPool(small, y, pool), c.ConvGrad(to, x, y, v),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	for range 20 {
		step()
	}
	if n := testing.AllocsPerRun(50, step); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
