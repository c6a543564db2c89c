package neuron_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"scalar/ml/data"
	"scalar/ml/neuron"
	"scalar/ml/nn"
	"scalar/ml/opt"
	"scalar/tensor"
)

// TestDigits trains dropout neurons on the UCI digits, in products.
func TestDigits(t *testing.T) {
	dir, err := filepath.Abs("../../examples/digits")
	if err != nil {
		t.Fatal(err)
	}
	train := data.Input{URL: filepath.Join(dir, "train.csv.gz"), Target: data.Classes, Label: "digit"}
	learn(t, train, data.Input{URL: filepath.Join(dir, "test.csv.gz")}, 20, 0.06)
}

// TestMNIST does Horn's example: 100 hidden neurons on MNIST, whose folder is SCALAR_MNIST.
func TestMNIST(t *testing.T) {
	dir := os.Getenv("SCALAR_MNIST")
	if dir == "" {
		t.Skip("SCALAR_MNIST does not name the folder of MNIST")
	}
	// Horn says less than 5 % of errors after 12,000 steps.
	learn(t, data.Input{URL: dir, Target: data.Classes}, data.Input{URL: dir, Part: "test"}, 2, 0.05)
}

// learn trains a net with 100 hidden neurons, and fails if it errs on more than a share of the
// test set.
func learn(t *testing.T, train, test data.Input, epochs int, most float64) {
	t.Helper()
	set, encoder, err := data.Load(t.Context(), train)
	if err != nil {
		t.Fatal(err)
	}
	c := cpu(t)
	e, err := neuron.NewExecutor(neuron.Net{Inputs: set.Features(), Layers: []neuron.Layer{
		{Units: 100, Neuron: neuron.Dropout{Standard: neuron.Standard{Activation: "relu"}, Rate: 0.2}},
		{Units: len(set.Classes()), Neuron: neuron.Standard{}},
	}}, c)
	if err != nil {
		t.Fatal(err)
	}
	const rows = 32
	g := e.Graph()
	b := nn.Batch{Arena: make([]float32, g.Size()), Grads: make([]float32, g.Size()), X: tensor.New[float32](rows, set.Features()), Labels: make([]int32, rows), Scale: 1.0 / rows}
	g.Init(b.Arena, 1)
	o, err := opt.New(opt.Config{Name: opt.Momentum, Rate: 0.02})
	if err != nil {
		t.Fatal(err)
	}
	slots := [][]float32{make([]float32, g.Size())}
	r, order := rand.New(rand.NewPCG(1, 1)), make([]uint32, set.Len())
	for i := range order {
		order[i] = uint32(i)
	}
	for range epochs {
		r.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		for from := 0; from+rows <= len(order); from += rows {
			set.Rows(b.X.Values(), order[from:from+rows])
			for i, row := range order[from : from+rows] {
				b.Labels[i] = int32(set.Class(int(row)))
			}
			if _, err := e.Train(b); err != nil {
				t.Fatal(err)
			}
			if err := o.Update(c, opt.Range{Weights: b.Arena, Grads: b.Grads, Slots: slots}, int(b.Step), 1); err != nil {
				t.Fatal(err)
			}
			b.Step++
		}
	}
	x, labels := load(t, test, encoder)
	out, err := e.Infer(b.Arena, x)
	if err != nil {
		t.Fatal(err)
	}
	share := float64(nn.Wrong(out, labels)) / float64(len(labels))
	t.Logf("%.4f of %d rows are wrong", share, len(labels))
	if share > most {
		t.Errorf("%.4f of %d rows are wrong, want at most %v", share, len(labels), most)
	}
}

// load reads a test set.
func load(t *testing.T, test data.Input, encoder *data.Encoder) (tensor.Dense[float32], []int32) {
	t.Helper()
	s, err := data.OpenFor(t.Context(), test, encoder, true)
	if err != nil {
		t.Fatal(err)
	}
	tested, err := s.Read(t.Context(), encoder, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	x, labels := tensor.New[float32](tested.Len(), tested.Features()), make([]int32, tested.Len())
	for i := range labels {
		tested.Row(x.Row(i).Values(), i)
		labels[i] = int32(tested.Class(i))
	}
	return x, labels
}
