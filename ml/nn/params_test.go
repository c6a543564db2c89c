package nn_test

import (
	"math"
	"slices"
	"testing"

	"scalar/ml/nn"
)

// TestParams checks names, shapes and places.
func TestParams(t *testing.T) {
	g := compile(t, nn.MLP(784, []int{256, 128}, 10))
	want := map[string][]int{
		"hidden1.weight": {256, 784}, "hidden1.bias": {256}, "hidden2.weight": {128, 256}, "hidden2.bias": {128},
		"output.weight": {10, 128}, "output.bias": {10},
	}
	end := 0
	for _, p := range g.Params() {
		if !slices.Equal(p.Shape, want[p.Name]) || p.Statistic {
			t.Errorf("%+v, want shape %v", p, want[p.Name])
		}
		delete(want, p.Name)
		if p.Offset%16 != 0 || p.Offset < end || p.Offset >= end+16 {
			t.Errorf("%s begins at %d after %d: want the next multiple of 16", p.Name, p.Offset, end)
		}
		end = p.Offset + p.Len()
	}
	if len(want) > 0 || g.Size() < end || g.Size() >= end+16 || g.Weights() != g.Size() {
		t.Errorf("missing %v; size %d after %d, weights %d", want, g.Size(), end, g.Weights())
	}
	if n := 784*256 + 256 + 256*128 + 128 + 128*10 + 10; g.Count() != n || g.Outputs() != 10 || g.Features() != 784 {
		t.Errorf("%d weights, %d outputs, %d features", g.Count(), g.Outputs(), g.Features())
	}
}

// TestInit checks that weights are uniform with PyTorch's bound, and a function of the seed
// that never changes: models in tests and in the field repeat by it.
func TestInit(t *testing.T) {
	g := compile(t, nn.MLP(400, []int{300}, 10))
	a, b, other := make([]float32, g.Size()), make([]float32, g.Size()), make([]float32, g.Size())
	for i := range a {
		a[i] = 7
	}
	g.Init(a, 1)
	g.Init(b, 1)
	g.Init(other, 2)
	if !slices.Equal(a, b) {
		t.Error("one seed gives two nets")
	}
	equal := 0
	for i := range a {
		if a[i] == other[i] && a[i] != 0 {
			equal++
		}
	}
	if equal > 10 {
		t.Errorf("%d of %d weights are the same with another seed", equal, len(a))
	}
	for p, values := range g.Arrays(a) {
		bound := 1 / math.Sqrt(400)
		if p.Name[:6] == "output" {
			bound = 1 / math.Sqrt(300)
		}
		var mean, square, most float64
		for _, x := range values {
			mean += float64(x)
			square += float64(x) * float64(x)
			most = max(most, math.Abs(float64(x)))
		}
		n := float64(len(values))
		sd := bound / math.Sqrt(3)
		if most > bound || most < bound*(1-20/n) || math.Abs(mean/n) > 5*sd/math.Sqrt(n) {
			t.Errorf("%s: largest %v of %v, mean %v", p.Name, most, bound, mean/n)
		}
		if n > 1000 && math.Abs(square/n/(sd*sd)-1) > 5/math.Sqrt(n) {
			t.Errorf("%s: variance %v, want %v", p.Name, square/n, sd*sd)
		}
	}
	if got, want := a[:4], []float32{-0.03615835, -0.04371201, 0.041327413, 0.005915379}; !slices.Equal(got, want) {
		t.Errorf("seed 1 gives %v, want %v", got, want)
	}
}
