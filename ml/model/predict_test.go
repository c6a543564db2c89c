package model_test

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"scalar/ml/data"
	"scalar/ml/model"
	"scalar/ml/nn"
	"scalar/tensor"

	"pgregory.net/rapid"
)

func dense(tb testing.TB, x []float32, shape ...int) tensor.Dense[float32] {
	tb.Helper()
	d, err := tensor.From(x, shape...)
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

// random returns n numbers in [-1, 1).
func random(n int, seed uint64) []float32 {
	x := make([]float32, n)
	for i := range x {
		seed = seed*6364136223846793005 + 1442695040888963407
		x[i] = float32(int32(seed>>32)) / (1 << 31)
	}
	return x
}

// A net's answers are those of plain float64 arithmetic, the same bits alone, in a batch, and
// from many goroutines.
func TestPredictNet(t *testing.T) {
	p := predictor(t, golden(t, "digits"))
	const n = 37
	x := random(n*64, 3)
	_, tensors, err := model.Open(t.Context(), golden(t, "digits"))
	if err != nil {
		t.Fatal(err)
	}
	a, err := p.NewExecutor(cpu(t, 2)).Predict(dense(t, x, n, 64))
	if err != nil {
		t.Fatal(err)
	}
	all, classes := slices.Clone(a.Probabilities.Values()), slices.Clone(a.Classes)
	for i := range n {
		want := byHand(x[i*64:(i+1)*64], tensors)
		for c, q := range want {
			if got := float64(all[i*10+c]); math.Abs(got-q) > 1e-5 {
				t.Fatalf("row %d, class %d: %g, want %g", i, c, got, q)
			}
		}
		if want[classes[i]] < slices.Max(want)-1e-5 {
			t.Errorf("row %d: class %d of %v", i, classes[i], want)
		}
	}
	var many sync.WaitGroup
	for worker := range 4 {
		one := cpu(t, 1)
		many.Go(func() {
			e := p.NewExecutor(one)
			for i := range n {
				i = (i*5 + worker) % n
				a, err := e.Predict(dense(t, x[i*64:(i+1)*64], 1, 64))
				if err != nil || !slices.Equal(a.Probabilities.Values(), all[i*10:(i+1)*10]) || a.Classes[0] != classes[i] {
					t.Errorf("row %d alone: %v, %v", i, a, err)
					return
				}
			}
		})
	}
	many.Wait()
	if a, err := p.NewExecutor(cpu(t, 1)).Predict(tensor.New[float32](0, 64)); err != nil || len(a.Classes) != 0 {
		t.Errorf("no rows: %v, %v", a, err)
	}
	_, err = p.NewExecutor(cpu(t, 1)).Predict(tensor.New[float32](1, 63))
	refused(t, err, "want rows of 64 features")
	for i := range 64 {
		x[64+i] = math.MaxFloat32
	}
	_, err = p.NewExecutor(cpu(t, 1)).Predict(dense(t, x[:192], 3, 64))
	if row, ok := errors.AsType[*model.RowError](err); !ok || row.Row != 1 {
		t.Errorf("an overflow: %v", err)
	}
}

// byHand is 64-16-10 with ReLU and softmax in float64.
func byHand(x []float32, tensors []model.Tensor) []float64 {
	layer := func(in []float64, w, b model.Tensor) []float64 {
		out := make([]float64, w.Shape[0])
		for o := range out {
			out[o] = float64(b.Data[o])
			for i, v := range in {
				out[o] += v * float64(w.Data[o*len(in)+i])
			}
		}
		return out
	}
	in := make([]float64, len(x))
	for i, v := range x {
		in[i] = float64(v)
	}
	hidden := layer(in, tensors[0], tensors[1])
	for i, v := range hidden {
		hidden[i] = max(v, 0)
	}
	out, sum := layer(hidden, tensors[2], tensors[3]), 0.
	for i, v := range out {
		out[i] = math.Exp(v)
		sum += out[i]
	}
	for i := range out {
		out[i] /= sum
	}
	return out
}

// clusters makes a predictor of centres.
func clusters(tb testing.TB, metric string, features int, centers []float32) *model.Predictor {
	tb.Helper()
	k := len(centers) / features
	m := &model.Model{Kind: "kmeans", Transform: plain(features), Clusters: &model.Clusters{K: k, Metric: metric}}
	tensors := []model.Tensor{{Name: "centers", Shape: []int{k, features}, Data: centers}}
	if _, err := m.Files(tensors); err != nil {
		tb.Fatal(err)
	}
	p, err := model.NewPredictor(cpu(tb, 1), m, tensors)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func plain(features int) *data.Transform {
	return &data.Transform{Columns: features, Missing: data.MissingError, Scale: data.Scale{Kind: data.None}}
}

// The nearest centre is that of distances in float64 to all centres, whatever their sizes.
func TestNearest(t *testing.T) {
	one := cpu(t, 1)
	rapid.Check(t, func(r *rapid.T) {
		features, k, n := rapid.IntRange(1, 40).Draw(r, "features"), rapid.IntRange(1, 20).Draw(r, "k"), rapid.IntRange(1, 9).Draw(r, "rows")
		seed := rapid.Uint64().Draw(r, "seed")
		far := rapid.SampledFrom([]float32{0, 1, 1e4, 1e18, 1e-30}).Draw(r, "far")
		spread := rapid.SampledFrom([]float32{1, 1e-3, 1e-30}).Draw(r, "spread")
		values := func(n int, seed uint64) []float32 {
			x := random(n, seed)
			for i := range x {
				x[i] = x[i]*spread + far
			}
			return x
		}
		centers, x := values(k*features, seed), values(n*features, seed+1)
		if rapid.Bool().Draw(r, "equal") && k > 1 {
			copy(centers[(k-1)*features:], centers[:features])
		}
		for _, metric := range []string{model.Euclidean, model.Cosine} {
			a, err := clusters(t, metric, features, centers).NewExecutor(one).Predict(dense(t, x, n, features))
			if err != nil {
				r.Fatal(err)
			}
			for i := range n {
				at, d := nearest(metric, x[i*features:(i+1)*features], centers)
				if a.Clusters[i] != int64(at) || math.Abs(float64(a.Distances[i])-d) > 1e-6*math.Max(d, 1e-9) {
					r.Fatalf("%s, row %d: cluster %d at %g, want %d at %g", metric, i, a.Clusters[i], a.Distances[i], at, d)
				}
			}
		}
	})
}

// nearest looks at all centres, in float64.
func nearest(metric string, x, centers []float32) (best int, distance float64) {
	distance = math.Inf(1)
	for k := 0; k*len(x) < len(centers); k++ {
		var squares, dot, xx, cc float64
		for i, v := range x {
			a, c := float64(v), float64(centers[k*len(x)+i])
			squares += (a - c) * (a - c)
			dot, xx, cc = dot+a*c, xx+a*a, cc+c*c
		}
		d := math.Sqrt(squares)
		if metric == model.Cosine {
			d = 1
			if xx > 0 && cc > 0 {
				d = max(1-dot/(math.Sqrt(xx)*math.Sqrt(cc)), 0)
			}
		}
		if d < distance {
			best, distance = k, d
		}
	}
	return best, distance
}

// A row that is farther from all centres than a float32 says has no answer.
func TestDistanceOverflow(t *testing.T) {
	for _, far := range []float32{3e38, -3e38} {
		a, err := clusters(t, model.Euclidean, 2, []float32{0, 1, 2, 3}).NewExecutor(cpu(t, 1)).Predict(dense(t, []float32{1, 1, far, far}, 2, 2))
		if row, ok := errors.AsType[*model.RowError](err); !ok || row.Row != 1 || !strings.Contains(err.Error(), "too large for the model") {
			t.Errorf("%v, %v", a, err)
		}
	}
}

// Of equally near centres it is the first; distances are in the units of the data.
func TestDistance(t *testing.T) {
	a, err := clusters(t, model.Euclidean, 1, []float32{2, 0, 2}).NewExecutor(cpu(t, 1)).Predict(dense(t, []float32{1, 2, -3}, 3, 1))
	if err != nil || !slices.Equal(a.Clusters, []int64{0, 0, 1}) || !slices.Equal(a.Distances, []float32{1, 0, 3}) {
		t.Errorf("%v, %v", a, err)
	}
	a, err = clusters(t, model.Cosine, 2, []float32{0, 0, 0, 5, 3, 0}).NewExecutor(cpu(t, 1)).Predict(dense(t, []float32{0, 0, 2, 2, -1, 0}, 3, 2))
	if err != nil || !slices.Equal(a.Clusters, []int64{0, 1, 0}) || !slices.Equal(a.Distances, []float32{1, float32(1 - math.Sqrt(.5)), 1}) {
		t.Errorf("%v, %v", a, err)
	}
	p := predictor(t, golden(t, "points"))
	x := []float32{100, 100}
	if err := p.Encoder().Batch(x); err != nil {
		t.Fatal(err)
	}
	a, err = p.NewExecutor(cpu(t, 1)).Predict(dense(t, x, 1, 2))
	want := 10. / 3 * math.Sqrt2
	if err != nil || a.Clusters[0] != 1 || math.Abs(float64(a.Distances[0])-want) > 1e-4 {
		t.Errorf("%v, want a distance of %g: %v", a, want, err)
	}
}

// A regression without a bias.
func TestPredictNumber(t *testing.T) {
	tr := plain(2)
	tr.Label = &data.Label{Column: 2, Target: data.Numbers}
	net := &nn.Spec{Input: []int{2}, Loss: nn.Squared, Layers: []nn.Layer{{Type: "dense", Units: 1, NoBias: true}}}
	m := &model.Model{Kind: "linear", Transform: tr, Net: net}
	g := compile(t, net)
	tensors := []model.Tensor{{Name: g.Params()[0].Name, Shape: []int{1, 2}, Data: []float32{2, -3}}}
	if _, err := m.Files(tensors); err != nil {
		t.Fatal(err)
	}
	p, err := model.NewPredictor(cpu(t, 1), m, tensors)
	if err != nil {
		t.Fatal(err)
	}
	a, err := p.NewExecutor(cpu(t, 1)).Predict(dense(t, []float32{1, 1, 0.5, 2}, 2, 2))
	if err != nil || !slices.Equal(a.Predictions, []float32{-1, -5}) || len(a.Classes) > 0 {
		t.Errorf("%v, %v", a, err)
	}
	c, err := m.Clear(tensors)
	if err != nil || !slices.Equal(c.Coefficients[0], []float64{2, -3}) || !slices.Equal(c.Intercepts, []float64{0}) {
		t.Errorf("%v, %v", c, err)
	}
}

// A sparse row has the bits of the row spread out, in any batch.
func TestPredictSparse(t *testing.T) {
	for _, net := range []*nn.Spec{nn.MLP(9, nil, 3), nn.MLP(9, []int{5}, 3), {Input: []int{9}, Layers: []nn.Layer{{Type: "dense", Units: 3, NoBias: true, Activation: "softmax"}}}} {
		text := "a 1:.3 4:7 9:-2\nb 2:1e-3\nc\na 1:1 2:2 3:3 4:4 5:5 6:6 7:7 8:8 9:9.1\n"
		file := filepath.Join(t.TempDir(), "a.svm")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		set, enc := read(t, data.Input{URL: file, Format: data.LIBSVM, Target: data.Classes}, "")
		m, g := &model.Model{Kind: "softmax", Transform: enc.Transform(), Net: net}, compile(t, net)
		arena := make([]float32, g.Size())
		g.Init(arena, 9)
		if _, err := m.Files(model.Tensors(g, arena)); err != nil {
			t.Fatal(err)
		}
		p, err := model.NewPredictor(cpu(t, 1), m, model.Tensors(g, arena))
		if err != nil {
			t.Fatal(err)
		}
		e := p.NewExecutor(cpu(t, 1))
		a, err := e.Predict(rows(set))
		if err != nil {
			t.Fatal(err)
		}
		want, classes := slices.Clone(a.Logits.Values()), slices.Clone(a.Classes)
		for n := range 5 {
			for first := range 5 - n {
				a, err := e.PredictRows(set, first, n)
				if err != nil || !slices.Equal(a.Logits.Values(), want[3*first:3*(first+n)]) || !slices.Equal(a.Classes, classes[first:first+n]) {
					t.Fatalf("%d rows from %d: %v, want %v: %v", n, first, a, want, err)
				}
			}
		}
	}
}
