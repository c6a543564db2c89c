package linear

import (
	"fmt"

	"scalar/ml/nn"
	"scalar/tensor"
)

// A Form is what outputs a model has.
type Form struct {
	Features int
	Outputs  int // of a row: 1 for regression, else the classes
	First    int // the first output that has weights: 1 for logistic regression, else 0
}

// Free returns how many outputs have weights.
func (f Form) Free() int { return f.Outputs - f.First }

// Size returns how many numbers a model has: Free weights for each feature, then Free
// intercepts.
func (f Form) Size() int { return (f.Features + 1) * f.Free() }

// Loss returns the loss of the form, as nets name it.
func (f Form) Loss() string {
	if f.Outputs == 1 {
		return nn.Squared
	}
	return nn.CrossEntropy
}

// Net returns the net of one layer that a model of the form is.
func (f Form) Net() *nn.Spec {
	s := nn.MLP(f.Features, nil, f.Outputs)
	s.Loss = f.Loss()
	return s
}

// Arena returns the weights of the net, whose graph is g, from the model's numbers.
func (f Form) Arena(g *nn.Graph, model []float64) ([]float32, error) {
	arena := make([]float32, g.Size())
	free := f.Free()
	for p, values := range g.Arrays(arena) {
		switch {
		case len(p.Shape) == 2 && p.Shape[0] == f.Outputs && p.Shape[1] == f.Features:
			for c := range free {
				row := values[(c+f.First)*f.Features:]
				for j := range f.Features {
					row[j] = float32(model[j*free+c])
				}
			}
		case len(p.Shape) == 1 && p.Shape[0] == f.Outputs:
			for c := range free {
				values[c+f.First] = float32(model[f.Features*free+c])
			}
		default:
			return nil, fmt.Errorf("linear: parameter %s of shape %v is none of a single layer's", p.Name, p.Shape)
		}
	}
	return arena, nil
}

// Model returns the numbers of a model from the weights of its net, or an error if the net is
// none of the form. Of logistic regression it takes the difference of the two outputs.
func (f Form) Model(g *nn.Graph, arena []float32) ([]float64, error) {
	model := make([]float64, f.Size())
	free := f.Free()
	for p, values := range g.Arrays(arena) {
		width := 1
		at := f.Features * free
		switch {
		case len(p.Shape) == 2 && p.Shape[0] == f.Outputs && p.Shape[1] == f.Features:
			width, at = f.Features, 0
		case len(p.Shape) == 1 && p.Shape[0] == f.Outputs:
		default:
			return nil, fmt.Errorf("parameter %s of shape %v is not that of one layer of %d outputs for %d features", p.Name, p.Shape, f.Outputs, f.Features)
		}
		for c := range free {
			for j := range width {
				v := float64(values[(c+f.First)*width+j])
				if f.First == 1 {
					v -= float64(values[j])
				}
				model[at+j*free+c] = v
			}
		}
	}
	return model, nil
}

// weights are a model's numbers, ready to be multiplied by rows less a shift.
type weights struct {
	Form
	w, b   []float64 // features×free, and free
	scale  float64   // of w, for sparse rows
	packed *tensor.Packed
	single tensor.Dense[float32] // features×outputs; zero: they are not packed
	bias   tensor.Dense[float32]
}

// newWeights returns weights of 0, which are packed for products in float32 or not.
func newWeights(f Form, packed bool) *weights {
	w := &weights{Form: f, w: make([]float64, f.Features*f.Free()), b: make([]float64, f.Free()), bias: tensor.New[float32](f.Outputs), scale: 1}
	if packed {
		w.single = tensor.New[float32](f.Features, f.Outputs)
	}
	return w
}

// ready rounds and packs what w and b were set to.
func (w *weights) ready(cpu *tensor.CPU) error {
	free := w.Free()
	for c, b := range w.b {
		w.bias.Values()[w.First+c] = float32(b)
	}
	if w.single.IsZero() {
		return nil
	}
	single := w.single.Values()
	for j := range w.Features {
		for c := range free {
			single[j*w.Outputs+w.First+c] = float32(w.w[j*free+c])
		}
	}
	var err error
	w.packed, err = cpu.Pack(w.packed, w.single)
	return err
}
