package programs_test

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"scalar/bsp/bsptest"
	"scalar/ml/data"
	"scalar/ml/eval"
	"scalar/ml/model"
	"scalar/tensor"
)

// python returns the Python of an environment with scikit-learn, which it makes once for all
// runs, or skips the test.
func python(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("scikit-learn is left out by -short")
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Skip("scikit-learn has no place to be installed into: ", err)
	}
	dir := filepath.Join(cache, "scalar", "sklearn-1.9.1")
	if _, err := os.Stat(filepath.Join(dir, "ready")); err == nil {
		return filepath.Join(dir, "bin", "python")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Skip("scikit-learn has no place to be installed into: ", err)
	}
	out, err := exec.CommandContext(t.Context(), "sh", filepath.Join("..", "..", "bench", "peers", "sklearn", "install"), dir).CombinedOutput()
	if err != nil {
		t.Skipf("scikit-learn cannot be installed: %v: %s", err, out)
	}
	if err := os.WriteFile(filepath.Join(dir, "ready"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "bin", "python")
}

// theirs are an estimator's errors on a data set's test rows.
type theirs struct {
	Linear   float64   // root of the mean squared error
	Logistic float64   // error
	Loss     float64   // of Logistic
	MLP      []float64 // of five seeds, ascending
	KMeans   float64   // sum of squares a row of training
}

// TestBesideScikitLearn trains on scikit-learn's own data sets, beside its estimators.
func TestBesideScikitLearn(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), python(t), "-B", "testdata/estimators.py", dir)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, &errs)
	}
	var sets map[string]theirs
	if err := json.Unmarshal(out, &sets); err != nil || len(sets) != 4 {
		t.Fatalf("%s: %v", out, err)
	}
	for name, want := range sets {
		t.Run(name, func(t *testing.T) {
			train, test := filepath.Join(dir, name+"-train.csv"), filepath.Join(dir, name+"-test.csv")
			if name == "diabetes" {
				if got := score(t, train, test, "linear", "--optimizer", "normal", "--scale", "columns"); math.Abs(got.wrong-want.Linear) > 1e-3*want.Linear {
					t.Errorf("linear: error %v, theirs %v", got.wrong, want.Linear)
				}
				return
			}
			rows := strings.Count(string(readFile(t, train)), "\n")
			decay := strconv.FormatFloat(1/float64(rows), 'g', -1, 64) // their C is 1, over the sum of the losses
			program := map[string]string{"breast_cancer": "logistic"}[name]
			if program == "" {
				program = "softmax"
			}
			if got := score(t, train, test, program, "--optimizer", "lbfgs", "--scale", "columns", "--decay", decay, "--iterations", "2000", "--tolerance", "1e-7"); math.Abs(got.loss-want.Loss) > 1e-3*want.Loss || math.Abs(got.wrong-want.Logistic) > 1e-9 {
				t.Errorf("%s: error %v, loss %v; theirs %v, %v", program, got.wrong, got.loss, want.Logistic, want.Loss)
			}
			var wrong []float64
			for seed := range 5 {
				wrong = append(wrong, score(t, train, test, "mlp", "--hidden", "32", "--optimizer", "adam", "--lr", "0.005", "--batch", "32", "--epochs", "40", "--scale", "columns", "--seed", strconv.Itoa(seed+1)).wrong)
			}
			if ours, noise := mean(wrong), .02; math.Abs(ours-mean(want.MLP)) > noise {
				t.Errorf("mlp: errors %v, theirs %v", wrong, want.MLP)
			}
			m, _ := fit(t, bsptest.Config{Peers: 2, Input: train}, "kmeans", "--init", filepath.Join(dir, name+"-start.csv"), "--scale", "columns", "--label", "-1")
			if got := m.Training.Loss; math.Abs(got-want.KMeans) > 1e-3*want.KMeans {
				t.Errorf("kmeans: %v, theirs %v", got, want.KMeans)
			}
		})
	}
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func mean(xs []float64) (m float64) {
	for _, x := range xs {
		m += x / float64(len(xs))
	}
	return m
}

type scored struct{ wrong, loss float64 }

// score trains with two peers and evaluates on the test rows.
func score(t *testing.T, train, test, program string, args ...string) scored {
	t.Helper()
	m, tensors := fit(t, bsptest.Config{Peers: 2, Input: train}, program, args...)
	cpu, err := tensor.NewCPU(tensor.Config{Cores: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer cpu.Close()
	p, err := model.NewPredictor(cpu, m, tensors)
	if err != nil {
		t.Fatal(err)
	}
	src, err := data.OpenFor(t.Context(), data.Input{URL: test}, p.Encoder(), true)
	if err != nil {
		t.Fatal(err)
	}
	return evaluated(t, cpu, p, src, m)
}

func evaluated(t *testing.T, cpu *tensor.CPU, p *model.Predictor, src *data.Source, m *model.Model) (s scored) {
	t.Helper()
	if !m.Classifier() {
		r := eval.NewRegressor(false)
		err := eval.Each(t.Context(), cpu, p, src, func(b *eval.Batch) error {
			for i := range b.Rows {
				r.Add(b.Answer.Predictions[i], b.Set.Value(b.First+i))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		got := r.Result()
		return scored{got.Error, got.Loss}
	}
	c := eval.NewClassifier(m.Transform.Label.Classes, false)
	err := eval.Each(t.Context(), cpu, p, src, func(b *eval.Batch) error {
		for i := range b.Rows {
			c.Add(b.Answer.Logits.Row(i).Values(), b.Set.Class(b.First+i))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	got := c.Result()
	return scored{got.Error, got.Loss}
}
