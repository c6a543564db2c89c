package linear_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"scalar/bsp"
	"scalar/bsp/bsptest"
	"scalar/bsp/job"
	"scalar/ml/data"
	"scalar/ml/linear"
	"scalar/ml/model"
	"scalar/ml/nn"
	"scalar/ml/opt"
	"scalar/ml/train"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func runner(o linear.Options) bsp.Runner { return bsp.NewRunner(linear.Program(o), bsp.Files()) }

// learnt is a model as a program has written it.
type learnt struct {
	*model.Model
	numbers []float64
}

func opened(tb testing.TB, r bsp.Result, f linear.Form) learnt {
	tb.Helper()
	m, tensors, err := model.Open(tb.Context(), folder(tb, r))
	if err != nil {
		tb.Fatal(err)
	}
	g, err := nn.Compile(m.Net)
	if err != nil {
		tb.Fatal(err)
	}
	arena, err := model.Arena(g, tensors)
	if err != nil {
		tb.Fatal(err)
	}
	numbers, err := f.Model(g, arena)
	if err != nil {
		tb.Fatal(err)
	}
	return learnt{m, numbers}
}

// folder writes a result's files.
func folder(tb testing.TB, r bsp.Result) string {
	tb.Helper()
	dir := tb.TempDir()
	for name, b := range r.Files {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	return dir
}

// sameEverywhere fails unless the files are those of want for any peers, tasks and restarts.
func sameEverywhere(t *testing.T, o linear.Options, input string, want bsp.Result) {
	t.Helper()
	configs := []bsptest.Config{{Peers: 2}, {Peers: 2, Tasks: 2}, {Peers: 3, Tasks: 2}, {Peers: 5}}
	if n := want.Supersteps; n > 0 {
		configs = append(configs, bsptest.Config{Peers: 3, Tasks: 2, RestartAt: 1}, bsptest.Config{Peers: 5, RestartAt: (n + 1) / 2}, bsptest.Config{Peers: 1, RestartAt: n})
	}
	if o.Way != linear.SGD || o.Splits > 0 { // else they are what the memory wants
		configs = append(configs, bsptest.Config{Peers: 2, Arena: 5000}, bsptest.Config{Peers: 3, Tasks: 2, Arena: 1})
	}
	for _, c := range configs {
		c.Input = input
		got := bsptest.Run(t, c, runner(o))
		for name, b := range want.Files {
			if string(got.Files[name]) != string(b) {
				t.Errorf("%d peers in %d tasks, restart at %d: %s differs:\n%s\n%s", c.Peers, c.Tasks, c.RestartAt, name, got.Files[name], b)
			}
		}
	}
}

// regression is a file of measurements with a number to learn.
func regression(tb testing.TB) (file string, x [][]float32, y []float64) {
	tb.Helper()
	var b strings.Builder
	b.WriteString("a,b,c,d,y\n")
	for i := range 442 {
		row := []float32{float32(i%17) - 8, float32((i*i)%31) / 7, 1000 + float32(i%5), float32(math.Sin(float64(i)))}
		target := 150 + 3*float64(row[0]) - 2*float64(row[1]) + 0.5*float64(row[2]) + 10*math.Cos(float64(7*i))
		x, y = append(x, row), append(y, target)
		for _, v := range row {
			fmt.Fprintf(&b, "%v,", v)
		}
		fmt.Fprintf(&b, "%v\n", target)
	}
	file = filepath.Join(tb.TempDir(), "r.csv")
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		tb.Fatal(err)
	}
	return file, x, y
}

func TestNormal(t *testing.T) {
	file, x, y := regression(t)
	o := linear.Options{Program: "linear", Options: map[string]string{}, Way: linear.Normal, Shards: 5, L2: 0.01}
	r := bsptest.Run(t, bsptest.Config{Input: file}, runner(o))
	m := opened(t, r, linear.Form{Features: 4, Outputs: 1})
	// At the minimum the slopes are 0.
	g, squares := make([]float64, 5), 0.0
	for i, row := range x {
		d := m.numbers[4] - y[i]
		for j, v := range row {
			d += float64(v) * m.numbers[j]
		}
		squares += d * d
		for j, v := range row {
			g[j] += d * float64(v) / float64(len(x))
		}
		g[4] += d / float64(len(x))
	}
	for j, v := range g {
		if j < 4 {
			v += 0.01 * m.numbers[j]
		}
		if math.Abs(v) > 0.05 { // weights are rounded to float32 beside values of 1000
			t.Errorf("slope %d is %g", j, v)
		}
	}
	if want := squares / 442; math.Abs(m.Training.Loss-want) > 1e-3*want || math.Abs(m.Training.Error-math.Sqrt(want)) > 1e-3*want {
		t.Errorf("loss %g and error %g, want %g and its root", m.Training.Loss, m.Training.Error, want)
	}
	sameEverywhere(t, o, file, r)
}

// search runs L-BFGS on an example and returns the model, with the book's slopes there.
func searched(t *testing.T, e example, sparse bool, o linear.Options, f linear.Form) (learnt, []float64, bsp.Result, string) {
	t.Helper()
	file := e.file(t, sparse)
	o.Options, o.Input = map[string]string{}, e.input(sparse)
	r := bsptest.Run(t, bsptest.Config{Input: file}, runner(o))
	m := opened(t, r, f)
	_, g := e.loss(e.set(t, sparse), f, m.numbers, o.L2)
	return m, g, r, file
}

// TestLBFGS: at what L-BFGS ends with, the book's slopes are small, for dense and for sparse
// rows, which give the same model.
func TestLBFGS(t *testing.T) {
	for _, c := range []struct {
		program        string
		classes, first int
	}{{"logistic", 2, 1}, {"softmax", 3, 0}} {
		e := newExample(900, 8, c.classes, 0)
		f := linear.Form{Features: 8, Outputs: c.classes, First: c.first}
		models := make([][]float64, 0, 2)
		for _, sparse := range []bool{false, true} {
			o := linear.Options{Program: c.program, Way: linear.LBFGS, L2: 0.01, Iterations: 200, Tolerance: 1e-6, Shards: 5}
			m, g, r, file := searched(t, e, sparse, o, f)
			for i, v := range g {
				if math.Abs(v) > 2e-5 {
					t.Errorf("%s, sparse %v: slope %d is %g", c.program, sparse, i, v)
				}
			}
			if m.Training.Error > 0.4 || m.Training.Steps > 80 || m.Kind != c.program {
				t.Errorf("%s: %+v", m.Kind, m.Training)
			}
			models = append(models, m.numbers)
			o.Options, o.Input = map[string]string{}, e.input(sparse)
			sameEverywhere(t, o, file, r)
		}
		e.sameClasses(t)
		for i := range models[0] {
			if math.Abs(models[0][i]-models[1][i]) > 1e-3 {
				t.Errorf("%s: number %d is %g for dense rows, %g for sparse ones", c.program, i, models[0][i], models[1][i])
			}
		}
	}
}

// TestRareColumns: columns of different units, and some that hardly ever differ from 0, take
// L-BFGS no more steps, with a penalty and without.
func TestRareColumns(t *testing.T) {
	e := newExample(1000, 6, 2, 0)
	for i, x := range e.x {
		rare := make([]float64, 10)
		if i%100 == 7 {
			rare[i/100%10] = 0.01
		}
		x[0] *= 1e3
		x[1] *= 1e-2
		e.x[i] = append(x, rare...)
	}
	f := linear.Form{Features: 16, Outputs: 2, First: 1}
	for _, l2 := range []float64{0.001, 1} {
		o := linear.Options{Program: "logistic", Way: linear.LBFGS, L2: l2, Iterations: 200, Tolerance: 1e-5}
		m, _, _, _ := searched(t, e, false, o, f)
		if m.Training.Steps > 25 || m.Training.Stopped != "" {
			t.Errorf("penalty %g: %d evaluations, stopped %q", l2, m.Training.Steps, m.Training.Stopped)
		}
	}
}

// sameClasses: both formats number the classes alike, so that models can be compared.
func (e example) sameClasses(t *testing.T) {
	t.Helper()
	if a, b := fmt.Sprint(e.set(t, false).Classes()), fmt.Sprint(e.set(t, true).Classes()); a != b {
		t.Errorf("classes %s and %s", a, b)
	}
}

// optimizer is plain gradient descent.
func optimizer(t *testing.T, rate float64) *opt.Optimizer {
	t.Helper()
	o, err := opt.New(opt.Config{Rate: rate})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// TestSGD: gradient descent on sparse rows comes to what the trainer of nets comes to on the
// same rows, spread out.
func TestSGD(t *testing.T) {
	e := newExample(600, 10, 3, 0)
	file := e.file(t, true)
	in := data.Input{Scale: data.None}
	o := linear.Options{
		Program: "softmax", Options: map[string]string{}, Input: in, Way: linear.SGD, Seed: 7, Shards: 5, Epochs: 4, Batch: 50, Optimizer: optimizer(t, 0.05),
		Validation: 0.2, Test: file,
	}
	r := bsptest.Run(t, bsptest.Config{Input: file}, runner(o))
	f := linear.Form{Features: 10, Outputs: 3}
	m := opened(t, r, f)
	in.Target = data.Classes
	want := opened(t, bsptest.Run(t, bsptest.Config{Input: file}, bsp.NewRunner(train.Program(train.Options{
		Program: "softmax", Options: map[string]string{}, Input: in, Net: func(row []int, outputs int) (*nn.Spec, error) { return nn.MLP(row[0], nil, outputs), nil },
		Optimizer: opt.Config{Rate: 0.05}, Epochs: 4, Batch: 50, Seed: 7, Shards: 5, Validation: 0.2, Test: file,
	}), bsp.Files())), f)
	for i, v := range m.numbers {
		if math.Abs(v-want.numbers[i]) > 1e-4 {
			t.Errorf("number %d is %g, of the net %g", i, v, want.numbers[i])
		}
	}
	if len(m.Training.History) != 4 {
		t.Fatalf("%d epochs", len(m.Training.History))
	}
	for i, e := range m.Training.History {
		w := want.Training.History[i]
		if math.Abs(e.Loss-w.Loss) > 1e-4 || math.Abs(e.Validation.Loss-w.Validation.Loss) > 1e-4 || math.Abs(e.Test.Loss-w.Test.Loss) > 1e-4 || e.Error != w.Error {
			t.Errorf("epoch %d is %+v, of the net %+v", i+1, e, w)
		}
	}
	sameEverywhere(t, o, file, r)
	o.Splits = 3
	other := bsptest.Run(t, bsptest.Config{Input: file}, runner(o))
	if m := opened(t, other, f); m.Training.Options["splits"] != "3" || m.Training.Loss > want.Training.Loss*1.1 {
		t.Errorf("3 splits: %+v", m.Training)
	}
	if string(other.Files[model.WeightsFile]) == string(r.Files[model.WeightsFile]) {
		t.Error("3 splits have the weights of one")
	}
	sameEverywhere(t, o, file, other)
}

// TestDecay: weights shrink by the penalty in every step, whether their columns are touched or
// not, and intercepts do not: beside the same in a loop.
func TestDecay(t *testing.T) {
	e := newExample(200, 6, 2, 0)
	file, set := e.file(t, true), e.set(t, true)
	const rate, l2, batch, epochs = 0.3, 0.9, 20, 3
	o := linear.Options{
		Program: "logistic", Options: map[string]string{}, Input: data.Input{Scale: data.None}, Way: linear.SGD, L2: l2, Shards: 2, Epochs: epochs, Batch: batch,
		Optimizer: optimizer(t, rate), Seed: 3,
	}
	f := linear.Form{Features: 6, Outputs: 2, First: 1}
	m := opened(t, bsptest.Run(t, bsptest.Config{Input: file}, runner(o)), f)
	g, err := nn.Compile(f.Net())
	if err != nil {
		t.Fatal(err)
	}
	arena := make([]float32, g.Size())
	g.Init(arena, 3)
	w, err := f.Model(g, arena)
	if err != nil {
		t.Fatal(err)
	}
	plan := train.NewPlan(linear.All(set), batch, 3)
	for step := range epochs * plan.Steps() {
		rows := stepRows(t, plan, step)
		part := example{}
		labels := make([]int, 0, batch)
		for _, i := range rows {
			part.x = append(part.x, e.x[i])
			labels = append(labels, set.Class(int(i)))
		}
		slopes := bookSlopes(part.x, labels, w)
		for j := range 6 {
			w[j] -= rate * l2 * w[j]
		}
		for j, v := range slopes {
			w[j] -= rate * v
		}
	}
	for i, v := range m.numbers {
		if math.Abs(v-w[i]) > 1e-5*(1+math.Abs(w[i])) {
			t.Errorf("number %d is %g, want %g", i, v, w[i])
		}
	}
}

// bookSlopes is the gradient of the mean loss of logistic regression.
func bookSlopes(x [][]float64, labels []int, w []float64) []float64 {
	g, f := make([]float64, len(w)), len(w)-1
	for i, row := range x {
		z := w[f]
		for j, v := range row {
			z += v * w[j]
		}
		d := (1/(1+math.Exp(-z)) - float64(labels[i])) / float64(len(x))
		for j, v := range row {
			g[j] += d * v
		}
		g[f] += d
	}
	return g
}

// TestMillion: a million features of which rows have a few are learnt by both ways.
func TestMillion(t *testing.T) {
	var b strings.Builder
	for i := range 400 {
		fmt.Fprintf(&b, "%d", i%2)
		for k := range 5 {
			fmt.Fprintf(&b, " %d:1", 1+(i*7919+k*100003)%900000/2*2+i%2) // odd columns are of one class
		}
		b.WriteString(" 1000000:0.5\n")
	}
	file := filepath.Join(t.TempDir(), "m.libsvm")
	sorted := sortEntries(b.String())
	if err := os.WriteFile(file, []byte(sorted), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, o := range []linear.Options{
		{Program: "logistic", Way: linear.SGD, Epochs: 3, Batch: 20, Optimizer: optimizer(t, 5), L2: 1e-6},
		{Program: "logistic", Way: linear.LBFGS, Iterations: 10, Tolerance: 1e-4},
	} {
		o.Options, o.Input = map[string]string{}, data.Input{Scale: data.None}
		m := opened(t, bsptest.Run(t, bsptest.Config{Peers: 2, Input: file}, runner(o)), linear.Form{Features: 1000000, Outputs: 2, First: 1})
		if m.Training.Error > 0.01 {
			t.Errorf("%s: error %g, loss %g", o.Way, m.Training.Error, m.Training.Loss)
		}
	}
}

func TestFrom(t *testing.T) {
	e := newExample(300, 5, 2, 0)
	for _, sparse := range []bool{false, true} {
		f := linear.Form{Features: 5, Outputs: 2, First: 1}
		o := linear.Options{Program: "logistic", Way: linear.LBFGS, L2: 0.01, Iterations: 100, Tolerance: 1e-6}
		m, _, r, file := searched(t, e, sparse, o, f)
		o.Options, o.Input, o.From = map[string]string{}, e.input(sparse), folder(t, r)
		o.Tolerance = 1e-4
		again := opened(t, bsptest.Run(t, bsptest.Config{Input: file}, runner(o)), f)
		if again.Training.Steps != 1 {
			t.Errorf("sparse %v: from its own end it takes %d evaluations, want 1", sparse, again.Training.Steps)
		}
		for i, v := range again.numbers {
			if math.Abs(v-m.numbers[i]) > 1e-6 {
				t.Errorf("sparse %v: number %d is %g, was %g", sparse, i, v, m.numbers[i])
			}
		}
	}
}

func TestRefuses(t *testing.T) {
	numbers, _, _ := regression(t)
	three := newExample(50, 4, 3, 0).file(t, true)
	search := linear.Options{Program: "softmax", Options: map[string]string{}, Way: linear.LBFGS, Iterations: 1, Tolerance: 1}
	classes := folder(t, bsptest.Run(t, bsptest.Config{Input: three}, runner(search)))
	one := filepath.Join(t.TempDir(), "one.csv")
	if err := os.WriteFile(one, []byte("1,a\n2,a\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		o     linear.Options
		input string
		want  string
	}{
		"three classes":     {linear.Options{Program: "logistic", Way: linear.LBFGS, Iterations: 1, Tolerance: 1}, three, "there are 3 classes"},
		"one class":         {linear.Options{Program: "softmax", Way: linear.LBFGS, Iterations: 1, Tolerance: 1}, one, `all rows have the label "a"`},
		"texts":             {linear.Options{Program: "linear", Way: linear.Normal}, one, "a.csv"},
		"no model":          {linear.Options{Program: "softmax", Way: linear.LBFGS, From: "/nowhere/m", Iterations: 1, Tolerance: 1}, three, "/nowhere/m"},
		"too fast":          {linear.Options{Program: "linear", Way: linear.SGD, Epochs: 9, Batch: 10, Optimizer: optimizer(t, 1e30)}, sparseNumbers(t), "--lr"},
		"shards of a batch": {linear.Options{Program: "linear", Way: linear.SGD, Epochs: 9, Batch: 10, Shards: 11, Optimizer: optimizer(t, 1)}, sparseNumbers(t), "smaller"},
		"no class":          {linear.Options{Program: "linear", Way: linear.SGD, From: classes, Epochs: 1, Batch: 10, Optimizer: optimizer(t, 1)}, three, "its net is not that of a linear model"},
		"none held out":     {linear.Options{Program: "linear", Way: linear.Normal, Validation: 0.0001}, numbers, "--validation 0.0001 of its"},
		"all held out":      {linear.Options{Program: "linear", Way: linear.Normal, Validation: 0.9999}, numbers, "for validation"},
	} {
		c.o.Options = map[string]string{}
		_, err := bsptest.Try(t, bsptest.Config{Input: c.input}, runner(c.o))
		f := job.AsFailure(err, job.FaultInternal)
		want := strings.Replace(c.want, "a.csv", filepath.Base(c.input), 1)
		if name == "shards of a batch" {
			want = "use fewer peers or shards"
		}
		if err == nil || !strings.Contains(f.Message, want) || f.Kind != job.FaultInput {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
	for _, o := range []linear.Options{
		{L2: -1},
		{Shards: -1},
		{Splits: -1, Way: linear.SGD, Epochs: 1, Batch: 1},
		{Validation: 1},
		{EarlyStop: -1, Way: linear.SGD},
		{EarlyStop: 1, Way: linear.SGD},
		{EarlyStop: 1, Validation: 0.1, Way: linear.LBFGS},
		{From: "x", Way: linear.Normal},
		{Way: linear.LBFGS, Tolerance: 1},
		{Way: linear.LBFGS, Iterations: 1},
		{Way: linear.SGD, Batch: 1},
		{Way: linear.SGD, Epochs: 1},
		{Way: linear.SGD, Epochs: 1, Batch: 1, Shards: 2},
	} {
		if f := job.AsFailure(o.Check(), job.FaultInternal); o.Check() == nil || f.Code != job.ExitUsage {
			t.Errorf("%+v: %v", o, o.Check())
		}
	}
}

// TestDiverges: the last model whose numbers are finite is kept, and the log says so.
func TestDiverges(t *testing.T) {
	for _, rate := range []float64{1, 10, 100, 1e10} {
		for _, batch := range []int{7, 100} { // an epoch of one step ends with the step that is too much
			var log bytes.Buffer
			o := linear.Options{Program: "linear", Options: map[string]string{}, Way: linear.SGD, Epochs: 99, Batch: batch, Optimizer: optimizer(t, rate/float64(100/batch)/100)}
			r, err := bsptest.Try(t, bsptest.Config{Peers: 2, Input: sparseNumbers(t), Log: &log}, runner(o))
			if f := job.AsFailure(err, job.FaultInternal); err != nil && (batch == 100 || !strings.Contains(f.Message, "of epoch 1: the loss is not a number any more")) {
				t.Errorf("rate %g, batches of %d: %v", rate, batch, err)
			}
			if err != nil {
				continue
			}
			m := opened(t, r, linear.Form{Features: 3, Outputs: 1})
			if m.Training.Stopped != "diverged" || m.Training.Epochs != len(m.Training.History) || strings.Count(log.String(), "training has diverged") != 1 {
				t.Errorf("rate %g, batches of %d: stopped %q after epoch %d of %d, log %s", rate, batch, m.Training.Stopped, m.Training.Epochs, len(m.Training.History), &log)
			}
		}
	}
}

// TestTold: while sparse rows are trained on, people see loss, error and how fast it goes.
func TestTold(t *testing.T) {
	o := linear.Options{Program: "linear", Options: map[string]string{}, Way: linear.SGD, Epochs: 1 << 20, Batch: 10, Optimizer: optimizer(t, 1e-5)}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	told := regexp.MustCompile(`^epoch \d+/1048576, loss [0-9.e+-]+, error [0-9.e+-]+, [0-9,]+ samples/s$`)
	seen := false
	_, _, err := bsp.RunLocal(ctx, runner(o), bsp.LocalConfig{
		Spec:       job.Spec{Peers: 2, Input: sparseNumbers(t), Output: filepath.Join(t.TempDir(), "m")},
		ScratchDir: t.TempDir(), Stderr: io.Discard,
		Progress: func(p bsp.Progress) {
			if told.MatchString(p.Note) {
				seen = true
				cancel() // else it takes hours
			}
		},
	})
	if f := job.AsFailure(err, job.FaultInternal); !seen || f.Code != job.ExitStopped {
		t.Errorf("seen %v: %v", seen, err)
	}
}

// sparseNumbers is LIBSVM with numbers to learn.
func sparseNumbers(tb testing.TB) string {
	tb.Helper()
	var b strings.Builder
	for i := range 100 {
		fmt.Fprintf(&b, "%g 1:%d 3:%d\n", float64(i)*1.5, i, i%7)
	}
	file := filepath.Join(tb.TempDir(), "n.libsvm")
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		tb.Fatal(err)
	}
	return file
}
