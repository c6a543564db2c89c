package model_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"scalar/ml/data"
	"scalar/ml/model"
	"scalar/ml/nn"
	"scalar/tensor"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// cpu returns a CPU that the test closes.
func cpu(tb testing.TB, cores int) *tensor.CPU {
	tb.Helper()
	c, err := tensor.NewCPU(tensor.Config{Cores: cores})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(c.Close)
	return c
}

// read reads an input to learn from.
func read(tb testing.TB, in data.Input, text string) (*data.Set, *data.Encoder) {
	tb.Helper()
	if text != "" {
		in.URL = filepath.Join(tb.TempDir(), "a.csv")
		if err := os.WriteFile(in.URL, []byte(text), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	set, e, err := data.Load(tb.Context(), in)
	if err != nil {
		tb.Fatal(err)
	}
	return set, e
}

// rows returns all rows of a set.
func rows(set *data.Set) tensor.Dense[float32] {
	x := tensor.New[float32](set.Len(), set.Features())
	for i := range set.Len() {
		set.Row(x.Row(i).Values(), i)
	}
	return x
}

// train takes some plain steps down the whole set's gradient.
func train(tb testing.TB, g *nn.Graph, set *data.Set, steps int, rate float32) []float32 {
	tb.Helper()
	arena, grads := make([]float32, g.Size()), make([]float32, g.Size())
	g.Init(arena, 1)
	e, b := nn.NewExecutor(g, cpu(tb, 1)), nn.Batch{Arena: arena, Grads: grads, X: rows(set), Scale: 1 / float32(set.Len())}
	for i := range set.Len() {
		if set.Target() == data.Classes {
			b.Labels = append(b.Labels, int32(set.Class(i)))
		} else {
			b.Targets = append(b.Targets, float32(set.Value(i)))
		}
	}
	for range steps {
		if _, err := e.Train(b); err != nil {
			tb.Fatal(err)
		}
		for i, d := range grads {
			arena[i] -= float32(rate * d)
		}
	}
	return arena
}

// save writes a model's files into a folder.
func save(tb testing.TB, dir string, files []model.File) {
	tb.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		tb.Fatal(err)
	}
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(dir, f.Name), f.Content, 0o644); err != nil {
			tb.Fatal(err)
		}
	}
}

// predictor opens a folder.
func predictor(tb testing.TB, dir string) *model.Predictor {
	tb.Helper()
	m, tensors, err := model.Open(context.Background(), dir)
	if err != nil {
		tb.Fatal(err)
	}
	p, err := model.NewPredictor(cpu(tb, 1), m, tensors)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func refused(tb testing.TB, err error, want string) {
	tb.Helper()
	if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
		tb.Errorf("%v, want %q in one line", err, want)
	}
}
