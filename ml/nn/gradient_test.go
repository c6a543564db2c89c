package nn_test

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"testing"

	"scalar/ml/nn"
	"scalar/tensor"
)

// An example is a batch and what it is for, in both precisions.
type example struct {
	nn.Batch
	x, targets [][]float64
}

// draw returns a batch for a net, with values that fit its first layer.
func draw(t *testing.T, g *nn.Graph, r *rand.Rand, rows int) *example {
	t.Helper()
	e := &example{Batch: nn.Batch{
		Arena: make([]float32, g.Size()), Grads: make([]float32, g.Size()), X: tensor.New[float32](rows, g.Features()),
		Scale: 0.125, Seed: 11, Step: 5, Row: 3,
	}}
	g.Init(e.Arena, 42)
	values := e.X.Values()
	for i := range rows {
		row := make([]float64, g.Features())
		for k := range row {
			x := float32(r.NormFloat64())
			if l := g.Spec().Layers[0]; l.Type == "embedding" {
				x = float32(r.IntN(l.Vocabulary))
			}
			row[k], values[i*len(row)+k] = float64(x), x
		}
		e.x = append(e.x, row)
		if g.Loss() == nn.CrossEntropy {
			e.Labels = append(e.Labels, int32(r.IntN(g.Outputs())))
			continue
		}
		target := make([]float64, g.Outputs())
		for k := range target {
			y := float32(r.NormFloat64())
			target[k], e.Targets = float64(y), append(e.Targets, y)
		}
		e.targets = append(e.targets, target)
	}
	for i := range e.Grads {
		e.Grads[i] = float32(math.NaN()) // all of them are to be set
	}
	return e
}

func net(input []int, loss string, layers ...nn.Layer) *nn.Spec {
	return &nn.Spec{Input: input, Loss: loss, Layers: layers}
}

// nets are the nets whose gradients are checked.
func nets() map[string]*nn.Spec {
	type l = nn.Layer
	all := map[string]*nn.Spec{
		"softmax regression": nn.MLP(7, nil, 3),
		"mlp":                nn.MLP(7, []int{9, 5}, 3),
		"no bias": net([]int{4}, "squared",
			l{Type: "dense", Units: 3, NoBias: true, Activation: "tanh"}, l{Type: "dense", Units: 2}),
		"activations by themselves": net([]int{5}, "",
			l{Name: "a", Type: "dense", Units: 6}, l{Name: "r", Type: "relu"}, l{Name: "s", Type: "sigmoid"}, l{Name: "g", Type: "gelu"},
			l{Name: "t", Type: "tanh", From: []string{"g"}}, l{Type: "dense", Units: 3, Activation: "softmax"}),
	}
	for _, act := range []string{"relu", "sigmoid", "tanh", "gelu"} {
		all[act] = net([]int{5}, "", l{Type: "dense", Units: 8, Activation: act}, l{Type: "dense", Units: 6, Activation: act}, l{Type: "dense", Units: 4})
		all["squared, output "+act] = net([]int{5}, "squared", l{Type: "dense", Units: 8, Activation: act}, l{Type: "dense", Units: 2, Activation: act})
	}
	maps.Copy(all, imageNets())
	maps.Copy(all, graphs())
	return all
}

// imageNets have convolutions and what goes with them.
func imageNets() map[string]*nn.Spec {
	type l = nn.Layer
	pair := func(a, b int) nn.Pair { return nn.Pair{a, b} }
	return map[string]*nn.Spec{
		"conv, max pooling": net([]int{2, 7, 6}, "",
			l{Type: "conv2d", Filters: 3, Kernel: pair(3, 3), Pad: pair(1, 1), Activation: "relu"}, l{Type: "maxpool", Window: pair(2, 2)},
			l{Type: "conv2d", Filters: 4, Kernel: pair(2, 3)}, l{Type: "flatten"}, l{Type: "dense", Units: 3}),
		"conv with stride, average pooling": net([]int{1, 9, 8}, "squared",
			l{Type: "conv2d", Filters: 3, Kernel: pair(3, 2), Stride: pair(2, 1), Pad: pair(0, 1), NoBias: true, Activation: "gelu"},
			l{Type: "avgpool", Window: pair(2, 3), Stride: pair(1, 2)}, l{Type: "flatten"}, l{Type: "dense", Units: 2, Activation: "tanh"}),
		"conv, relu by itself, overlapping windows": net([]int{1, 6, 6}, "",
			l{Type: "conv2d", Filters: 2, Kernel: pair(2, 2)}, l{Type: "relu"}, l{Type: "maxpool", Window: pair(3, 3), Stride: pair(1, 1)},
			l{Type: "flatten"}, l{Type: "dense", Units: 3}),
		"batch norm of images": net([]int{2, 4, 5}, "",
			l{Type: "conv2d", Filters: 3, Kernel: pair(3, 3), NoBias: true}, l{Type: "batchnorm", Activation: "relu", Epsilon: 0.01},
			l{Type: "flatten"}, l{Type: "dense", Units: 3}),
		"batch norm of the input": net([]int{2, 4, 5}, "",
			l{Type: "batchnorm"}, l{Type: "flatten"}, l{Type: "batchnorm", Momentum: 0.5}, l{Type: "sigmoid"}, l{Type: "dense", Units: 3}),
	}
}

// graphs have dropout, embeddings and values with several uses.
func graphs() map[string]*nn.Spec {
	type l = nn.Layer
	from := func(names ...string) []string { return names }
	return map[string]*nn.Spec{
		"dropout": net([]int{9}, "", l{Type: "dropout", Rate: 0.2}, l{Type: "dense", Units: 12, Activation: "relu"}, l{Type: "dropout", Rate: 0.5},
			l{Type: "dense", Units: 3}),
		"dropout of the output": net([]int{9}, "squared", l{Type: "dense", Units: 5}, l{Type: "dropout", Rate: 0.5}),
		"embedding":             net([]int{4}, "", l{Type: "embedding", Vocabulary: 5, Units: 3}, l{Type: "flatten"}, l{Type: "dense", Units: 3}),
		"embedding, two uses": net([]int{4}, "", l{Name: "e", Type: "embedding", Vocabulary: 5, Units: 3},
			l{Name: "t", Type: "tanh"}, l{Name: "p", Type: "add", From: from("e", "t")}, l{Type: "flatten"}, l{Type: "dense", Units: 3}),
		"residual": net([]int{6}, "", l{Name: "a", Type: "dense", Units: 5, Activation: "tanh"}, l{Name: "b", Type: "dense", Units: 5, Activation: "gelu"},
			l{Name: "c", Type: "add", From: from("a", "b", "a"), Activation: "relu"}, l{Name: "d", Type: "dense", Units: 3, From: from("c")}),
		"twice the same": net([]int{6}, "squared", l{Name: "a", Type: "dense", Units: 5}, l{Name: "b", Type: "add", From: from("a", "a")},
			l{Name: "c", Type: "concat", From: from("b", "a", "b")}, l{Name: "d", Type: "dense", Units: 2}),
		"listed backwards": net([]int{6}, "", l{Name: "d", Type: "dense", Units: 3, From: from("c")}, l{Name: "c", Type: "concat", From: from("b", "a", "input")},
			l{Name: "b", Type: "dense", Units: 4, From: from("a"), Activation: "sigmoid"}, l{Name: "a", Type: "dense", Units: 5, From: from("input")}),
		"channels side by side": net([]int{2, 5, 4}, "",
			l{Name: "a", Type: "conv2d", Filters: 2, Kernel: nn.Pair{3, 3}, Pad: nn.Pair{1, 1}, Activation: "relu"},
			l{Name: "b", Type: "conv2d", Filters: 3, Kernel: nn.Pair{1, 1}, From: from("input")},
			l{Name: "c", Type: "concat", From: from("b", "input", "a")}, l{Name: "p", Type: "avgpool", Window: nn.Pair{5, 4}},
			l{Name: "f", Type: "flatten"}, l{Name: "g", Type: "flatten", From: from("a")}, l{Name: "h", Type: "concat", From: from("f", "g")},
			l{Type: "dense", Units: 3}),
	}
}

// TestGradients compares the loss, and each gradient, with the twin's: difference quotients
// of its loss.
func TestGradients(t *testing.T) {
	for name, spec := range nets() {
		t.Run(name, func(t *testing.T) {
			g := compile(t, spec)
			for _, cores := range []int{1, 3} {
				e := draw(t, g, rand.New(rand.NewPCG(1, 2)), 6)
				x := nn.NewExecutor(g, cpu(t, cores))
				got, err := x.Train(e.Batch)
				if err != nil {
					t.Fatal(err)
				}
				checkGradients(t, x, e, got)
			}
		})
	}
}

func checkGradients(t *testing.T, x *nn.Executor, e *example, got nn.Loss) {
	t.Helper()
	g := x.Graph()
	w := newTwin(g, e.Arena)
	w.factors = map[string][]float32{}
	for _, l := range g.Spec().Layers {
		if l.Type == nn.Dropout {
			w.factors[l.Name] = x.Kept(l.Name)
		}
	}
	loss := func() float64 { return w.loss(e.x, e.Labels, e.targets) }
	if want := loss(); math.Abs(got.Sum-want) > 1e-5*max(1, want) || !got.Finite {
		t.Errorf("the loss is %v (finite: %v), want %v", got.Sum, got.Finite, want)
	}
	wrong := 0
	if g.Loss() == nn.CrossEntropy {
		for r, out := range w.output(e.x) {
			for _, z := range out {
				if z > out[e.Labels[r]] {
					wrong++
					break
				}
			}
		}
	}
	if got.Wrong != wrong {
		t.Errorf("%d rows are wrong, want %d", got.Wrong, wrong)
	}
	covered := make([]bool, g.Size())
	for p, values := range g.Arrays(e.Grads) {
		for k, d := range values {
			covered[p.Offset+k] = true
			if p.Statistic {
				continue
			}
			at := &w.params[p.Name][k]
			const h = 1e-5
			was := *at
			*at = was + h
			up := loss()
			*at = was - h
			down := loss()
			*at = was
			want := (up - down) / (2 * h) * float64(e.Scale)
			if !(math.Abs(float64(d)-want) <= 2e-6+1e-4*math.Abs(want)) {
				t.Errorf("%s[%d]: gradient %v, want %v", p.Name, k, d, want)
			}
		}
	}
	for i, ok := range covered {
		if !ok && (e.Grads[i] != 0 || e.Arena[i] != 0) {
			t.Errorf("place %d is no parameter's: gradient %v, weight %v, want 0", i, e.Grads[i], e.Arena[i])
		}
	}
}

// TestInfer compares outputs with the twin's.
func TestInfer(t *testing.T) {
	for name, spec := range nets() {
		t.Run(name, func(t *testing.T) {
			g := compile(t, spec)
			e := draw(t, g, rand.New(rand.NewPCG(3, 4)), 9)
			x := nn.NewExecutor(g, cpu(t, 2))
			out, err := x.Infer(e.Arena, e.X)
			if err != nil {
				t.Fatal(err)
			}
			for r, want := range newTwin(g, e.Arena).output(e.x) {
				for k, y := range want {
					if d := math.Abs(float64(out.At(r, k)) - y); !(d <= 1e-5*max(1, math.Abs(y))) {
						t.Fatalf("row %d, output %d: %v, want %v", r, k, out.At(r, k), y)
					}
				}
			}
		})
	}
}

// TestSteady checks that an executor allocates nothing once it has seen its batches, and
// that shards with the same weights have the bits of batches of their own.
func TestSteady(t *testing.T) {
	for name, spec := range nets() {
		t.Run(name, func(t *testing.T) {
			g := compile(t, spec)
			r := rand.New(rand.NewPCG(5, 6))
			large, small := draw(t, g, r, 40), draw(t, g, r, 8)
			small.Arena = large.Arena
			c := cpu(t, 1)
			x := nn.NewExecutor(g, c)
			train := func(b nn.Batch) nn.Loss {
				l, err := x.Train(b)
				if err != nil {
					t.Fatal(err)
				}
				return l
			}
			want := train(small.Batch)
			bits := fmt.Sprint(small.Grads)
			same := small.Batch
			same.Same = true
			step := func() {
				train(large.Batch)
				if got := train(same); got != want {
					t.Fatalf("with the same weights: %v, want %v", got, want)
				}
				if _, err := x.Infer(large.Arena, large.X); err != nil {
					t.Fatal(err)
				}
			}
			step()
			step()
			if n := testing.AllocsPerRun(10, step); n > 0 {
				t.Errorf("a step allocates %v times", n)
			}
			if got := fmt.Sprint(small.Grads); got != bits {
				t.Errorf("gradients with the same weights: %s, want %s", got, bits)
			}
		})
	}
}
