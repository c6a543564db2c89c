package nn_test

import (
	"errors"
	"strings"
	"testing"

	"scalar/bsp/job"
	"scalar/ml/nn"
)

// TestErrors checks that what is wrong with a net is said in one line, with the layer and the
// shapes.
func TestErrors(t *testing.T) {
	for _, row := range append(errorRows(), valueRows()...) {
		t.Run(row.want, func(t *testing.T) {
			_, err := nn.Compile(row.spec)
			f, ok := errors.AsType[*job.Failure](err)
			if !ok || f.Kind != job.FaultInput || err.Error() != "net: "+row.want || strings.Contains(err.Error(), "\n") {
				t.Fatalf("error %v, want net: %s", err, row.want)
			}
		})
	}
}

type errorRow struct {
	spec *nn.Spec
	want string
}

func errorRows() []errorRow {
	type l = nn.Layer
	return []errorRow{
		{nn.MLP(4, []int{0}, 2), "layer hidden1 (dense): units is 0: want 1 to 16777216"},
		{nn.MLP(4, []int{-3}, 2), "layer hidden1 (dense): units is -3: want 1 to 16777216"},
		{nn.MLP(0, nil, 2), "the input has the shape [0]: sizes are 1 or more"},
		{nn.MLP(1<<24, []int{1 << 24}, 2), "layer hidden1 (dense): its weight is [16777216, 16777216]: a net has at most 268435456 weights"},
		{nn.MLP(1<<25, nil, 2), "the input has the shape [33554432]: a row has at most 16,777,216 values in any layer"},
		{net(nil, ""), "0 layers: want 1 to 1000"},
		{net(nil, "", make([]l, 1001)...), "1001 layers: want 1 to 1000"},
		{net(nil, "", l{Type: "dense", Units: 1}), "layer dense1: the shape of the input is not known: want input: [features] or [channels, height, width]"},
		{net([]int{2, 3}, "", l{Type: "dense", Units: 1}), "the input has the shape [2, 3]: want [features] or [channels, height, width]"},
		{net([]int{1, 2, 3}, "", l{Name: "d", Type: "dense", Units: 1}), "layer d (dense): a row of input is [1, 2, 3]: want [features]; a flatten before makes it so"},
		{net([]int{4}, "hinge", l{Type: "dense", Units: 1}), `loss "hinge": want cross-entropy or squared`},
		{net([]int{4}, "", l{Type: "lstm"}), `layer 1: type "lstm": want one of ` + types},
		{net([]int{4}, "", l{Name: "a b", Type: "dense"}), `a layer is called "a b": want at most 64 letters, digits, - and _, and not "input"`},
		{net([]int{4}, "", l{Name: "input", Type: "dense"}), `a layer is called "input": want at most 64 letters, digits, - and _, and not "input"`},
		{net([]int{4}, "", l{Name: "a", Type: "dense"}, l{Name: "a", Type: "dense"}), "two layers are called a"},
		{net([]int{4}, "", l{Name: "a", Type: "dense", From: []string{"b"}}), `layer a (dense): takes the layer "b", and none is called so`},
		{net([]int{4}, "", l{Name: "a", Type: "dense", From: []string{"input", "input"}}), "layer a (dense): takes 2 layers: want at most 1"},
		{net([]int{4}, "", l{Name: "a", Type: "dense", Units: 4, From: []string{"a"}}), "layers form a cycle: a → a"},
		{
			net([]int{4}, "", l{Name: "z", Type: "dense", Units: 4}, l{Name: "a", Type: "dense", Units: 4, From: []string{"c"}},
				l{Name: "b", Type: "relu"}, l{Name: "c", Type: "tanh"}),
			"layers form a cycle: a → b → c → a",
		},
		{
			net([]int{4}, "", l{Name: "a", Type: "dense", Units: 4}, l{Name: "b", Type: "dense", Units: 4, From: []string{"input"}}),
			"no layer takes the values of a, b: want one layer like that, the output",
		},
		{net([]int{4}, "", l{Name: "a", Type: "dense", Units: 4, Rate: 0.5}), "layer a (dense): it takes no rate"},
		{net([]int{4}, "", l{Name: "a", Type: "dense", Units: 4, Activation: "swish"}), `layer a (dense): activation "swish": want relu, sigmoid, tanh or gelu`},
		{
			net([]int{4}, "squared", l{Name: "a", Type: "dense", Units: 4, Activation: "softmax"}),
			"layer a (dense): activation softmax: only the output of a net with cross-entropy has it",
		},
		{
			net([]int{4}, "", l{Name: "a", Type: "dense", Units: 4, Activation: "softmax"}, l{Type: "dense", Units: 4}),
			"layer a (dense): activation softmax: only the output of a net with cross-entropy has it",
		},
		{net([]int{4}, "", l{Type: "relu"}), "no layer has weights to learn"},
	}
}

// valueRows have values and shapes that a layer does not take.
func valueRows() []errorRow {
	type l = nn.Layer
	return []errorRow{
		{net([]int{4}, "", l{Name: "c", Type: "conv2d", Filters: 2, Kernel: nn.Pair{2, 2}}), "layer c (conv2d): a row of input is [4]: want [channels, height, width]"},
		{net([]int{1, 4, 4}, "", l{Name: "c", Type: "conv2d", Kernel: nn.Pair{2, 2}}), "layer c (conv2d): filters is 0: want 1 to 16777216"},
		{net([]int{1, 4, 4}, "", l{Name: "c", Type: "conv2d", Filters: 2}), "layer c (conv2d): kernel is [0, 0]: want 1 to 16777216"},
		{net([]int{1, 4, 4}, "", l{Name: "c", Type: "conv2d", Filters: 2, Kernel: nn.Pair{2, 2}, Pad: nn.Pair{0, -1}}), "layer c (conv2d): pad is [0, -1]: want 0 to 16777216"},
		{net([]int{1, 4, 4}, "", l{Name: "c", Type: "conv2d", Filters: 2, Kernel: nn.Pair{2, 2}, Stride: nn.Pair{0, 1}}), "layer c (conv2d): stride is [0, 1]: want 1 to 16777216"},
		{
			net([]int{1, 4, 4}, "", l{Name: "c", Type: "conv2d", Filters: 2, Kernel: nn.Pair{2, 7}, Pad: nn.Pair{1, 1}}),
			"layer c (conv2d): a row of input is [1, 4, 4] with padding [1, 1]: smaller than the kernel, [2, 7]",
		},
		{
			net([]int{1, 4, 4}, "", l{Name: "c", Type: "conv2d", Filters: 2, Kernel: nn.Pair{2, 2}, Pad: nn.Pair{5000, 5000}}),
			"layer c (conv2d): a row of input is [1, 4, 4] with padding [5000, 5000]: a row has at most 16,777,216 values in any layer",
		},
		{
			net([]int{1, 2000, 2000}, "", l{Name: "c", Type: "conv2d", Filters: 1, Kernel: nn.Pair{100, 100}}),
			"layer c (conv2d): 10000 products for each of 3613801 places of a row: want at most 268435456 in all",
		},
		{
			net([]int{1, 4000, 4000}, "", l{Name: "c", Type: "conv2d", Filters: 2, Kernel: nn.Pair{1, 1}}),
			"layer c (conv2d): a row becomes [2, 4000, 4000]: a row has at most 16,777,216 values in any layer",
		},
		{net([]int{1, 4, 4}, "", l{Name: "p", Type: "maxpool"}), "layer p (maxpool): window is [0, 0]: want 1 to 16777216"},
		{net([]int{1, 4, 4}, "", l{Name: "p", Type: "avgpool", Window: nn.Pair{5, 1}}), "layer p (avgpool): a row of input is [1, 4, 4]: smaller than the window, [5, 1]"},
		{net([]int{4}, "", l{Name: "p", Type: "dropout", Rate: 1}), "layer p (dropout): rate is 1: want from 0, below 1"},
		{net([]int{4}, "", l{Name: "n", Type: "batchnorm", Momentum: 2}), "layer n (batchnorm): momentum is 2: want above 0, up to 1"},
		{net([]int{4}, "", l{Name: "n", Type: "batchnorm", Epsilon: -1}), "layer n (batchnorm): epsilon is -1: want above 0, up to 1"},
		{net([]int{4}, "", l{Name: "e", Type: "embedding", Units: 2}), "layer e (embedding): vocabulary is 0: want 1 to 16777216"},
		{net([]int{4}, "", l{Name: "a", Type: "relu"}, l{Name: "e", Type: "embedding", Units: 2, Vocabulary: 2}), "layer e (embedding): it takes a: want the input, whose values are indices"},
		{
			net([]int{4}, "", l{Name: "e", Type: "embedding", Units: 2, Vocabulary: 2}, l{Name: "n", Type: "batchnorm"}),
			"layer n (batchnorm): a row of e is [4, 2]: want [features] or [channels, height, width]",
		},
		{net([]int{4}, "", l{Name: "a", Type: "add"}), "layer a (add): it takes one layer: want two or more in from"},
		{
			net([]int{4}, "", l{Name: "a", Type: "dense", Units: 3}, l{Name: "b", Type: "add", From: []string{"a", "input"}}),
			"layer b (add): a row of a is [3], and one of input is [4]: want one shape",
		},
		{
			net([]int{1, 4, 4}, "", l{Name: "a", Type: "maxpool", Window: nn.Pair{2, 2}}, l{Name: "b", Type: "concat", From: []string{"a", "input"}}),
			"layer b (concat): a row of a is [1, 2, 2], and one of input is [1, 4, 4]: want one shape but for the first size",
		},
		{
			net([]int{1, 4, 4}, "", l{Name: "c", Type: "conv2d", Filters: 2, Kernel: nn.Pair{2, 2}}),
			"layer c (conv2d): the output of a row is [2, 3, 3]: want [outputs]; a flatten before makes it so",
		},
	}
}

const types = "dense, conv2d, maxpool, avgpool, flatten, dropout, batchnorm, embedding, add, concat, relu, sigmoid, tanh, gelu"

// TestBatchErrors checks that batches that do not fit are refused.
func TestBatchErrors(t *testing.T) {
	g := compile(t, nn.MLP(3, nil, 2))
	for want, spoil := range map[string]func(b *nn.Batch){
		"the arena has 1 values and the gradients 32: want 32": func(b *nn.Batch) { b.Arena = b.Arena[:1] },
		"the arena has 32 values and the gradients 0: want 32": func(b *nn.Batch) { b.Grads = nil },
		"1 labels for 4 rows":                         func(b *nn.Batch) { b.Labels = b.Labels[:1] },
		"rows are 4×2: want rows of [3] without gaps": func(b *nn.Batch) { b.X = b.X.Slice(1, 0, 2) },
		"rows are a single value: want rows of [3]":   func(b *nn.Batch) { b.X = array{} },
		"row 2 has 2: want 0 to 1":                    func(b *nn.Batch) { b.Labels[2] = 2 },
		"row 1 has -1: want 0 to 1":                   func(b *nn.Batch) { b.Labels[1] = -1 },
	} {
		e := draw(t, g, newRand(), 4)
		spoil(&e.Batch)
		_, err := nn.NewExecutor(g, cpu(t, 1)).Train(e.Batch)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

// TestNoRows checks that a shard without rows has gradients of 0.
func TestNoRows(t *testing.T) {
	g := compile(t, nn.MLP(3, nil, 2))
	e := draw(t, g, newRand(), 0)
	x := nn.NewExecutor(g, cpu(t, 1))
	l, err := x.Train(e.Batch)
	if err != nil || l != (nn.Loss{Finite: true}) {
		t.Errorf("%+v, %v", l, err)
	}
	for _, d := range e.Grads {
		if d != 0 {
			t.Fatalf("gradient %v", d)
		}
	}
	if out, err := x.Infer(e.Arena, e.X); err != nil || out.Dim(0) != 0 || out.Dim(1) != 2 {
		t.Errorf("Infer: %v, %v", out, err)
	}
}
