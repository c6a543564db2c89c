package programs_test

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"scalar/bsp"
	"scalar/bsp/bsptest"
	"scalar/bsp/builtin"
	"scalar/bsp/job"
	"scalar/ml/data"
	"scalar/ml/eval"
	"scalar/ml/model"
	"scalar/ml/programs"
	"scalar/tensor"
)

func catalog() builtin.Catalog { return builtin.NewCatalog(programs.Programs("test")) }

// fit runs a program and returns its model.
func fit(t *testing.T, c bsptest.Config, name string, args ...string) (*model.Model, []model.Tensor) {
	t.Helper()
	r, err := catalog().NewRunner(name, args)
	if err != nil {
		t.Fatal(err)
	}
	return opened(t, bsptest.Run(t, c, r))
}

func opened(t *testing.T, r bsp.Result) (*model.Model, []model.Tensor) {
	t.Helper()
	dir := t.TempDir()
	for name, b := range r.Files {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	m, tensors, err := model.Open(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	return m, tensors
}

// digits unpacks a file of the handwritten digits, with only the labels that keep has, and
// as LIBSVM if sparse.
func digits(t *testing.T, name string, sparse bool, keep string) string {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "examples", "digits", name+".csv.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for i, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		cells := strings.Split(line, ",")
		label := cells[len(cells)-1]
		switch {
		case i == 0 && !sparse:
			b.WriteString(line + "\n")
		case i == 0 || !strings.Contains(keep, label):
		case !sparse:
			b.WriteString(line + "\n")
		default:
			b.WriteString(label)
			for j, cell := range cells[:len(cells)-1] {
				if cell != "0" || j == len(cells)-2 {
					fmt.Fprintf(&b, " %d:%s", j+1, cell)
				}
			}
			b.WriteByte('\n')
		}
	}
	file := filepath.Join(t.TempDir(), name+map[bool]string{false: ".csv", true: ".libsvm"}[sparse])
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestClassifiers: all ways of logistic and softmax regression tell digits apart, from dense and
// from sparse rows; the bounds are a little above what scikit-learn's LogisticRegression has
// on such rows.
func TestClassifiers(t *testing.T) {
	for _, c := range []struct {
		program string
		keep    string
		sparse  bool
		args    []string
		most    float64
	}{
		{"softmax", "0123456789", false, []string{"--optimizer", "lbfgs", "--decay", "0.001"}, 0.055},
		{"softmax", "0123456789", true, []string{"--optimizer", "lbfgs", "--decay", "0.001"}, 0.055},
		{"softmax", "0123456789", false, []string{"--epochs", "20", "--lr", "0.02", "--batch", "32"}, 0.065},
		{"softmax", "0123456789", true, []string{"--epochs", "20", "--lr", "0.02", "--batch", "32"}, 0.065},
		{"softmax", "0123456789", true, []string{"--epochs", "20", "--optimizer", "adam", "--batch", "32"}, 0.08},
		{"logistic", "38", false, []string{"--optimizer", "lbfgs", "--decay", "0.001"}, 0.05},
		{"logistic", "38", true, []string{"--optimizer", "lbfgs", "--decay", "0.001"}, 0.05},
		{"logistic", "38", false, []string{"--epochs", "20", "--lr", "0.02", "--batch", "16"}, 0.06},
		{"logistic", "38", true, []string{"--epochs", "20", "--lr", "0.02", "--batch", "16"}, 0.06},
	} {
		name := fmt.Sprint(c.program, " ", c.sparse, " ", c.args)
		t.Run(name, func(t *testing.T) {
			train, test := digits(t, "train", c.sparse, c.keep), digits(t, "test", c.sparse, c.keep)
			m, tensors := fit(t, bsptest.Config{Peers: 2, Input: train}, c.program, append(c.args, "--test", test)...)
			if m.Training.Test == nil || m.Training.Test.Error > c.most || m.Training.Error > c.most {
				t.Errorf("error %g, test %+v: want at most %g", m.Training.Error, m.Training.Test, c.most)
			}
			if m.Kind != c.program || m.Outputs[0].Name != "probabilities" {
				t.Errorf("kind %s, outputs %+v", m.Kind, m.Outputs)
			}
			if c.program == "logistic" { // the first output is 0
				for _, x := range tensors {
					for _, v := range x.Data[:len(x.Data)/2] {
						if v != 0 {
							t.Fatalf("%s: a weight of the first output is %g", x.Name, v)
						}
					}
				}
			}
			if got := measured(t, m, tensors, test); math.Abs(got-m.Training.Test.Error) > 1e-9 {
				t.Errorf("the model's own answers have an error of %g, training says %g", got, m.Training.Test.Error)
			}
		})
	}
}

// asked is what a model says of the rows of a file.
func asked(t *testing.T, m *model.Model, tensors []model.Tensor, file string, labelled bool) (*model.Answer, *data.Set) {
	t.Helper()
	cpu, err := tensor.NewCPU(tensor.Config{Cores: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer cpu.Close()
	p, err := model.NewPredictor(cpu, m, tensors)
	if err != nil {
		t.Fatal(err)
	}
	src, err := data.OpenFor(t.Context(), data.Input{URL: file}, p.Encoder(), labelled)
	if err != nil {
		t.Fatal(err)
	}
	set, err := src.Read(t.Context(), p.Encoder(), 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	x := tensor.New[float32](set.Len(), set.Features())
	for i := range set.Len() {
		set.Row(x.Row(i).Values(), i)
	}
	a, err := p.NewExecutor(cpu).Predict(x)
	if err != nil {
		t.Fatal(err)
	}
	return a, set
}

// measured is the share of rows that a model gets wrong.
func measured(t *testing.T, m *model.Model, tensors []model.Tensor, file string) float64 {
	t.Helper()
	a, set := asked(t, m, tensors, file, true)
	wrong := 0
	for i, c := range a.Classes {
		if int(c) != set.Class(i) {
			wrong++
		}
	}
	return float64(wrong) / float64(set.Len())
}

// numbers is a file of y = 2a - 3b + 5, a little off.
func numbers(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString("a,b,y\n")
	for i := range 300 {
		x, z := math.Sin(float64(i)), math.Cos(float64(3*i))
		fmt.Fprintf(&b, "%g,%g,%g\n", x, z, 2*x-3*z+5+0.01*math.Sin(float64(17*i)))
	}
	file := filepath.Join(t.TempDir(), "numbers.csv")
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestLinear: normal equations and gradient descent come to the same line.
func TestLinear(t *testing.T) {
	for _, args := range [][]string{{"--optimizer", "normal"}, {"--epochs", "60", "--lr", "0.1", "--batch", "30"}, {"--optimizer", "adam", "--lr", "0.1", "--epochs", "60", "--batch", "30"}} {
		m, tensors := fit(t, bsptest.Config{Peers: 2, Input: numbers(t)}, "linear", args...)
		got := append(append([]float32(nil), tensors[0].Data...), tensors[1].Data...)
		for i, want := range []float32{2, -3, 5} {
			if math.Abs(float64(got[i]-want)) > 0.02 {
				t.Errorf("%v: weights %v, want 2, -3 and 5", args, got)
			}
		}
		if m.Training.Error > 0.05 || m.Outputs[0].Name != "prediction" {
			t.Errorf("%v: error %g, outputs %+v", args, m.Training.Error, m.Outputs)
		}
	}
}

// TestKMeans: the clusters of digits, and the loss that training says beside the model's own
// answers.
func TestKMeans(t *testing.T) {
	file := digits(t, "train", false, "0123456789")
	for metric, most := range map[string]float64{"euclidean": 720, "cosine": 0.1} {
		m, tensors := fit(t, bsptest.Config{Peers: 2, Input: file}, "kmeans", "--k", "10", "--label", "digit", "--seed", "3", "--metric", metric)
		if m.Clusters == nil || m.Clusters.K != 10 || len(tensors[0].Data) != 640 || m.Training.Options["label"] != "digit" {
			t.Errorf("clusters %+v, %d numbers, options %v", m.Clusters, len(tensors[0].Data), m.Training.Options)
		}
		// scikit-learn's KMeans with ten starts ends at a mean of 648 per row on all 1,797 digits.
		if m.Training.Loss < most*0.8 || m.Training.Loss > most {
			t.Errorf("%s: loss %g", metric, m.Training.Loss)
		}
		a, _ := asked(t, m, tensors, file, false)
		c := eval.NewClusterer(10, metric == "cosine", false)
		for i, cluster := range a.Clusters {
			c.Add(cluster, a.Distances[i])
		}
		if got := c.Result().Loss; math.Abs(got-m.Training.Loss) > 1e-5*got {
			t.Errorf("%s: the model's own answers have a loss of %g, training says %g", metric, got, m.Training.Loss)
		}
	}
}

func TestOptions(t *testing.T) {
	for want, args := range map[string][]string{
		"--lr is of no use with --optimizer lbfgs":         {"logistic", "--optimizer", "lbfgs", "--lr", "1"},
		"--splits is of no use with --optimizer lbfgs":     {"softmax", "--optimizer", "lbfgs", "--splits", "2"},
		"--splits -1: want 1 to":                           {"mlp", "--splits", "-1"},
		"--from is of no use with --optimizer normal":      {"linear", "--optimizer", "normal", "--from", "/m"},
		"--tolerance is of no use with --optimizer sgd":    {"softmax", "--tolerance", "1"},
		"--iterations is of no use with --optimizer adam":  {"softmax", "--optimizer", "adam", "--iterations", "100"}, // its default
		"--epochs is of no use with --optimizer lbfgs":     {"softmax", "--optimizer", "lbfgs", "--epochs", "10"},
		"--hidden is of no use with --net: ":               {"mlp", "--net", "/n.yaml", "--hidden", "128"},
		"--net is of no use with --from: ":                 {"mlp", "--from", "/m", "--net", "/n.yaml"},
		"--scale is of no use with --from: ":               {"logistic", "--from", "/m", "--scale", "auto"},
		"--missing is of no use with --from: ":             {"softmax", "--optimizer", "lbfgs", "--from", "/m", "--missing", "mean"},
		"--label is of no use with --from: ":               {"cnn", "--from", "/m", "--label", "digit"},
		"--seed is of no use with --init: ":                {"kmeans", "--init", "/i.csv", "--seed", "1"},
		"--momentum 0 makes sgd of nesterov":               {"mlp", "--optimizer", "nesterov", "--momentum", "0"},
		"--decay 0 makes adam of adamw":                    {"mlp", "--optimizer", "adamw", "--decay", "0.0"},
		"--factor 0: want":                                 {"mlp", "--schedule", "step", "--every", "2", "--factor", "0"},
		"--iterations 0: want":                             {"softmax", "--optimizer", "lbfgs", "--iterations", "0"},
		"--decay -1":                                       {"linear", "--optimizer", "normal", "--decay", "-1"},
		"unknown option --iterations":                      {"linear", "--iterations", "1"},
		"how many clusters?":                               {"kmeans"},
		`--metric "hamming"`:                               {"kmeans", "--k", "2", "--metric", "hamming"},
		"option --scale \"bytes\": want":                   {"kmeans", "--k", "2", "--scale", "bytes"},
		"optimizer":                                        {"linear", "--optimizer", "lbfgs"},
		"--early-stop is of no use with --optimizer lbfgs": {"softmax", "--optimizer", "lbfgs", "--early-stop", "2"},
	} {
		_, err := catalog().NewRunner(args[0], args[1:])
		if f := job.AsFailure(err, job.FaultInternal); err == nil || f.Code != job.ExitUsage || !strings.Contains(f.Message, want) {
			t.Errorf("%v: %v, want %q and code %d", args, err, want, job.ExitUsage)
		}
	}
}
