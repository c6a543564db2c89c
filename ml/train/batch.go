package train

import (
	"scalar/ml/data"
	"scalar/ml/nn"
	"scalar/tensor"
)

// batch holds rows on their way into the net.
type batch struct {
	features int
	outputs  int
	classes  bool
	x        []float32
	labels   []int32
	targets  []float32
	rows     int
	base     []float32 // that most rows are like; nil: none is known
}

func (b *batch) init(set *data.Set, g *nn.Graph, base []float32) {
	b.features, b.outputs, b.classes, b.base = g.Features(), g.Outputs(), set.Target() == data.Classes, base
}

// take returns rows of a set; what it returns is valid until the next call.
func (b *batch) take(set *data.Set, indices []uint32) nn.Batch {
	n := len(indices)
	if b.rows = n; n*b.features > len(b.x) {
		b.x = tensor.New[float32](n * b.features).Values()
	}
	x := b.x[:n*b.features]
	set.Rows(x, indices)
	rows, err := tensor.From(x, n, b.features)
	if err != nil {
		panic(err) // sizes of our own
	}
	out := nn.Batch{X: rows, Base: b.base}
	if b.classes {
		b.labels = b.labels[:0]
		for _, i := range indices {
			b.labels = append(b.labels, int32(set.Class(int(i))))
		}
		out.Labels = b.labels
		return out
	}
	b.targets = b.targets[:0]
	for _, i := range indices {
		b.targets = append(b.targets, float32(set.Value(int(i))))
	}
	out.Targets = b.targets
	return out
}
