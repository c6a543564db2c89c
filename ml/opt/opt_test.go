package opt_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"go.uber.org/goleak"

	"scalar/bsp/job"
	"scalar/ml/opt"
	"scalar/tensor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func cpu(t *testing.T, cores int) *tensor.CPU {
	t.Helper()
	c, err := tensor.NewCPU(tensor.Config{Cores: cores})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// A twin is one weight and its state in float64, changed as the papers say.
type twin struct{ w, a, b float64 }

// rows are the optimisers with a step of one weight, t from 1.
func rows() []struct {
	c    opt.Config
	step func(s *twin, g float64, t int)
} {
	type row = struct {
		c    opt.Config
		step func(s *twin, g float64, t int)
	}
	adam := func(decay, decoupled, b1, b2, eps float64) func(s *twin, g float64, t int) {
		return func(s *twin, g float64, t int) {
			s.w *= 1 - 0.01*decoupled
			g += decay * s.w
			s.a = b1*s.a + (1-b1)*g
			s.b = b2*s.b + (1-b2)*g*g
			s.w -= 0.01 * (s.a / (1 - math.Pow(b1, float64(t)))) / (math.Sqrt(s.b/(1-math.Pow(b2, float64(t)))) + eps)
		}
	}
	momentum := func(m, decay float64, nesterov bool) func(s *twin, g float64, t int) {
		return func(s *twin, g float64, _ int) {
			g += decay * s.w
			s.a = m*s.a + g
			if nesterov {
				s.w -= 0.01 * (g + m*s.a)
			} else {
				s.w -= 0.01 * s.a
			}
		}
	}
	return []row{
		{opt.Config{Rate: 0.01}, func(s *twin, g float64, _ int) { s.w -= 0.01 * g }},
		{opt.Config{Name: "sgd", Rate: 0.01, Decay: 0.2}, func(s *twin, g float64, _ int) { s.w -= 0.01 * (g + 0.2*s.w) }},
		{opt.Config{Name: "sgd", Rate: 0.01, Momentum: 0.5}, momentum(0.5, 0, false)},
		{opt.Config{Name: "momentum", Rate: 0.01, Decay: 0.1}, momentum(0.9, 0.1, false)},
		{opt.Config{Name: "nesterov", Rate: 0.01, Momentum: 0.8, Decay: 0.1}, momentum(0.8, 0.1, true)},
		{opt.Config{Name: "adagrad", Rate: 0.01, Decay: 0.1}, func(s *twin, g float64, _ int) {
			g += 0.1 * s.w
			s.a += g * g
			s.w -= 0.01 * g / (math.Sqrt(s.a) + 1e-10)
		}},
		{opt.Config{Name: "rmsprop", Rate: 0.01}, func(s *twin, g float64, _ int) {
			s.a = 0.99*s.a + 0.01*g*g
			s.w -= 0.01 * g / (math.Sqrt(s.a) + 1e-8)
		}},
		{opt.Config{Name: "rmsprop", Rate: 0.01, Alpha: 0.9, Epsilon: 0.1, Decay: 0.1}, func(s *twin, g float64, _ int) {
			g += 0.1 * s.w
			s.a = 0.9*s.a + 0.1*g*g
			s.w -= 0.01 * g / (math.Sqrt(s.a) + 0.1)
		}},
		{opt.Config{Name: "adam", Rate: 0.01}, adam(0, 0, 0.9, 0.999, 1e-8)},
		{opt.Config{Name: "adam", Rate: 0.01, Decay: 0.1, Beta1: 0.8, Beta2: 0.95, Epsilon: 0.01}, adam(0.1, 0, 0.8, 0.95, 0.01)},
		{opt.Config{Name: "adamw", Rate: 0.01}, adam(0, 0.01, 0.9, 0.999, 1e-8)},
		{opt.Config{Name: "adamw", Rate: 0.01, Decay: 0.3}, adam(0, 0.3, 0.9, 0.999, 1e-8)},
	}
}

// TestUpdate compares 60 steps with the twins, and checks that ranges of the weights changed
// one by one have the bits of all at once.
func TestUpdate(t *testing.T) {
	const n, steps = 100, 60
	for _, row := range rows() {
		o, err := opt.New(row.c)
		if err != nil {
			t.Fatal(err)
		}
		c := cpu(t, 2)
		r := rand.New(rand.NewPCG(1, 2))
		w, grads, twins := make([]float32, n), make([]float32, n), make([]twin, n)
		for i := range w {
			w[i] = float32(r.NormFloat64())
			twins[i].w = float64(w[i])
		}
		slots := make([][]float32, o.Slots())
		cutSlots := [2][][]float32{make([][]float32, o.Slots()), make([][]float32, o.Slots())}
		for i := range slots {
			slots[i], cutSlots[0][i], cutSlots[1][i] = make([]float32, n), make([]float32, 37), make([]float32, n-37)
		}
		cut := slices.Clone(w)
		for step := range steps {
			for i := range grads {
				grads[i] = float32(r.NormFloat64() + 0.3)
				row.step(&twins[i], float64(grads[i]), step+1)
			}
			for _, err := range []error{
				o.Update(c, opt.Range{Weights: w, Grads: grads, Slots: slots}, step, steps),
				o.Update(c, opt.Range{Weights: cut[:37], Grads: grads[:37], Slots: cutSlots[0]}, step, steps),
				o.Update(c, opt.Range{Weights: cut[37:], Grads: grads[37:], Slots: cutSlots[1]}, step, steps),
			} {
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		moved := 0.0
		for i, x := range w {
			if d := math.Abs(float64(x) - twins[i].w); !(d <= 2e-5) {
				t.Fatalf("%+v: weight %d is %v, want %v", row.c, i, x, twins[i].w)
			}
			moved = max(moved, math.Abs(float64(x)-float64(w[(i+1)%n])))
		}
		if moved == 0 || !slices.Equal(w, cut) {
			t.Errorf("%+v: weights moved %v, in two ranges %v", row.c, moved, cut)
		}
		if a := testing.AllocsPerRun(5, func() {
			if err := o.Update(c, opt.Range{Weights: w, Grads: grads, Slots: slots}, 60, 100); err != nil {
				t.Fatal(err)
			}
		}); a > 0 {
			t.Errorf("%+v: a step allocates %v times", row.c, a)
		}
	}
}

// TestPlus: a gradient in two terms has the bits of their sum, over blocks and cores, in the same memory.
func TestPlus(t *testing.T) {
	const n, steps = 40_003, 3
	for _, row := range rows() {
		o, err := opt.New(row.c)
		if err != nil {
			t.Fatal(err)
		}
		for _, cores := range []int{1, 2} {
			c, r := cpu(t, cores), rand.New(rand.NewPCG(3, 4))
			random := func() []float32 {
				v := make([]float32, n)
				for i := range v {
					v[i] = float32(r.NormFloat64())
				}
				return v
			}
			w := random()
			again := slices.Clone(w)
			var slots [2][][]float32
			for range o.Slots() {
				slots[0], slots[1] = append(slots[0], make([]float32, n)), append(slots[1], make([]float32, n))
			}
			for step := range steps {
				x, y, sum := random(), random(), make([]float32, n)
				for i := range sum {
					sum[i] = x[i] + y[i]
				}
				if err := errors.Join(o.Update(c, opt.Range{Weights: w, Grads: sum, Slots: slots[0]}, step, steps),
					o.Update(c, opt.Range{Weights: again, Grads: x, Plus: y, Slots: slots[1]}, step, steps)); err != nil {
					t.Fatal(err)
				}
			}
			if !slices.Equal(w, again) {
				t.Errorf("%+v, %d cores: other bits from two terms", row.c, cores)
			}
			if a := testing.AllocsPerRun(5, func() {
				if err := o.Update(c, opt.Range{Weights: w, Grads: w, Plus: again, Slots: slots[0]}, 0, 1); err != nil {
					t.Fatal(err)
				}
			}); a > 0 {
				t.Errorf("%+v: a step of two terms allocates %v times", row.c, a)
			}
		}
	}
}

// TestUpdateErrors checks that ranges that do not fit are refused.
func TestUpdateErrors(t *testing.T) {
	o, err := opt.New(opt.Config{Name: opt.Adam, Rate: 1})
	if err != nil {
		t.Fatal(err)
	}
	c, w := cpu(t, 1), make([]float32, 4)
	for _, row := range []struct {
		grads, plus []float32
		slots       [][]float32
	}{{w[:3], nil, [][]float32{w, w}}, {w, nil, [][]float32{w}}, {w, nil, nil}, {w, nil, [][]float32{w, w[:1]}}, {w, w[:3], [][]float32{w, w}}} {
		if err := o.Update(c, opt.Range{Weights: w, Grads: row.grads, Plus: row.plus, Slots: row.slots}, 0, 1); err == nil {
			t.Errorf("%d and %d gradients, %d slots: no error", len(row.grads), len(row.plus), len(row.slots))
		}
	}
}

// TestRate compares rates with the formulas, by math's functions.
func TestRate(t *testing.T) {
	const steps = 100
	for name, row := range map[string]struct {
		c    opt.Config
		want func(t float64, of float64) float64
	}{
		"constant": {opt.Config{}, func(_, _ float64) float64 { return 1 }},
		"step":     {opt.Config{Schedule: "step", Every: 7, Factor: 0.5}, func(t, _ float64) float64 { return math.Pow(0.5, math.Floor(t/7)) }},
		"tenths":   {opt.Config{Schedule: "step", Every: 30}, func(t, _ float64) float64 { return math.Pow(0.1, math.Floor(t/30)) }},
		"cosine":   {opt.Config{Schedule: "cosine"}, func(t, of float64) float64 { return (1 + math.Cos(math.Pi*t/of)) / 2 }},
		"linear":   {opt.Config{Schedule: "linear"}, func(t, of float64) float64 { return 1 - t/of }},
	} {
		for _, warmup := range []int{0, 1, 10, 100, 200} {
			c := row.c
			c.Rate, c.Warmup = 0.3, warmup
			o, err := opt.New(c)
			if err != nil {
				t.Fatal(err)
			}
			for step := range steps {
				want := 0.3 * float64(step+1) / float64(warmup)
				if step >= warmup {
					want = 0.3 * row.want(float64(step-warmup), float64(steps-warmup))
				}
				if got := o.Rate(step, steps); math.Abs(got-want) > 1e-14 {
					t.Errorf("%s, warmup %d, step %d: %v, want %v", name, warmup, step, got, want)
				}
			}
		}
	}
}

// TestClip checks the factor that makes a gradient short enough.
func TestClip(t *testing.T) {
	for _, row := range []struct {
		clip, length float64
		want         float32
	}{{0, 1e9, 1}, {2, 1, 1}, {2, 2, 1}, {2, 8, 0.25}, {2, math.Inf(1), 0}, {2, math.NaN(), 1}} {
		o, err := opt.New(opt.Config{Rate: 1, Clip: row.clip})
		if err != nil {
			t.Fatal(err)
		}
		if got := o.ClipFactor(row.length); got != row.want {
			t.Errorf("clip %v, length %v: %v, want %v", row.clip, row.length, got, row.want)
		}
	}
}

// TestErrors checks that what is out of its range is said in one line.
func TestErrors(t *testing.T) {
	nan := math.NaN()
	for want, c := range map[string]opt.Config{
		`optimizer "lion": want one of sgd, momentum, nesterov, adagrad, rmsprop, adam, adamw`: {Name: "lion", Rate: 1},
		`schedule "exp": want one of constant, step, cosine, linear`:                           {Rate: 1, Schedule: "exp"},
		"learning rate is 0: want a number above 0, up to 3.4e38":                              {},
		"learning rate is -1: want a number above 0, up to 3.4e38":                             {Rate: -1},
		"learning rate is NaN: want a number above 0, up to 3.4e38":                            {Rate: nan},
		"learning rate is +Inf: want a number above 0, up to 3.4e38":                           {Rate: math.Inf(1)},
		"momentum is 1: want a number from 0, below 1":                                         {Rate: 1, Momentum: 1},
		"momentum is 0.9999999999: want a number from 0, below 1":                              {Rate: 1, Momentum: 0.9999999999},
		"momentum is -0.1: want a number from 0, below 1":                                      {Rate: 1, Momentum: -0.1},
		"decay is -1: want a number from 0":                                                    {Rate: 1, Decay: -1},
		"beta1 is 1.5: want a number from 0, below 1":                                          {Rate: 1, Name: "adam", Beta1: 1.5},
		"beta2 is 1: want a number from 0, below 1":                                            {Rate: 1, Name: "adamw", Beta2: 1},
		"alpha is NaN: want a number from 0, below 1":                                          {Rate: 1, Name: "rmsprop", Alpha: nan},
		"epsilon is -1: want a number above 1e-45, up to 1":                                    {Rate: 1, Name: "adam", Epsilon: -1},
		"epsilon is 1e-60: want a number above 1e-45, up to 1":                                 {Rate: 1, Name: "adam", Epsilon: 1e-60},
		"clip is -1: want a number above 0, or 0 for no limit":                                 {Rate: 1, Clip: -1},
		"warmup is -1: want a number of steps, from 0":                                         {Rate: 1, Warmup: -1},
		"every is 0: want a number of steps, from 1":                                           {Rate: 1, Schedule: "step"},
		"factor is 2: want a number above 0, up to 1":                                          {Rate: 1, Schedule: "step", Every: 1, Factor: 2},
		"schedule cosine takes no every and no factor: step does":                              {Rate: 1, Schedule: "cosine", Every: 1},
		"optimizer adam takes no momentum: sgd, momentum and nesterov do":                      {Rate: 1, Name: "adam", Momentum: 0.9},
		"optimizer sgd takes no alpha: rmsprop does":                                           {Rate: 1, Alpha: 0.9},
	} {
		_, err := opt.New(c)
		f, ok := errors.AsType[*job.Failure](err)
		if !ok || f.Kind != job.FaultInput || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}
