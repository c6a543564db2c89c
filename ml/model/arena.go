package model

import (
	"fmt"

	"scalar/ml/nn"
	"scalar/tensor"
)

// Tensors returns the parameters of a net as tensors that share the arena's memory.
func Tensors(g *nn.Graph, arena []float32) []Tensor {
	var tensors []Tensor
	for p, values := range g.Arrays(arena) {
		tensors = append(tensors, Tensor{p.Name, p.Shape, values})
	}
	return tensors
}

// Arena returns the arena of a net with the numbers of tensors, which have its names and
// shapes and are as [Open] gives them or in any order.
func Arena(g *nn.Graph, tensors []Tensor) ([]float32, error) {
	params := g.Params()
	wants := make([]want, 0, len(params))
	for _, p := range params {
		wants = append(wants, want{p.Name, p.Shape})
	}
	tensors, err := arrange(wants, tensors)
	if err != nil {
		return nil, err
	}
	arena := tensor.New[float32](g.Size()).Values()
	for i, p := range params {
		if n := copy(arena[p.Offset:], tensors[i].Data); n != p.Len() {
			return nil, fmt.Errorf("tensor %q has %d numbers and the shape %v", p.Name, n, p.Shape)
		}
	}
	return arena, nil
}
