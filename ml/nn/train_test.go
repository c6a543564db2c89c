package nn_test

import (
	"errors"
	"math"
	"slices"
	"testing"

	"scalar/bsp/job"
	"scalar/ml/nn"
)

func train(t *testing.T, x *nn.Executor, b nn.Batch) nn.Loss {
	t.Helper()
	l, err := x.Train(b)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestSame checks that weights are packed once for the shards of a step, and anew when they
// have changed.
func TestSame(t *testing.T) {
	g := compile(t, net([]int{5}, "", nn.Layer{Type: nn.Dense, Units: 6, NoBias: true, Activation: "tanh"}, nn.Layer{Type: nn.Dense, Units: 3, NoBias: true}))
	x, e := nn.NewExecutor(g, cpu(t, 1)), draw(t, g, newRand(), 4)
	same := e.Batch
	same.Same = true
	first := train(t, x, e.Batch)
	train(t, x, same) // packs
	for i := range e.Arena {
		e.Arena[i] *= 2
	}
	if l := train(t, x, same); l != first {
		t.Errorf("the loss is %v: want %v of what was packed", l.Sum, first.Sum)
	}
	want := train(t, nn.NewExecutor(g, cpu(t, 1)), e.Batch)
	grads := slices.Clone(e.Grads)
	if l := train(t, x, e.Batch); l != want || l == first || !slices.Equal(grads, e.Grads) {
		t.Errorf("after a change the loss is %v, want %v, before it was %v", l, want, first)
	}
}

// TestDropout checks that factors have the share and the scale that they should, and are the
// same however a batch is cut, and others in each step, layer, row and with each seed.
func TestDropout(t *testing.T) {
	g := compile(t, net([]int{101}, "", nn.Layer{Name: "a", Type: nn.Dropout, Rate: 0.3}, nn.Layer{Name: "b", Type: nn.Dropout, Rate: 0.3},
		nn.Layer{Type: nn.Dense, Units: 2}))
	e := draw(t, g, newRand(), 200)
	factors := func(change func(b *nn.Batch)) []float32 {
		b := e.Batch
		change(&b)
		x := nn.NewExecutor(g, cpu(t, 1))
		train(t, x, b)
		return append(slices.Clone(x.Kept("a")), x.Kept("b")...)
	}
	all := factors(func(*nn.Batch) {})
	dropped := 0
	for _, f := range all {
		switch f {
		case 0:
			dropped++
		case float32(1 / (1 - 0.3)):
		default:
			t.Fatalf("factor %v", f)
		}
	}
	n := float64(len(all))
	if share := float64(dropped) / n; math.Abs(share-0.3) > 5*math.Sqrt(0.21/n) {
		t.Errorf("%v of the values are dropped, want 0.3", share)
	}
	half := len(all) / 2
	for i, f := range all {
		at := i % half
		if drop := nn.Draw(&e.Batch, i/half, e.Row+at/101, at%101) < 0.3; drop != (f == 0) {
			t.Fatalf("factor %d is %v, and its draw says %v", i, f, drop)
		}
	}
	if part := factors(func(b *nn.Batch) {
		b.X, b.Labels, b.Row = b.X.Slice(0, 50, 120), b.Labels[50:120], b.Row+50
	}); !slices.Equal(part[:70*101], all[50*101:120*101]) {
		t.Error("factors of rows 50 to 119 differ in a batch of their own")
	}
	for name, other := range map[string][]float32{
		"step":  factors(func(b *nn.Batch) { b.Step++ })[:half],
		"seed":  factors(func(b *nn.Batch) { b.Seed++ })[:half],
		"row":   factors(func(b *nn.Batch) { b.Row++ })[:half],
		"layer": all[half:],
	} {
		equal := 0
		for i, f := range other {
			if f == all[i] {
				equal++
			}
		}
		n := float64(half)
		if share, want := float64(equal)/n, 0.7*0.7+0.3*0.3; math.Abs(share-want) > 5*math.Sqrt(want*(1-want)/n) {
			t.Errorf("another %s: %v of the factors are the same, want %v", name, share, want)
		}
	}
}

// TestStatistics checks that the sum of shards' gradients has the mean of their means and
// unbiased variances, and that running ones move towards it.
func TestStatistics(t *testing.T) {
	g := compile(t, net([]int{3}, "", nn.Layer{Name: "n", Type: nn.BatchNorm, Momentum: 0.25}, nn.Layer{Type: nn.Dense, Units: 2}))
	e := draw(t, g, newRand(), 12)
	e.Scale = 1.0 / 12
	x := nn.NewExecutor(g, cpu(t, 1))
	sum := make([]float32, g.Size())
	var means, variances [3]float64
	for _, cut := range [][2]int{{0, 5}, {5, 12}} {
		b := e.Batch
		b.X, b.Labels = e.X.Slice(0, cut[0], cut[1]), e.Labels[cut[0]:cut[1]]
		train(t, x, b)
		for i, d := range e.Grads {
			sum[i] += d
		}
		m, v := moments(twinValue{shape: []int{3}, rows: e.x[cut[0]:cut[1]]}, 1)
		n := float64(cut[1] - cut[0])
		for k := range m {
			means[k] += m[k] * n / 12
			variances[k] += v[k] * n / (n - 1) * n / 12
		}
	}
	if w := g.Weights(); w >= g.Size() || w%16 != 0 {
		t.Fatalf("%d of %d values are weights", w, g.Size())
	}
	whole, cut := slices.Clone(e.Arena), slices.Clone(e.Arena)
	g.MoveStatistics(0, whole, sum)
	for from := 0; from < len(cut); from += 21 {
		to := min(from+21, len(cut))
		g.MoveStatistics(from, cut[from:to], sum[from:to])
	}
	if !slices.Equal(whole, cut) {
		t.Error("ranges one by one give other statistics than all at once")
	}
	want := map[string]func(k int) float64{
		"n.mean":     func(k int) float64 { return 0.25 * means[k] },
		"n.variance": func(k int) float64 { return 0.75 + 0.25*variances[k] },
	}
	for p, values := range g.Arrays(whole) {
		if p.Statistic != (want[p.Name] != nil) || p.Statistic != (p.Offset >= g.Weights()) {
			t.Errorf("%+v", p)
		}
		for k, v := range values {
			if was := e.Arena[p.Offset+k]; !p.Statistic && v != was {
				t.Errorf("%s[%d] has moved to %v from %v", p.Name, k, v, was)
			} else if p.Statistic && math.Abs(float64(v)-want[p.Name](k)) > 1e-5 {
				t.Errorf("%s[%d] is %v, want %v", p.Name, k, v, want[p.Name](k))
			}
		}
	}
}

// TestValueErrors checks that rows that no weights would help are the input's fault.
func TestValueErrors(t *testing.T) {
	one := compile(t, net([]int{3}, "", nn.Layer{Type: nn.BatchNorm}, nn.Layer{Type: nn.Dense, Units: 2}))
	words := compile(t, net([]int{3}, "", nn.Layer{Name: "e", Type: nn.Embedding, Vocabulary: 7, Units: 2}, nn.Layer{Type: nn.Flatten}, nn.Layer{Type: nn.Dense, Units: 2}))
	index := func(v float32) func(e *example) { return func(e *example) { e.X.Set(v, 1, 2) } }
	for _, row := range []struct {
		g     *nn.Graph
		rows  int
		spoil func(e *example)
		want  string
	}{
		{one, 1, func(*example) {}, "net: layer batchnorm1: a shard of a step has one row, and so one value of each feature: want two or more, by a larger batch or fewer shards"},
		{words, 2, index(7), "net: layer e: row 1 has 7: want an index from 0 to 6"},
		{words, 2, index(-1), "net: layer e: row 1 has -1: want an index from 0 to 6"},
		{words, 2, index(2.5), "net: layer e: row 1 has 2.5: want an index from 0 to 6"},
		{words, 2, index(float32(math.NaN())), "net: layer e: row 1 has NaN: want an index from 0 to 6"},
		{words, 2, func(e *example) { e.Labels[0] = 2 }, "net: tensor: cross-entropy: row 0 has 2: want 0 to 1"},
	} {
		e := draw(t, row.g, newRand(), row.rows)
		row.spoil(e)
		_, err := nn.NewExecutor(row.g, cpu(t, 1)).Train(e.Batch)
		if f, ok := errors.AsType[*job.Failure](err); !ok || f.Kind != job.FaultInput || err.Error() != row.want {
			t.Errorf("error %v, want %s", err, row.want)
		}
	}
}

// TestDiverged checks that a loss that is no number is said.
func TestDiverged(t *testing.T) {
	g := compile(t, nn.MLP(3, []int{4}, 2))
	e := draw(t, g, newRand(), 4)
	for i := range e.Arena {
		e.Arena[i] *= 1e30
	}
	if l := train(t, nn.NewExecutor(g, cpu(t, 1)), e.Batch); l.Finite {
		t.Errorf("a loss of %v is finite", l.Sum)
	}
}

// TestLeNet5 compares with the known shapes and number of weights.
func TestLeNet5(t *testing.T) {
	g := compile(t, nn.LeNet5(10))
	want := map[string][]int{
		"conv1.weight": {6, 1, 5, 5}, "conv1.bias": {6}, "conv2.weight": {16, 6, 5, 5}, "conv2.bias": {16},
		"dense1.weight": {120, 400}, "dense1.bias": {120}, "dense2.weight": {84, 120}, "dense2.bias": {84},
		"output.weight": {10, 84}, "output.bias": {10},
	}
	for _, p := range g.Params() {
		if !slices.Equal(p.Shape, want[p.Name]) {
			t.Errorf("%s is %v, want %v", p.Name, p.Shape, want[p.Name])
		}
		delete(want, p.Name)
	}
	if len(want) > 0 || g.Count() != 61706 || g.Features() != 784 || g.Outputs() != 10 {
		t.Errorf("missing %v; %d weights, %d features, %d outputs", want, g.Count(), g.Features(), g.Outputs())
	}
}

// TestLearns checks that plain steps down the gradients lead somewhere: to no mistake on the
// rows that LeNet-5 has seen.
func TestLearns(t *testing.T) {
	g := compile(t, nn.LeNet5(4))
	e := draw(t, g, newRand(), 16)
	e.Scale = 1.0 / 16
	x := nn.NewExecutor(g, cpu(t, 2))
	first := train(t, x, e.Batch)
	last := first
	for range 60 {
		last = train(t, x, e.Batch)
		for i, d := range e.Grads {
			e.Arena[i] -= 0.1 * d
		}
	}
	if last.Wrong > 0 || last.Sum > first.Sum/4 {
		t.Errorf("the loss was %+v, is %+v", first, last)
	}
}
