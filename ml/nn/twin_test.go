package nn_test

import (
	"math"
	"slices"

	"scalar/ml/nn"
)

// A twin computes a net in float64, row by row and sum by sum as the layers are defined,
// from nothing but its description: the oracle for values, losses and, by difference
// quotients of its loss, for gradients.
type twin struct {
	spec   *nn.Spec
	params map[string][]float64
	// factors has what each layer of dropout multiplies by, a row after the other; nil: inference.
	factors map[string][]float32
}

// A twinValue is what all rows become in a layer.
type twinValue struct {
	shape []int
	rows  [][]float64
}

func newTwin(g *nn.Graph, arena []float32) *twin {
	t := &twin{spec: g.Spec(), params: map[string][]float64{}}
	for p, values := range g.Arrays(arena) {
		for _, x := range values {
			t.params[p.Name] = append(t.params[p.Name], float64(x))
		}
	}
	return t
}

// output returns the values of the layer that none takes.
func (t *twin) output(x [][]float64) [][]float64 {
	used := map[string]bool{}
	for i, l := range t.spec.Layers {
		for _, f := range t.from(i) {
			used[f] = true
		}
		_ = l
	}
	known := map[string]twinValue{"input": {t.spec.Input, x}}
	for i, l := range t.spec.Layers {
		if !used[l.Name] {
			return t.value(i, known).rows
		}
	}
	panic("no output")
}

func (t *twin) from(i int) []string {
	switch l := t.spec.Layers[i]; {
	case len(l.From) > 0:
		return l.From
	case i == 0:
		return []string{"input"}
	}
	return []string{t.spec.Layers[i-1].Name}
}

func (t *twin) value(i int, known map[string]twinValue) twinValue {
	l := t.spec.Layers[i]
	if v, ok := known[l.Name]; ok {
		return v
	}
	var in []twinValue
	for _, f := range t.from(i) {
		v, ok := known[f]
		if !ok {
			v = t.value(slices.IndexFunc(t.spec.Layers, func(l nn.Layer) bool { return l.Name == f }), known)
		}
		in = append(in, v)
	}
	v := t.layer(l, in)
	for _, row := range v.rows {
		for k, x := range row {
			row[k] = twinActivation(l.Activation, x)
		}
	}
	known[l.Name] = v
	return v
}

func twinActivation(name string, x float64) float64 {
	switch name {
	case "relu":
		return max(x, 0)
	case "sigmoid":
		return 1 / (1 + math.Exp(-x))
	case "tanh":
		return math.Tanh(x)
	case "gelu":
		return x * math.Erfc(-x/math.Sqrt2) / 2
	}
	return x
}

// each makes the rows of a layer one by one.
func each(in twinValue, shape []int, f func(r int, x []float64) []float64) twinValue {
	v := twinValue{shape: shape}
	for r, x := range in.rows {
		v.rows = append(v.rows, f(r, x))
	}
	return v
}

func (t *twin) layer(l nn.Layer, in []twinValue) twinValue {
	switch l.Type {
	case "dense":
		return t.dense(l, in[0])
	case "relu", "sigmoid", "tanh", "gelu":
		return each(in[0], in[0].shape, func(_ int, x []float64) []float64 {
			y := make([]float64, len(x))
			for k := range x {
				y[k] = twinActivation(l.Type, x[k])
			}
			return y
		})
	}
	if v, ok := t.image(l, in[0]); ok {
		return v
	}
	return t.merge(l, in)
}

func (t *twin) dense(l nn.Layer, in twinValue) twinValue {
	w, b := t.params[l.Name+".weight"], t.params[l.Name+".bias"]
	return each(in, []int{l.Units}, func(_ int, x []float64) []float64 {
		y := make([]float64, l.Units)
		for o := range y {
			if b != nil {
				y[o] = b[o]
			}
			for k := range x {
				y[o] += w[o*len(x)+k] * x[k]
			}
		}
		return y
	})
}

// loss returns the sum over rows, of labels or of targets.
func (t *twin) loss(x [][]float64, labels []int32, targets [][]float64) (sum float64) {
	for r, out := range t.output(x) {
		if t.spec.Loss == nn.Squared {
			for k := range out {
				sum += (out[k] - targets[r][k]) * (out[k] - targets[r][k]) / 2
			}
			continue
		}
		total := 0.0
		for _, z := range out {
			total += math.Exp(z)
		}
		sum += math.Log(total) - out[labels[r]]
	}
	return sum
}
