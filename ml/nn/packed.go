package nn

import (
	"errors"
	"slices"

	"scalar/tensor"
)

// Weights are a net's weights, made ready for many calls of [Executor.InferPacked]: dense layers
// in the order in which products read them. They never change, and executors may share them.
type Weights struct {
	g      *Graph
	params [][]array        // by node
	packed []*tensor.Packed // by node, nil but for dense layers
}

// Pack copies the weights of an arena, [Graph.Size] values.
func (g *Graph) Pack(cpu *tensor.CPU, arena []float32) (*Weights, error) {
	if len(arena) != g.size {
		return nil, arenaError(len(arena), g.size)
	}
	w := &Weights{g: g, params: make([][]array, len(g.nodes)), packed: make([]*tensor.Packed, len(g.nodes))}
	for i, n := range g.nodes {
		w.params[i] = make([]array, len(n.params))
		for j, at := range n.params {
			p := &g.params[at]
			values, err := tensor.From(arena[p.Offset:][:p.Len()], p.Shape...)
			if err != nil {
				return nil, err
			}
			if _, ok := n.op.(*dense); ok && j == 0 {
				if w.packed[i], err = cpu.Pack(nil, values.T()); err != nil {
					return nil, err
				}
				continue
			}
			if w.params[i][j], err = tensor.From(slices.Clone(values.Values()), p.Shape...); err != nil {
				return nil, err
			}
		}
	}
	return w, nil
}

// InferPacked is [Executor.Infer] with weights of the same graph. A row's outputs have the bits
// that Infer gives, whatever other rows there are.
func (e *Executor) InferPacked(w *Weights, x tensor.Dense[float32]) (tensor.Dense[float32], error) {
	if w.g != e.g {
		return array{}, errors.New("net: the weights are those of another graph")
	}
	if err := e.g.checkInput(x); err != nil {
		return array{}, err
	}
	e.bind(x.Dim(0), false)
	if e.weights != w {
		e.weights, e.arena = w, nil
		for i := range e.cells {
			copy(e.cells[i].params, w.params[i])
			e.cells[i].packed = w.packed[i]
		}
	}
	return e.answer(x)
}
