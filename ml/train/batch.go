package train

import (
	"scalar/ml/data"
	"scalar/ml/nn"
	"scalar/tensor"
)

// batch holds rows on their way into the net.
type batch struct {
	graph    *nn.Graph
	features int
	outputs  int
	classes  bool
	x        []float32
	labels   []int32
	targets  []float32
	base     []float32     // that most rows are like; nil: none is known
	coded    *tensor.Coded // where rows are bytes that the CPU takes as they are; else nil
}

func (b *batch) init(cpu *tensor.CPU, set *data.Set, g *nn.Graph, base []float32) {
	b.graph, b.features, b.outputs, b.classes, b.base = g, g.Features(), g.Outputs(), set.Target() == data.Classes, base
	if table := set.Table(); table != nil && base != nil && cpu.TakesCoded() {
		b.coded = tensor.NewCoded(table, base)
	}
}

// take returns rows of a set; what it returns is valid until the next call.
func (b *batch) take(set *data.Set, indices []uint32) nn.Batch {
	out := b.takeRows(set, indices)
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

// takeRows takes them without their targets.
func (b *batch) takeRows(set *data.Set, indices []uint32) nn.Batch {
	n := len(indices)
	if b.coded != nil && b.graph.ShiftsOnly(n) {
		b.coded.Clear()
		for _, i := range indices {
			b.coded.Add(set.Code(i))
		}
		return nn.Batch{Coded: b.coded}
	}
	if n*b.features > len(b.x) {
		b.x = tensor.New[float32](n * b.features).Values()
	}
	x := b.x[:n*b.features]
	set.Rows(x, indices)
	rows, err := tensor.From(x, n, b.features)
	if err != nil {
		panic(err) // sizes of our own
	}
	return nn.Batch{X: rows, Base: b.base}
}
