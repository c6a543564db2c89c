package tensor_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"scalar/tensor"
)

// normals returns an array of normal values, one in 20 of them 0.
func normals(r *rand.Rand, shape ...int) array {
	d := tensor.New[float32](shape...)
	for i := range d.Values() {
		if d.Values()[i] = float32(r.NormFloat64()); r.IntN(20) == 0 {
			d.Values()[i] = 0
		}
	}
	return d
}

// near fails where values differ from float64's by more than a few roundings of 1 or of
// themselves.
func near(t *testing.T, what string, got array, want func(i int) float64) {
	t.Helper()
	for i, x := range got.Values() {
		if w := want(i); math.Abs(float64(x)-w) > 1e-6*max(1, math.Abs(w)) {
			t.Fatalf("%s: value %d is %v, want %v", what, i, x, w)
		}
	}
}

// ops are the operations, as functions of three arrays that set out, and what float64
// says of each value.
type valueOp struct {
	name string
	run  func(c *tensor.CPU, out, a, b array) error
	want func(out, a, b float64) float64
}

func valueOps() []valueOp {
	act := func(f tensor.Activation) func(*tensor.CPU, array, array, array) error {
		return func(c *tensor.CPU, out, a, _ array) error { return c.Activate(out, a, f) }
	}
	grad := func(f tensor.Activation) func(*tensor.CPU, array, array, array) error {
		return func(c *tensor.CPU, out, a, b array) error {
			kept := a
			if !f.SlopeOfInput() {
				kept = tensor.New[float32](a.Shape()...)
				if err := c.Activate(kept, a, f); err != nil {
					return err
				}
			}
			return c.ActivateGrad(out, kept, b, f)
		}
	}
	sigmoid := func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
	cdf := func(x float64) float64 { return math.Erfc(-x/math.Sqrt2) / 2 }
	// slope is a difference quotient: an oracle that knows no derivative.
	slope := func(f func(float64) float64) func(_, a, b float64) float64 {
		const h = 1e-5
		return func(_, a, b float64) float64 { return b * (f(a+h) - f(a-h)) / (2 * h) }
	}
	return []valueOp{
		{"add", func(c *tensor.CPU, out, a, b array) error { return c.Add(out, a, b) }, func(_, a, b float64) float64 { return a + b }},
		{"mul", func(c *tensor.CPU, out, a, b array) error { return c.Mul(out, a, b) }, func(_, a, b float64) float64 { return a * b }},
		{"scale", func(c *tensor.CPU, out, a, _ array) error { return c.Scale(out, a, -3) }, func(_, a, _ float64) float64 { return -3 * a }},
		{"add scaled", func(c *tensor.CPU, out, a, _ array) error { return c.AddScaled(out, a, 0.3) }, func(o, a, _ float64) float64 { return o + 0.3*a }},
		{"relu", act(tensor.ReLU), func(_, a, _ float64) float64 { return max(a, 0) }},
		{"sigmoid", act(tensor.Sigmoid), func(_, a, _ float64) float64 { return sigmoid(a) }},
		{"tanh", act(tensor.Tanh), func(_, a, _ float64) float64 { return math.Tanh(a) }},
		{"gelu", act(tensor.GELU), func(_, a, _ float64) float64 { return a * cdf(a) }},
		{"relu's gradient", grad(tensor.ReLU), func(_, a, b float64) float64 {
			if a > 0 {
				return b
			}
			return 0
		}},
		{"sigmoid's gradient", grad(tensor.Sigmoid), slope(sigmoid)},
		{"tanh's gradient", grad(tensor.Tanh), slope(math.Tanh)},
		{"gelu's gradient", grad(tensor.GELU), slope(func(x float64) float64 { return x * cdf(x) })},
	}
}

func TestElementwise(t *testing.T) {
	all := cpus(t)
	r := rand.New(rand.NewPCG(5, 5))
	for _, op := range valueOps() {
		for _, shape := range [][]int{{}, {0}, {1}, {3, 5}, {17, 3, 2}, {250, 201}} {
			a, b, start := normals(r, shape...), normals(r, shape...), normals(r, shape...)
			var first array
			for _, c := range all {
				what := fmt.Sprint(op.name, shape, c.Instructions(), c.Cores())
				out := clone(t, start)
				if err := op.run(c, out, a, b); err != nil {
					t.Fatal(what, err)
				}
				if first.IsZero() {
					first = out
					near(t, what, out, func(i int) float64 {
						return op.want(float64(start.Values()[i]), float64(a.Values()[i]), float64(b.Values()[i]))
					})
				}
				equalBits(t, what, out, first)
			}
		}
	}
}

func TestElementwiseRefuses(t *testing.T) {
	c := cpu(t, tensor.Config{Cores: 1})
	z := tensor.New[float32]
	for _, x := range []struct {
		err  error
		want string
	}{
		{c.Add(z(2, 3), z(2, 3), z(3, 2)), "tensor: add: out is 2×3, operand 2 is 3×2: want one shape without gaps"},
		{c.Mul(z(3, 2), z(2, 3).T(), z(3, 2)), "tensor: mul: out is 3×2, operand 1 is 3×2: want one shape without gaps"},
		{c.Activate(z(2, 3).T(), z(3, 2), tensor.GELU), "tensor: gelu: out is 3×2 with gaps"},
		{c.SGD(z(2), z(2), z(2), tensor.SGD{Rate: 1, Plus: z(3)}), "tensor: sgd: out is [2], plus is [3]: want one shape without gaps"},
		{c.SGD(z(2), z(2), array{}, tensor.SGD{Rate: 1, Momentum: 1}), "tensor: sgd: out is [2], operand 2 is a single value: want one shape without gaps"},
		{c.SumRows(z(3), z(3, 2), false), "tensor: sum rows: out is [3] and x 3×2: want [n] and m×n without gaps"},
		{c.Softmax(z(3), z(3)), "tensor: softmax: out is [3] and x [3]: want both m×n without gaps"},
	} {
		if x.err == nil || x.err.Error() != x.want {
			t.Errorf("%v, want %s", x.err, x.want)
		}
	}
	for _, label := range []int32{-1, 3} {
		var e *tensor.IndexError
		if _, err := c.CrossEntropy(z(2, 3), z(2, 3), []int32{0, label}, 1); !errors.As(err, &e) || e.Row != 1 || e.Index != int(label) || e.Size != 3 {
			t.Error(err)
		}
	}
	if _, err := c.CrossEntropy(z(2, 3), z(2, 3), []int32{0}, 1); err == nil || err.Error() != "tensor: cross-entropy: 1 labels of the rows of 2×3" {
		t.Error(err)
	}
}

func TestSumRows(t *testing.T) {
	all := cpus(t)
	r := rand.New(rand.NewPCG(6, 6))
	for _, s := range [][2]int{{0, 3}, {1, 1}, {7, 0}, {5, 300}, {130, 700}} {
		x, start := normals(r, s[0], s[1]), normals(r, s[1])
		for _, add := range []bool{false, true} {
			want := clone(t, start)
			for j := range s[1] {
				if !add {
					want.Values()[j] = 0
				}
				for i := range s[0] {
					want.Values()[j] += x.At(i, j)
				}
			}
			for _, c := range all {
				got := clone(t, start)
				if err := c.SumRows(got, x, add); err != nil {
					t.Fatal(err)
				}
				equalBits(t, fmt.Sprint("sum of ", s), got, want)
			}
		}
	}
}

// softmax64 returns probabilities and the loss by float64.
func softmax64(x array, labels []int32) (probability []float64, loss float64) {
	for i, label := range labels {
		most, sum := math.Inf(-1), 0.0
		for j := range x.Dim(1) {
			most = max(most, float64(x.At(i, j)))
		}
		for j := range x.Dim(1) {
			sum += math.Exp(float64(x.At(i, j)) - most)
		}
		for j := range x.Dim(1) {
			probability = append(probability, math.Exp(float64(x.At(i, j))-most)/sum)
		}
		loss += most + math.Log(sum) - float64(x.At(i, int(label)))
	}
	return probability, loss
}

// TestCrossEntropy compares probabilities, loss and gradient with float64's, and all
// CPUs with each other, also where exponentials would overflow.
func TestCrossEntropy(t *testing.T) {
	all := cpus(t)
	r := rand.New(rand.NewPCG(7, 7))
	for _, s := range [][2]int{{1, 1}, {3, 2}, {128, 10}, {200, 37}} {
		m, n := s[0], s[1]
		x := normals(r, m, n)
		labels := make([]int32, m)
		for i := range labels {
			labels[i] = int32(r.IntN(n))
			if i%3 == 1 { // far from 0
				for j := range n {
					x.Set(x.At(i, j)*100+500, i, j)
				}
			}
		}
		const scale = 0.25
		probability, loss := softmax64(x, labels)
		var first, firstSoft array
		firstLoss := 0.0
		for _, c := range all {
			soft, dx := tensor.New[float32](m, n), clone(t, x)
			if err := c.Softmax(soft, x); err != nil {
				t.Fatal(err)
			}
			got, err := c.CrossEntropy(dx, dx, labels, scale)
			if err != nil {
				t.Fatal(err)
			}
			if first.IsZero() {
				first, firstSoft, firstLoss = dx, soft, got
				if math.Abs(got-loss) > 1e-6*float64(m)*max(1, loss/float64(m)) {
					t.Errorf("%v: loss %v, want %v", s, got, loss)
				}
				near(t, "softmax", soft, func(i int) float64 { return probability[i] })
				near(t, "gradient", dx, func(i int) float64 {
					if int(labels[i/n]) == i%n {
						return scale * (probability[i] - 1)
					}
					return scale * probability[i]
				})
			}
			equalBits(t, "softmax", soft, firstSoft)
			equalBits(t, "gradient", dx, first)
			if got != firstLoss {
				t.Errorf("%v: loss %v, elsewhere %v", s, got, firstLoss)
			}
		}
	}
}

// A step64 is an optimiser's state of one weight, and what it is by float64.
type step64 struct{ w, v, m float64 }

// An updater is one optimiser, and its step by the formulas of PyTorch's documentation.
type updater struct {
	step func(c *tensor.CPU, w, g, v, m array, step int) error
	want func(s *step64, g float64, step int)
}

func sgdUpdater(step tensor.SGD, want func(s *step64, g float64, _ int)) updater {
	return updater{func(c *tensor.CPU, w, g, v, _ array, _ int) error { return c.SGD(w, g, v, step) }, want}
}

func adamUpdater(decoupled bool) updater {
	return updater{
		func(c *tensor.CPU, w, g, v, m array, step int) error {
			return c.Adam(w, g, v, m, tensor.Adam{Rate: 0.01, Decay: 0.1, Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, Decoupled: decoupled, Step: step})
		},
		func(s *step64, g float64, step int) {
			if decoupled {
				s.w -= 0.01 * 0.1 * s.w
			} else {
				g += 0.1 * s.w
			}
			s.v = 0.9*s.v + 0.1*g
			s.m = 0.999*s.m + 0.001*g*g
			first, second := s.v/(1-math.Pow(0.9, float64(step))), s.m/(1-math.Pow(0.999, float64(step)))
			s.w -= 0.01 * first / (math.Sqrt(second) + 1e-8)
		},
	}
}

// TestUpdates takes ten steps of each optimiser and compares them with float64's.
func TestUpdates(t *testing.T) {
	for name, u := range map[string]updater{
		"sgd": sgdUpdater(tensor.SGD{Rate: 0.05, Decay: 0.1}, func(s *step64, g float64, _ int) { s.w -= 0.05 * (g + 0.1*s.w) }),
		"momentum": sgdUpdater(tensor.SGD{Rate: 0.05, Decay: 0.1, Momentum: 0.9}, func(s *step64, g float64, _ int) {
			s.v = 0.9*s.v + g + 0.1*s.w
			s.w -= 0.05 * s.v
		}),
		"nesterov": sgdUpdater(tensor.SGD{Rate: 0.05, Decay: 0.1, Momentum: 0.9, Nesterov: true}, func(s *step64, g float64, _ int) {
			g += 0.1 * s.w
			s.v = 0.9*s.v + g
			s.w -= 0.05 * (g + 0.9*s.v)
		}),
		"adagrad": {
			func(c *tensor.CPU, w, g, v, _ array, _ int) error {
				return c.Adagrad(w, g, v, tensor.Adagrad{Rate: 0.01, Decay: 0.1, Epsilon: 1e-10})
			},
			func(s *step64, g float64, _ int) {
				g += 0.1 * s.w
				s.v += g * g
				s.w -= 0.01 * g / (math.Sqrt(s.v) + 1e-10)
			},
		},
		"rmsprop": {
			func(c *tensor.CPU, w, g, v, _ array, _ int) error {
				return c.RMSProp(w, g, v, tensor.RMSProp{Rate: 0.01, Decay: 0.1, Alpha: 0.99, Epsilon: 1e-8})
			},
			func(s *step64, g float64, _ int) {
				g += 0.1 * s.w
				s.v = 0.99*s.v + 0.01*g*g
				s.w -= 0.01 * g / (math.Sqrt(s.v) + 1e-8)
			},
		},
		"adam": adamUpdater(false), "adamw": adamUpdater(true),
	} {
		t.Run(name, func(t *testing.T) {
			var first array
			for _, c := range cpus(t) {
				w, states := tenSteps(t, c, u)
				if first.IsZero() {
					first = w
					for i, s := range states {
						if got := float64(w.Values()[i]); math.Abs(got-s.w) > 1e-5 {
							t.Fatalf("weight %d is %v, want %v", i, got, s.w)
						}
					}
				}
				equalBits(t, name, w, first)
			}
		})
	}
}

func tenSteps(t *testing.T, c *tensor.CPU, u updater) (w array, states []step64) {
	t.Helper()
	const n = 20_003
	r := rand.New(rand.NewPCG(8, 8))
	w, v, m := normals(r, n), tensor.New[float32](n), tensor.New[float32](n)
	states = make([]step64, n)
	for i := range states {
		states[i].w = float64(w.Values()[i])
	}
	for step := 1; step <= 10; step++ {
		g := normals(r, n)
		if err := u.step(c, w, g, v, m, step); err != nil {
			t.Fatal(err)
		}
		for i := range states {
			u.want(&states[i], float64(g.Values()[i]), step)
		}
	}
	return w, states
}

func TestElementwiseAllocatesNothing(t *testing.T) {
	for _, cores := range []int{1, 2} {
		c := cpu(t, tensor.Config{Cores: cores})
		r := rand.New(rand.NewPCG(9, 9))
		x, y, sums, labels := normals(r, 300, 200), normals(r, 300, 200), tensor.New[float32](200), make([]int32, 300)
		n := testing.AllocsPerRun(20, func() {
			_, err := c.CrossEntropy(y, x, labels, 1)
			for _, err := range []error{
				err, c.Activate(y, x, tensor.Tanh), c.ActivateGrad(y, x, y, tensor.ReLU), c.SumRows(sums, x, false), c.Softmax(y, x),
				c.SGD(y, x, y, tensor.SGD{Rate: 0.1, Momentum: 0.9}),
			} {
				if err != nil {
					t.Fatal(err)
				}
			}
		})
		if n > 0 {
			t.Errorf("%d cores: %v allocations", cores, n)
		}
	}
}
