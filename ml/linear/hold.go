package linear

import (
	"scalar/bsp/job"
	"scalar/ml/nn"
)

// BeginLogistic makes the weights of a net of two outputs those of logistic regression: the
// first output is 0, and the second the difference of both. The error is about another net.
func BeginLogistic(g *nn.Graph, weights []float32) error {
	f := Form{Features: g.Features(), Outputs: 2, First: 1}
	if g.Outputs() != f.Outputs {
		return job.Fail(job.FaultInput, "there are %d classes, and logistic tells two apart: use softmax", g.Outputs())
	}
	model, err := f.Model(g, weights)
	if err != nil {
		return job.Fail(job.FaultInput, "logistic: the net's %v", err)
	}
	arena, err := f.Arena(g, model)
	copy(weights, arena)
	return err
}

// HoldFirst sets the gradient of the first output to 0, which logistic regression does not
// learn.
func HoldFirst(g *nn.Graph, gradient []float32) {
	for p, values := range g.Arrays(gradient) {
		clear(values[:len(values)/p.Shape[0]])
	}
}
