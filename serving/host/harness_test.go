package host_test

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"scalar/ml/data"
	"scalar/ml/model"
	"scalar/ml/nn"
	"scalar/serving/host"
	"scalar/serving/protocol"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start returns a host that the test closes.
func start(tb testing.TB, c host.Config) *host.Host {
	tb.Helper()
	h, err := host.New(c)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(h.Close)
	return h
}

// write writes a model's files into a folder.
func write(tb testing.TB, dir string, m *model.Model, tensors []model.Tensor) string {
	tb.Helper()
	files, err := m.Files(tensors)
	if err != nil {
		tb.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		tb.Fatal(err)
	}
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(dir, f.Name), f.Content, 0o644); err != nil {
			tb.Fatal(err)
		}
	}
	return dir
}

// sum is a model in a folder whose prediction is the sum of 4 numbers and a constant.
func sum(tb testing.TB, dir string, constant float32) string {
	tb.Helper()
	net := nn.MLP(4, nil, 1)
	net.Loss = nn.Squared
	g, err := nn.Compile(net)
	if err != nil {
		tb.Fatal(err)
	}
	tensors := model.Tensors(g, make([]float32, g.Size()))
	for i := range tensors[0].Data {
		tensors[0].Data[i] = 1
	}
	tensors[1].Data[0] = constant
	return write(tb, dir, &model.Model{
		Kind: "linear", Net: net,
		Transform: &data.Transform{
			Columns: 4, Missing: data.MissingError, Scale: data.Scale{Kind: data.None},
			Label: &data.Label{Column: -1, Target: data.Numbers},
		},
		Training: model.Training{Program: "linear", Version: "test"},
	}, tensors)
}

// mlp is a classifier in a folder with weights that were drawn from a seed.
func mlp(tb testing.TB, dir string, features int, hidden []int, seed uint64) string {
	tb.Helper()
	net := nn.MLP(features, hidden, 10)
	g, err := nn.Compile(net)
	if err != nil {
		tb.Fatal(err)
	}
	arena := make([]float32, g.Size())
	g.Init(arena, seed)
	classes := make([]string, 10)
	for i := range classes {
		classes[i] = strconv.Itoa(i)
	}
	return write(tb, dir, &model.Model{
		Kind: "mlp", Net: net,
		Transform: &data.Transform{
			Columns: features, Missing: data.MissingError, Scale: data.Scale{Kind: data.None},
			Label: &data.Label{Column: -1, Target: data.Classes, Classes: classes},
		},
		Training: model.Training{Program: "mlp", Version: "test"},
	}, model.Tensors(g, arena))
}

func load(tb testing.TB, h *host.Host, name, version, folder string) {
	tb.Helper()
	if err := h.Load(context.Background(), name, version, folder); err != nil {
		tb.Fatal(err)
	}
}

// acquire returns a lease that the caller releases.
func acquire(tb testing.TB, h *host.Host, name, version, label string) host.Lease {
	tb.Helper()
	l, err := h.Acquire("a", []byte(name), []byte(version), []byte(label))
	if err != nil {
		tb.Fatal(err)
	}
	return l
}

// ask is what a handler does: a version of model m predicts rows of 4 numbers.
func ask(h *host.Host, namespace string, deadline time.Time, x ...float32) (answer []float32, version string, err error) {
	l, err := h.Acquire(namespace, []byte("m"), nil, nil)
	if err != nil {
		return nil, "", err
	}
	defer l.Release()
	r, a := request(len(x)/4, x), &protocol.Answer{}
	if err := l.Predict(context.Background(), deadline, r, a); err != nil {
		return nil, "", err
	}
	return a.Outputs[0].F32, l.Version.Version(), nil
}

func request(rows int, x []float32) *protocol.Request { return &protocol.Request{Rows: rows, X: x} }

// random returns n numbers in [-1, 1).
func random(n int, seed uint64) []float32 {
	x := make([]float32, n)
	for i := range x {
		seed = seed*6364136223846793005 + 1442695040888963407
		x[i] = float32(int32(seed>>32)) / (1 << 31)
	}
	return x
}
