package linear

import (
	"scalar/ml/data"
	"scalar/tensor"
)

// All returns the numbers of all rows of a set.
func All(set *data.Set) []uint32 { return all(set) }

// A Goal is an objective over all rows of a set.
type Goal struct {
	o     *objective
	shift []float32
	w     *weights
	e     *evaluator
	cpu   *tensor.CPU
	set   *data.Set
}

// NewGoal returns it, and the sums of the features.
func NewGoal(cpu *tensor.CPU, set *data.Set, f Form, l2 float64) (*Goal, []float64) {
	sums := make([]float64, 2*f.Features)
	if err := moments(cpu, set, all(set), sums); err != nil {
		panic(err)
	}
	g := &Goal{w: newWeights(f, f.inSingle(set)), set: set, cpu: cpu}
	g.o, g.shift = newObjective(f, sums, set.Len(), l2, f.inSingle(set))
	g.e = newEvaluator(cpu, set, f, g.shift)
	return g, sums
}

// Shifted says whether rows are moved.
func (g *Goal) Shifted() bool { return g.shift != nil }

// Point returns the point of a model.
func (g *Goal) Point(model []float64) []float64 { return g.o.point(model, g.shift) }

// Model returns the model of a point.
func (g *Goal) Model(point []float64) []float64 { return g.o.model(g.w, point, g.shift) }

// Evaluate returns the loss and gradient at a point.
func (g *Goal) Evaluate(point []float64) (float64, []float64, error) {
	g.o.set(g.w, point)
	if err := g.w.ready(g.cpu); err != nil {
		return 0, nil, err
	}
	sums, err := g.Sums(all(g.set))
	if err != nil {
		return 0, nil, err
	}
	gradient := make([]float64, g.o.form.Size())
	loss, _ := g.o.loss(g.w, sums, gradient)
	return loss, gradient, nil
}

// Sums returns the sums of the gradients, losses and wrong labels of rows at the last point.
func (g *Goal) Sums(rows []uint32) ([]float64, error) {
	sums := make([]float64, sumsLen(g.o.form))
	return sums, g.e.add(rows, g.w, sums)
}

// SetModel makes a model the last point.
func (g *Goal) SetModel(model []float64) {
	copy(g.w.w, model)
	copy(g.w.b, model[len(g.w.w):])
}
