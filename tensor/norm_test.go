package tensor_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"scalar/tensor"
)

// norms has what a normalisation of c channels needs.
func norms(r *rand.Rand, c int) tensor.BatchNorm {
	b := tensor.BatchNorm{Gamma: normals(r, c), Beta: normals(r, c), Mean: normals(r, c), Var: normals(r, c), Momentum: 0.1, Epsilon: 1e-5}
	for i, v := range b.Var.Values() {
		b.Var.Values()[i] = v*v + 0.1
	}
	return b
}

// normalised is the definition, by float64; without batch, by what was seen. It returns
// the batch's means and biased variances too.
func normalised(x []float64, c, places int, b tensor.BatchNorm, batch bool) (out, mean, variance []float64) {
	out, mean, variance = make([]float64, len(x)), make([]float64, c), make([]float64, c)
	n := float64(len(x) / c)
	channel := func(i int) int { return i / places % c }
	for i, v := range x {
		mean[channel(i)] += v / n
	}
	for i, v := range x {
		d := v - mean[channel(i)]
		variance[channel(i)] += d * d / n
	}
	for i, v := range x {
		j := channel(i)
		m, s := mean[j], variance[j]
		if !batch {
			m, s = float64(b.Mean.At(j)), float64(b.Var.At(j))
		}
		out[i] = float64(b.Gamma.At(j))*(v-m)/math.Sqrt(s+float64(b.Epsilon)) + float64(b.Beta.At(j))
	}
	return out, mean, variance
}

func wide64(d array) []float64 {
	s := make([]float64, d.Len())
	for i, x := range d.Values() {
		s[i] = float64(x)
	}
	return s
}

func closeTo(t *testing.T, what string, got array, want []float64, tolerance float64) {
	t.Helper()
	for i, g := range got.Values() {
		if math.Abs(float64(g)-want[i]) > tolerance {
			t.Fatalf("%s: value %d of %v is %v, want %v", what, i, got, g, want[i])
		}
	}
}

func TestBatchNorm(t *testing.T) {
	all := cpus(t)
	r := rand.New(rand.NewPCG(41, 41))
	for _, shape := range [][]int{{2, 1}, {37, 19}, {5, 3, 4, 7}, {20, 40, 1, 1}, {1, 2, 9, 9}} {
		x, b := normals(r, shape...), norms(r, shape[1])
		c, places := shape[1], 1
		if len(shape) == 4 {
			places = shape[2] * shape[3]
		}
		want, mean, variance := normalised(wide64(x), c, places, b, true)
		seen, _, _ := normalised(wide64(x), c, places, b, false)
		n := float64(x.Len() / c)
		var first, firstSaved array
		for _, on := range all {
			own := b
			own.Mean, own.Var = clone(t, b.Mean), clone(t, b.Var)
			out, saved, inPlace := tensor.New[float32](shape...), tensor.New[float32](2, c), clone(t, x)
			if err := on.BatchNormSeen(inPlace, inPlace, own); err != nil {
				t.Fatal(err)
			}
			if err := on.BatchNorm(out, x, saved, own); err != nil {
				t.Fatal(err)
			}
			if first.IsZero() {
				first, firstSaved = out, saved
			}
			equalBits(t, "out", out, first)
			equalBits(t, "saved", saved, firstSaved)
			closeTo(t, "out", out, want, 2e-5)
			closeTo(t, "by what was seen", inPlace, seen, 2e-5)
			closeTo(t, "mean", saved.Row(0), mean, 1e-6)
			for i := range c {
				m := 0.9*float64(b.Mean.At(i)) + 0.1*mean[i]
				v := 0.9*float64(b.Var.At(i)) + 0.1*variance[i]*n/(n-1)
				if math.Abs(float64(own.Mean.At(i))-m) > 1e-6 || math.Abs(float64(own.Var.At(i))-v) > 1e-6 {
					t.Errorf("channel %d: seen %v, %v, want %v, %v", i, own.Mean.At(i), own.Var.At(i), m, v)
				}
			}
		}
	}
}

// TestBatchNormGrad compares gradients with difference quotients of Σ dy·out.
func TestBatchNormGrad(t *testing.T) {
	all := cpus(t)
	r := rand.New(rand.NewPCG(42, 42))
	for _, shape := range [][]int{{9, 3}, {3, 2, 4, 3}} {
		x, dy, b := normals(r, shape...), normals(r, shape...), norms(r, shape[1])
		c, places := shape[1], 1
		if len(shape) == 4 {
			places = shape[2] * shape[3]
		}
		loss := func(x []float64, b tensor.BatchNorm) (sum float64) {
			out, _, _ := normalised(x, c, places, b, true)
			for i, y := range dy.Values() {
				sum += float64(y) * out[i]
			}
			return sum
		}
		at, dx, dgamma, dbeta := wide64(x), make([]float64, x.Len()), make([]float64, c), make([]float64, c)
		for i := range at {
			const h = 1e-6
			keep := at[i]
			at[i] = keep + h
			up := loss(at, b)
			at[i] = keep - h
			dx[i], at[i] = (up-loss(at, b))/(2*h), keep
		}
		for i := range c { // linear in these: any step will do
			for _, p := range []struct {
				of array
				to []float64
			}{{b.Gamma, dgamma}, {b.Beta, dbeta}} {
				keep := p.of.At(i)
				p.of.Set(keep+1, i)
				up := loss(at, b)
				p.of.Set(keep, i)
				p.to[i] = (up - loss(at, b)) / float64(keep+1-keep)
			}
		}
		for _, on := range all {
			saved := tensor.New[float32](2, c)
			own := b
			own.Mean, own.Var = clone(t, b.Mean), clone(t, b.Var)
			if err := on.BatchNorm(tensor.New[float32](shape...), x, saved, own); err != nil {
				t.Fatal(err)
			}
			to := tensor.BatchNormGrads{X: clone(t, dy), Gamma: tensor.New[float32](c), Beta: tensor.New[float32](c)}
			if err := on.BatchNormGrad(to, x, to.X, saved, b.Gamma); err != nil {
				t.Fatal(err)
			}
			closeTo(t, "dx", to.X, dx, 1e-4)
			closeTo(t, "dgamma", to.Gamma, dgamma, 1e-4)
			closeTo(t, "dbeta", to.Beta, dbeta, 1e-4)
		}
	}
}

func TestBatchNormRefuses(t *testing.T) {
	c := cpu(t, tensor.Config{Cores: 1})
	z := tensor.New[float32]
	b := tensor.BatchNorm{Gamma: z(3), Beta: z(3), Mean: z(3), Var: z(3)}
	for _, x := range []struct {
		err  error
		want string
	}{
		{c.BatchNorm(z(1, 3), z(1, 3), z(2, 3), b), "tensor: batch norm: 1×3: a channel needs two values or more to train"},
		{c.BatchNorm(z(5, 4), z(5, 4), z(2, 4), b), "tensor: batch norm: [3] for the channels of 5×4: want [4]"},
		{c.BatchNorm(z(5, 3), z(5, 3), z(3, 2), b), "tensor: batch norm: what is saved of 3 channels is 3×2: want 2×3"},
		{c.BatchNormSeen(z(5), z(5), b), "tensor: batch norm: x is [5] and out [5]: want both n×c×h×w or n×c without gaps"},
		{c.BatchNormGrad(tensor.BatchNormGrads{X: z(5, 3), Gamma: z(3), Beta: z(3)}, z(5, 3), z(3, 5), z(2, 3), z(3)), "tensor: batch norm: the gradient of 5×3 is 3×5: want the same without gaps"},
	} {
		if x.err == nil || x.err.Error() != x.want {
			t.Errorf("%v, want %s", x.err, x.want)
		}
	}
	x, saved := z(6, 3), z(2, 3)
	n := testing.AllocsPerRun(20, func() {
		if err := c.BatchNorm(x, x, saved, b); err != nil {
			t.Fatal(err)
		}
	})
	if n > 0 {
		t.Errorf("%v allocations", n)
	}
}
