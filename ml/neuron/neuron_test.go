package neuron_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"go.uber.org/goleak"

	"scalar/bsp/job"
	"scalar/ml/neuron"
	"scalar/ml/nn"
	"scalar/tensor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func cpu(t *testing.T) *tensor.CPU {
	t.Helper()
	c, err := tensor.NewCPU(tensor.Config{Cores: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// alone hides what a neuron has besides, so that it runs by itself.
type alone struct{ neuron.Neuron }

func executor(t *testing.T, n neuron.Net) *neuron.Executor {
	t.Helper()
	e, err := neuron.NewExecutor(n, cpu(t))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// draw returns a batch of normal values for a net.
func draw(g *nn.Graph, rows int) nn.Batch {
	r := rand.New(rand.NewPCG(1, 2))
	b := nn.Batch{Arena: make([]float32, g.Size()), Grads: make([]float32, g.Size()), X: tensor.New[float32](rows, g.Features()), Scale: 0.1, Seed: 4, Step: 9, Row: 17}
	g.Init(b.Arena, 3)
	for i := range b.X.Values() {
		b.X.Values()[i] = float32(r.NormFloat64())
	}
	for range rows {
		b.Labels = append(b.Labels, int32(r.IntN(g.Outputs())))
		for range g.Outputs() {
			b.Targets = append(b.Targets, float32(r.NormFloat64()))
		}
	}
	return b
}

func near(t *testing.T, what string, got, want []float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	for i := range got {
		if d := math.Abs(float64(got[i] - want[i])); !(d <= 1e-6+1e-5*math.Abs(float64(want[i]))) {
			t.Fatalf("%s: value %d is %v, want %v", what, i, got[i], want[i])
		}
	}
}

// TestBatch compares nets neuron by neuron with the same nets in products.
func TestBatch(t *testing.T) {
	type l = neuron.Layer
	for name, n := range map[string]neuron.Net{
		"sigmoid": {Inputs: 5, Layers: []l{{7, neuron.Standard{Activation: "sigmoid"}}, {3, neuron.Standard{}}}},
		"tanh":    {Inputs: 5, Layers: []l{{7, neuron.Standard{Activation: "tanh"}}, {2, neuron.Standard{Activation: "tanh"}}}, Loss: nn.Squared},
		"relu":    {Inputs: 5, Layers: []l{{7, neuron.Standard{Activation: "relu"}}, {6, neuron.Standard{Activation: "relu"}}, {3, neuron.Standard{}}}},
		"dropout": {Inputs: 5, Layers: []l{{17, neuron.Dropout{Standard: neuron.Standard{Activation: "relu"}, Rate: 0.4}}, {6, neuron.Dropout{Standard: neuron.Standard{Activation: "tanh"}, Rate: 0.2}}, {3, neuron.Standard{}}}},
		"one":     {Inputs: 5, Layers: []l{{3, neuron.Standard{}}}},
	} {
		t.Run(name, func(t *testing.T) {
			products := executor(t, n)
			for i := range n.Layers { // in every layer, and so in all
				m := n
				m.Layers = append([]l(nil), n.Layers...)
				m.Layers[i].Neuron = alone{n.Layers[i].Neuron}
				if _, ok := n.Layers[i].Neuron.(neuron.Dropout); ok {
					continue // which layer draws is part of the description
				}
				compare(t, products, executor(t, m))
			}
		})
	}
}

func compare(t *testing.T, products, single *neuron.Executor) {
	t.Helper()
	if !products.Batched() || single.Batched() {
		t.Fatalf("batched: %v and %v, want one", products.Batched(), single.Batched())
	}
	b := draw(products.Graph(), 13)
	want, err := products.Train(b)
	if err != nil {
		t.Fatal(err)
	}
	grads := b.Grads
	b.Grads = make([]float32, len(grads))
	for i := range b.Grads {
		b.Grads[i] = 7 // is set, not added to
	}
	got, err := single.Train(b)
	if err != nil || math.Abs(got.Sum-want.Sum) > 1e-5*want.Sum || got.Wrong != want.Wrong || !got.Finite {
		t.Errorf("loss %+v, %v, want %+v", got, err, want)
	}
	near(t, "gradients", b.Grads, grads)
	out, err := products.Infer(b.Arena, b.X)
	if err != nil {
		t.Fatal(err)
	}
	alone, err := single.Infer(b.Arena, b.X)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "outputs", alone.Values(), out.Values())
}

// A bent neuron is of a kind that ml/nn does not know: x + sin x of the sum of inputs times
// weights, whose slope is that of the sum itself.
type bent struct{}

func (bent) sum(in []neuron.Synapse) float64 {
	sum := 0.0
	for _, m := range in {
		sum += float64(m.Input) * float64(m.Weight)
	}
	return sum
}

func (b bent) Forward(c *neuron.Context, in []neuron.Synapse) {
	x := b.sum(in)
	c.Feed(float32(x + math.Sin(x)))
}

func (b bent) Backward(c *neuron.Context, up []neuron.Synapse) {
	gradient := float32(0)
	for _, m := range up {
		gradient += m.Delta * m.Weight
	}
	gradient *= float32(1 + math.Cos(b.sum(c.In())))
	c.Backpropagate(gradient)
	for i, m := range c.In() {
		c.Push(i, gradient*m.Input)
	}
}

// TestOwnNeuron checks a neuron that only this test knows, among others: gradients beside
// difference quotients of the loss.
func TestOwnNeuron(t *testing.T) {
	e := executor(t, neuron.Net{Inputs: 4, Loss: nn.Squared, Layers: []neuron.Layer{
		{5, bent{}}, {3, neuron.Standard{Activation: "tanh"}}, {2, bent{}},
	}})
	b := draw(e.Graph(), 6)
	if _, err := e.Train(b); err != nil {
		t.Fatal(err)
	}
	grads := append([]float32(nil), b.Grads...)
	loss := func() float64 {
		out, err := e.Infer(b.Arena, b.X)
		if err != nil {
			t.Fatal(err)
		}
		sum := 0.0
		for i, y := range out.Values() {
			d := float64(y) - float64(b.Targets[i])
			sum += d * d / 2
		}
		return sum
	}
	for p := range e.Graph().Arrays(b.Arena) {
		for k := range p.Len() {
			at := &b.Arena[p.Offset+k]
			const h = 1.0 / 128
			was := *at
			*at = was + h
			up := loss()
			*at = was - h
			down := loss()
			*at = was
			want := (up - down) / (2 * h) * float64(b.Scale)
			if d := float64(grads[p.Offset+k]); math.Abs(d-want) > 2e-4+2e-3*math.Abs(want) {
				t.Errorf("%s[%d]: gradient %v, want %v", p.Name, k, d, want)
			}
		}
	}
}

// TestContext checks what neurons are told.
func TestContext(t *testing.T) {
	seen := map[[3]int]bool{}
	spy := &spying{t: t, seen: seen}
	e := executor(t, neuron.Net{Inputs: 2, Layers: []neuron.Layer{{3, spy}, {2, spy}}})
	b := draw(e.Graph(), 4)
	if _, err := e.Train(b); err != nil {
		t.Fatal(err)
	}
	if len(seen) != 4*5 {
		t.Errorf("%d neurons and rows: %v", len(seen), seen)
	}
	spy.infers = true
	if _, err := e.Infer(b.Arena, b.X); err != nil {
		t.Fatal(err)
	}
	if l, err := e.Train(nn.Batch{Arena: b.Arena, Grads: b.Grads, X: tensor.New[float32](0, 2)}); err != nil || l != (nn.Loss{Finite: true}) || b.Grads[0] != 0 {
		t.Errorf("no rows: %+v, %v", l, err)
	}
}

type spying struct {
	neuron.Standard
	t      *testing.T
	seen   map[[3]int]bool
	infers bool
}

func (s *spying) Batch(int) {} // not the method that counts

func (s *spying) Forward(c *neuron.Context, in []neuron.Synapse) {
	if want := []int{3, 4}[c.Layer]; len(in) != want || in[want-1].Input != 1 {
		s.t.Errorf("layer %d: synapses %v", c.Layer, in)
	}
	if s.infers != !c.Training || s.infers != (c.Draw() == 1) {
		s.t.Errorf("training is %v, the draw %v", c.Training, c.Draw())
	}
	if !s.infers {
		if c.Step != 9 || c.Row < 17 || c.Row > 20 {
			s.t.Errorf("step %d, row %d", c.Step, c.Row)
		}
		s.seen[[3]int{c.Layer, c.Unit, c.Row}] = true
	}
	s.Standard.Forward(c, in)
}

// TestErrors checks what is refused.
func TestErrors(t *testing.T) {
	type l = neuron.Layer
	for want, n := range map[string]neuron.Net{
		"net: 0 layers: want 1 to 1000":                                           {Inputs: 2},
		"neurons: layer1 has no neuron":                                           {Inputs: 2, Layers: []l{{3, nil}}},
		"neurons: layer1: activation \"swish\": want relu, sigmoid, tanh or none": {Inputs: 2, Layers: []l{{3, neuron.Standard{Activation: "swish"}}}},
		"net: layer layer1 (dense): units is 0: want 1 to 16777216":               {Inputs: 2, Layers: []l{{0, bent{}}}},
		"net: layer dropout1 (dropout): rate is 1: want from 0, below 1":          {Inputs: 2, Layers: []l{{3, neuron.Dropout{Rate: 1}}}},
		"net: loss \"hinge\": want cross-entropy or squared":                      {Inputs: 2, Layers: []l{{3, bent{}}}, Loss: "hinge"},
	} {
		_, err := neuron.NewExecutor(n, cpu(t))
		if f, ok := errors.AsType[*job.Failure](err); !ok || f.Kind != job.FaultInput || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
	e := executor(t, neuron.Net{Inputs: 2, Layers: []l{{3, bent{}}}})
	b := draw(e.Graph(), 2)
	b.X = tensor.New[float32](2, 3)
	if _, err := e.Train(b); err == nil {
		t.Error("rows of 3 features are taken")
	}
	if _, err := e.Infer(b.Arena, b.X); err == nil {
		t.Error("rows of 3 features are taken")
	}
}
