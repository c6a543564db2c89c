package nn_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"scalar/ml/nn"
	"scalar/tensor"
)

// TestShifted checks gradients of batches whose rows are mostly like a base, where layers multiply what is not, and that all others take
// no notice of it.
func TestShifted(t *testing.T) {
	type l = nn.Layer
	for name, row := range map[string]struct {
		spec  *nn.Spec
		rows  int
		takes bool
	}{
		"mlp": {nn.MLP(5, []int{64, 4}, 3), 40, true},
		"others at the input too": {net([]int{4}, "squared", l{Name: "a", Type: "dense", Units: 66, NoBias: true, Activation: "gelu"},
			l{Name: "b", Type: "dense", Units: 65, Activation: "relu", From: []string{"input"}}, l{Name: "c", Type: "dense", Units: 3, From: []string{"input"}},
			l{Name: "d", Type: "concat", From: []string{"a", "b", "c", "input"}}, l{Type: "dense", Units: 2}), 33, true},
		"rows in a shape":  {net([]int{1, 2, 3}, "", l{Type: "flatten"}, l{Type: "dense", Units: 66}, l{Type: "dense", Units: 3}), 32, true},
		"few rows":         {nn.MLP(5, []int{64, 4}, 3), 15, false},
		"few units":        {nn.MLP(5, []int{63}, 3), 40, false},
		"not at the input": {net([]int{4}, "", l{Type: "tanh"}, l{Type: "dense", Units: 65}, l{Type: "dense", Units: 3}), 40, false},
	} {
		t.Run(name, func(t *testing.T) {
			g := compile(t, row.spec)
			if g.Shifts() != (row.takes || name == "few rows") {
				t.Errorf("whether a base is of use is %v", g.Shifts())
			}
			var first []float32
			for _, cores := range []int{1, 3} {
				r := newRand()
				e := draw(t, g, r, row.rows)
				base := make([]float32, g.Features())
				for k := range base[1:] {
					base[k] = float32(r.NormFloat64())
				}
				for i := range e.x {
					for k, v := range base {
						if r.IntN(5) > 0 {
							e.x[i][k], e.X.Values()[i*len(base)+k] = float64(v), v
						}
					}
				}
				x := nn.NewExecutor(g, cpu(t, cores))
				train(t, x, e.Batch)
				plain := slices.Clone(e.Grads)
				e.Base = base
				checkGradients(t, x, e, train(t, x, e.Batch))
				if same := slices.Equal(plain, e.Grads); same == row.takes {
					t.Errorf("gradients with and without the base are equal: %v", same)
				}
				if first == nil {
					first = slices.Clone(e.Grads)
				} else if !slices.Equal(first, e.Grads) {
					t.Errorf("%d cores give other gradients than one", cores)
				}
				checkTurned(t, nn.NewTurned(g, cpu(t, cores)), e.Batch, e.Grads)
				e.Base = nil
				checkTurned(t, nn.NewTurned(g, cpu(t, cores)), e.Batch, plain)
			}
		})
	}
	g := compile(t, nn.MLP(9, []int{64}, 3))
	e := draw(t, g, newRand(), 40)
	e.Base = make([]float32, 8)
	if _, err := nn.NewExecutor(g, cpu(t, 1)).Train(e.Batch); err == nil || err.Error() != "net: the base has 8 values: want 9" {
		t.Errorf("%v", err)
	}
}

// checkTurned checks that weights that lie by input give the same gradients and answers.
func checkTurned(t *testing.T, x *nn.Executor, b nn.Batch, want []float32) {
	t.Helper()
	g := x.Graph()
	answers := func(x *nn.Executor) []float32 {
		out, err := x.Infer(b.Arena, b.X)
		if err != nil {
			t.Fatal(err)
		}
		return slices.Clone(out.Values())
	}
	right := answers(nn.NewExecutor(g, cpu(t, 1)))
	was := b.Arena
	b.Arena, b.Grads = slices.Clone(was), make([]float32, g.Size())
	g.Turn(b.Arena)
	if slices.Equal(was, b.Arena) == g.Shifts() {
		t.Errorf("turned weights are as they were, where a base is of use: %v", g.Shifts())
	}
	train(t, x, b)
	if !slices.Equal(answers(x), right) {
		t.Error("turned weights give other answers")
	}
	g.TurnBack(b.Grads)
	if !slices.Equal(b.Grads, want) {
		t.Error("turned weights give other gradients")
	}
	if g.TurnBack(b.Arena); !slices.Equal(was, b.Arena) {
		t.Error("weights that were turned twice are others")
	}
}

// BenchmarkShifted is a step of a net of one hidden layer, without an optimiser, as rows are and by what they differ in from a base: the table of
// docs/decisions/0042. The ratio is that of the medians, measured in turns.
func BenchmarkShifted(b *testing.B) {
	for _, rows := range []int{16, 32, 128} {
		for _, units := range []int{32, 64, 256} {
			for _, part := range []float64{.02, .1, .2, .3, .4} {
				b.Run(fmt.Sprintf("rows=%d/units=%d/part=%g", rows, units, part), func(b *testing.B) { benchShifted(b, rows, units, part) })
			}
		}
	}
}

func benchShifted(b *testing.B, rows, units int, part float64) {
	b.Helper()
	g, err := nn.Compile(nn.MLP(784, []int{units}, 10))
	if err != nil {
		b.Fatal(err)
	}
	c, err := tensor.NewCPU(tensor.Config{Cores: 1})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	r, base := newRand(), make([]float32, g.Features())
	batch := nn.Batch{Arena: make([]float32, g.Size()), Grads: make([]float32, g.Size()), X: tensor.New[float32](rows, g.Features()), Labels: make([]int32, rows)}
	g.Init(batch.Arena, 1)
	for i := range batch.X.Values() {
		if r.Float64() < part {
			batch.X.Values()[i] = float32(r.NormFloat64())
		}
	}
	var times [2][]float64
	x := [2]*nn.Executor{nn.NewExecutor(g, c), nn.NewTurned(g, c)}
	for b.Loop() {
		for k, base := range [][]float32{nil, base} {
			batch.Base = base
			began := time.Now()
			if _, err := x[k].Train(batch); err != nil {
				b.Fatal(err)
			}
			times[k] = append(times[k], time.Since(began).Seconds())
		}
	}
	for k := range times {
		slices.Sort(times[k])
	}
	half := len(times[0]) / 2
	b.ReportMetric(times[1][half]/times[0][half], "shifted/dense")
	b.ReportMetric(times[1][half]*1e6, "µs-shifted")
}

// TestCoded: rows of bytes give what their numbers do, to the bit, and only where nothing else takes them.
func TestCoded(t *testing.T) {
	type l = nn.Layer
	both := net([]int{70}, "", l{Name: "a", Type: "dense", Units: 66}, l{Name: "b", Type: "dense", Units: 64, From: []string{"input"}}, l{Type: "concat", From: []string{"a", "b"}}, l{Type: "dense", Units: 3})
	beside := net([]int{70}, "", l{Name: "a", Type: "dense", Units: 66}, l{Type: "concat", From: []string{"a", "input"}}, l{Type: "dense", Units: 3})
	for name, row := range map[string]struct {
		spec     *nn.Spec
		rows     int
		features int
		takes    bool
	}{
		"mlp":           {nn.MLP(70, []int{64, 4}, 3), 40, 70, true},
		"two layers":    {both, 33, 70, true},
		"whole rows":    {beside, 40, 70, false},
		"few rows":      {nn.MLP(70, []int{64, 4}, 3), 15, 70, false},
		"few units":     {nn.MLP(70, []int{63}, 3), 40, 70, false},
		"short rows":    {nn.MLP(70, []int{64}, 3), 40, 69, false},
		"none in a net": {nn.MLP(70, []int{64}, 3), 0, 70, true},
	} {
		t.Run(name, func(t *testing.T) {
			g, r := compile(t, row.spec), newRand()
			var numbers [256]float32
			for i := range numbers {
				numbers[i] = float32(r.NormFloat64())
			}
			base := make([]float32, row.features)
			for i := range base {
				base[i] = numbers[i]
			}
			coded := tensor.NewCoded(tensor.NewTable(&numbers), base)
			e := draw(t, g, r, row.rows)
			for i := range row.rows {
				codes := make([]byte, row.features)
				coded.Add(codes)
				for c := range codes {
					at := byte(c)
					if r.IntN(5) == 0 {
						at = byte(r.IntN(256))
					}
					codes[c], e.X.Values()[i*g.Features()+c] = at, numbers[at]
				}
			}
			x := nn.NewTurned(g, cpu(t, 1))
			e.Base = base
			b := e.Batch
			b.X, b.Base, b.Coded = tensor.Dense[float32]{}, nil, coded
			if !row.takes {
				if _, err := x.Train(b); err == nil {
					t.Error("no error")
				}
				return
			}
			want := train(t, x, e.Batch)
			grads := slices.Clone(e.Grads)
			clear(e.Grads)
			if got := train(t, x, b); got != want || !slices.Equal(e.Grads, grads) {
				t.Errorf("the loss is %v, want %v; gradients are equal: %v", got, want, slices.Equal(e.Grads, grads))
			}
		})
	}
}
