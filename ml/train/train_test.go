package train_test

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"scalar/bsp"
	"scalar/bsp/bsptest"
	"scalar/ml/data"
	"scalar/ml/model"
	"scalar/ml/nn"
	"scalar/ml/opt"
	"scalar/ml/train"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// digits are options for a small net on the handwritten digits.
func digits(tb testing.TB) train.Options {
	tb.Helper()
	dir, err := filepath.Abs("../../examples/digits")
	if err != nil {
		tb.Fatal(err)
	}
	return train.Options{
		Program: "mlp", Options: map[string]string{"hidden": "24"}, Version: "test",
		Input: data.Input{URL: filepath.Join(dir, "train.csv.gz"), Target: data.Classes, Missing: data.MissingError, Scale: data.Auto},
		Net: func(row []int, outputs int) (*nn.Spec, error) {
			return nn.MLP(row[0], []int{24}, outputs), nil
		},
		Optimizer: opt.Config{Rate: .05, Momentum: .9}, Epochs: 3, Batch: 60, Seed: 1, Shards: 6,
		Test: filepath.Join(dir, "test.csv.gz"),
	}
}

func runner(o train.Options) bsp.Runner { return bsp.NewRunner(train.Program(o), bsp.Files()) }

// trained runs a job and returns its model.
func trained(tb testing.TB, cfg bsptest.Config, o train.Options) (model.Model, map[string][]byte) {
	tb.Helper()
	if cfg.Input == "" {
		cfg.Input = o.Input.URL
	}
	files := bsptest.Run(tb, cfg, runner(o)).Files
	var m model.Model
	if err := json.Unmarshal(files[model.ModelFile], &m); err != nil {
		tb.Fatal(err)
	}
	return m, files
}

// TestSameModel: the model is a function of the rows, the options and the shards: not of
// peers, tasks, or a restart.
func TestSameModel(t *testing.T) {
	o := digits(t)
	o.Validation, o.Optimizer = .1, opt.Config{Name: opt.Adam, Rate: .005, Clip: 1, Schedule: opt.Cosine, Warmup: 5}
	_, want := trained(t, bsptest.Config{}, o)
	for _, c := range []bsptest.Config{
		{Peers: 2},
		{Peers: 2, Tasks: 2, RestartAt: 1},
		{Peers: 3, RestartAt: 21}, // the end of the first epoch
		{Peers: 3, Tasks: 2, RestartAt: 22},
		{Peers: 5, Tasks: 5, RestartAt: 50},
		{Peers: 6, Tasks: 3, RestartAt: 62},
	} {
		_, got := trained(t, c, o)
		for name := range want {
			if !bytes.Equal(want[name], got[name]) {
				t.Errorf("%+v: %s differs:\n%.2000s\nwant\n%.2000s", c, name, got[name], want[name])
			}
		}
	}
	o.Shards = 5
	m, other := trained(t, bsptest.Config{Peers: 5}, o)
	if bytes.Equal(other[model.WeightsFile], want[model.WeightsFile]) || m.Training.Loss > 1 {
		t.Errorf("5 shards: loss %v, and the same weights as 6", m.Training.Loss)
	}
}

// TestLearns: the digits are learnt, and what the model says of itself holds.
func TestLearns(t *testing.T) {
	o := digits(t)
	o.Epochs = 12
	m, files := trained(t, bsptest.Config{Peers: 2}, o)
	tr := m.Training
	if tr.Error > .02 || tr.Test == nil || tr.Test.Error > .06 || tr.Test.Rows != 359 || tr.Epochs != 12 || len(tr.History) != 12 || tr.Steps != 12*23 || tr.Data.Rows != 1438 {
		t.Fatalf("%+v", tr)
	}
	for i, e := range tr.History {
		if e.Epoch != i+1 || e.Test == nil || e.Validation != nil {
			t.Errorf("epoch %d: %+v", i, e)
		}
	}
	dir := t.TempDir()
	save(t, dir, files)
	opened, tensors, err := model.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	// Training goes on where it was: from this model the first epoch is as good. A program with a net of
	// its own goes on from one like that.
	o.From, o.Epochs = dir, 1
	for name, change := range map[string]func(o *train.Options){
		"another net": func(o *train.Options) {
			o.Net = func(row []int, outputs int) (*nn.Spec, error) { return nn.MLP(row[0], []int{23}, outputs), nil }
		},
		"numbers": func(o *train.Options) { o.Input.Target = data.Numbers },
	} {
		other := o
		change(&other)
		_, err := bsptest.Try(t, bsptest.Config{Input: o.Input.URL}, runner(other))
		if err == nil || !strings.Contains(err.Error(), "--from "+dir+": its net is not that of a mlp model") {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, like := trained(t, bsptest.Config{Peers: 2}, o)
	o.Net = nil
	again, files := trained(t, bsptest.Config{Peers: 2}, o)
	if again.Training.Test.Error > tr.Test.Error+.02 || opened.Digest == again.Digest || len(tensors) != 4 {
		t.Errorf("from the model: %+v", again.Training)
	}
	if bytes.Equal(files[model.WeightsFile], mustRead(t, filepath.Join(dir, model.WeightsFile))) {
		t.Error("nothing was learnt")
	}
	if !bytes.Equal(files[model.WeightsFile], like[model.WeightsFile]) {
		t.Error("the weights depend on what net was expected")
	}
}

func save(tb testing.TB, dir string, files map[string][]byte) {
	tb.Helper()
	for name, b := range files {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			tb.Fatal(err)
		}
	}
}

func mustRead(tb testing.TB, name string) []byte {
	tb.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// TestKept: with validation the best epoch's model is kept, and training ends early.
func TestKept(t *testing.T) {
	o := digits(t)
	o.Epochs, o.Validation, o.EarlyStop, o.Optimizer = 60, .3, 3, opt.Config{Rate: .4, Momentum: .9}
	m, _ := trained(t, bsptest.Config{Peers: 2, RestartAt: 40}, o)
	tr := m.Training
	best := slices.MinFunc(tr.History, func(a, b model.Epoch) int {
		if a.Validation.Loss < b.Validation.Loss {
			return -1
		}
		return 1
	})
	if tr.Epochs != best.Epoch || *tr.Validation != *best.Validation || len(tr.History) != best.Epoch+3 || !strings.HasPrefix(tr.Stopped, "early: 3 epochs") || tr.Validation.Rows != 431 {
		t.Errorf("epoch %d is kept of %d, stopped %q; the best is %+v", tr.Epochs, len(tr.History), tr.Stopped, best)
	}
}

// TestDiverges: a loss that is no number ends training with the last good model, or none.
func TestDiverges(t *testing.T) {
	o := digits(t)
	o.Optimizer = opt.Config{Rate: 1e30}
	_, err := bsptest.Try(t, bsptest.Config{Peers: 2, Input: o.Input.URL}, runner(o))
	if err == nil || !strings.Contains(err.Error(), "superstep ") || !strings.Contains(err.Error(), "use a smaller --lr") {
		t.Errorf("%v", err)
	}
	// A rate that grows: the squared error of a linear net explodes after the first epochs.
	o.Input.Target, o.Epochs, o.Optimizer = data.Numbers, 40, opt.Config{Rate: 2, Warmup: 1000}
	o.Net = func(row []int, outputs int) (*nn.Spec, error) {
		return &nn.Spec{Input: row, Layers: []nn.Layer{{Type: "dense", Units: outputs}}, Loss: nn.Squared}, nil
	}
	var log bytes.Buffer
	m, _ := trained(t, bsptest.Config{Peers: 2, Log: &log, RestartAt: 30}, o)
	tr := m.Training
	if tr.Stopped != "diverged" || tr.Epochs < 1 || tr.Epochs >= 40 || tr.Epochs != len(tr.History) ||
		!strings.Contains(log.String(), "training has diverged") || strings.Contains(log.String(), "peer=1 superstep") { // one peer says it
		t.Errorf("epoch %d is kept, stopped %q, log %s", tr.Epochs, tr.Stopped, &log)
	}
	// An epoch of one step may end with weights that are no numbers: it is no good one.
	o.Batch = 1 << 20
	for _, rate := range []float64{1, 10, 100, 1e10} {
		o.Optimizer = opt.Config{Rate: rate}
		if m, _ := trained(t, bsptest.Config{Peers: 2}, o); m.Training.Stopped != "diverged" || m.Training.Epochs != len(m.Training.History) {
			t.Errorf("rate %g: stopped %q after epoch %d of %d", rate, m.Training.Stopped, m.Training.Epochs, len(m.Training.History))
		}
	}
}

// TestTwin compares with plain gradient descent in float64.
func TestTwin(t *testing.T) {
	o := digits(t)
	o.Shards, o.Epochs = 1, 2
	m, files := trained(t, bsptest.Config{}, o)
	set, _, err := data.Load(t.Context(), o.Input)
	if err != nil {
		t.Fatal(err)
	}
	w := newTwin(64, 24, 10, initial(t, o, 64, 10))
	losses := []float64{0, 0}
	batches := train.Batches(set.Len(), o.Batch, o.Epochs, o.Seed)
	for i, batch := range batches {
		losses[i*2/len(batches)] += w.step(set, batch, .05, .9)
	}
	for i, e := range m.Training.History {
		if want := losses[i] / float64(len(batches)/2*o.Batch); math.Abs(e.Loss-want) > 1e-5*want {
			t.Errorf("epoch %d: loss %v, plain %v", i+1, e.Loss, want)
		}
	}
	dir := t.TempDir()
	save(t, dir, files)
	_, tensors, err := model.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if worst := farthest(tensors, w.params); worst > 1e-4 || worst == 0 {
		t.Errorf("weights differ by up to %v", worst)
	}
}

// farthest returns by how much a weight differs from its twin, at most.
func farthest(tensors []model.Tensor, twins [][]float64) (worst float64) {
	for i, tensor := range tensors {
		for j, x := range tensor.Data {
			worst = max(worst, math.Abs(float64(x)-twins[i][j]))
		}
	}
	return worst
}

// initial returns the first weights of a net, by parameter.
func initial(tb testing.TB, o train.Options, features, outputs int) [][]float64 {
	tb.Helper()
	spec, err := o.Net([]int{features}, outputs)
	if err != nil {
		tb.Fatal(err)
	}
	g, err := nn.Compile(spec)
	if err != nil {
		tb.Fatal(err)
	}
	arena := make([]float32, g.Size())
	g.Init(arena, o.Seed)
	var all [][]float64
	for _, values := range g.Arrays(arena) {
		var v []float64
		for _, x := range values {
			v = append(v, float64(x))
		}
		all = append(all, v)
	}
	return all
}

func TestSplit(t *testing.T) {
	for _, share := range []float64{0, .1, .5, .999} {
		training, validation := train.Split(1000, share, 3)
		if len(validation) != int(math.Round(1000*share)) || !slices.IsSorted(training) || !slices.IsSorted(validation) {
			t.Errorf("share %v: %d rows of validation", share, len(validation))
		}
		all := slices.Concat(training, validation)
		slices.Sort(all)
		if len(slices.Compact(all)) != 1000 {
			t.Errorf("share %v: rows are lost", share)
		}
	}
	batches := train.Batches(10, 4, 2, 1)
	if len(batches) != 4 || slices.Equal(batches[0], batches[2]) {
		t.Errorf("batches %v", batches)
	}
	for e := range 2 {
		rows := slices.Concat(batches[2*e], batches[2*e+1])
		slices.Sort(rows)
		if len(slices.Compact(rows)) != 8 {
			t.Errorf("epoch %d has rows twice: %v", e, batches)
		}
	}
}

func TestRefused(t *testing.T) {
	for what, row := range map[string]struct {
		change func(o *train.Options)
		peers  int
		want   string
	}{
		"batch":      {func(o *train.Options) { o.Batch, o.Shards = 4, 0 }, 5, "each shard needs one"},
		"shards":     {func(o *train.Options) { o.Shards = 2 }, 3, "2 shards for 3 peers"},
		"validation": {func(o *train.Options) { o.Validation = .99999 }, 1, "all of its 1438 rows are for validation"},
		"splits":     {func(o *train.Options) { o.Splits = 1439 }, 1, "--splits 1439: there are 1438 rows"},
		"label":      {func(o *train.Options) { o.Input.Label = "nothing" }, 2, `no column is named "nothing"`},
		"none held":  {func(o *train.Options) { o.Validation = .0001 }, 1, "--validation 0.0001 of its 1438 rows is none"},
		"from":       {func(o *train.Options) { o.From = "/nothing" }, 1, "/nothing"},
		"net": {func(o *train.Options) {
			o.Net = func([]int, int) (*nn.Spec, error) { return nn.MLP(63, nil, 10), nil }
		}, 1, "63"},
	} {
		o := digits(t)
		row.change(&o)
		_, err := bsptest.Try(t, bsptest.Config{Peers: row.peers, Input: o.Input.URL}, runner(o))
		if err == nil || !strings.Contains(err.Error(), row.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %q", what, err, row.want)
		}
	}
	for want, change := range map[string]func(o *train.Options){
		"--epochs 0":     func(o *train.Options) { o.Epochs = 0 },
		"--batch 0":      func(o *train.Options) { o.Batch = 0 },
		"--shards -1":    func(o *train.Options) { o.Shards = -1 },
		"--splits -1":    func(o *train.Options) { o.Splits = -1 },
		"has no more":    func(o *train.Options) { o.Shards = 61 },
		"--validation 1": func(o *train.Options) { o.Validation = 1 },
		"--early-stop":   func(o *train.Options) { o.EarlyStop = 1 },
		"rate is 0":      func(o *train.Options) { o.Optimizer.Rate = 0 },
	} {
		o := digits(t)
		change(&o)
		if err := o.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
