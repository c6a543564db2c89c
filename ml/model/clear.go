package model

import (
	"math"
	"strconv"

	"scalar/ml/data"
)

// MaxClear is how many numbers a model may have that are shown in clear.
const MaxClear = 4096

// A Clear is a model with its small parameters in clear, in the units of the data.
type Clear struct {
	*Model
	// Features names the columns of Centers and Coefficients, if the data has names.
	Features []string    `json:"features,omitempty"`
	Centers  [][]float64 `json:"centers,omitempty"` // of clusters
	// Coefficients and Intercepts are those of a net of one dense layer: of a regression, or
	// of each class's logit.
	Coefficients [][]float64 `json:"coefficients,omitempty"`
	Intercepts   []float64   `json:"intercepts,omitempty"`
}

// Clear returns the model with its parameters in clear, if there are at most MaxClear. They are
// the shortest decimals that tell a float32 from its neighbours.
func (m *Model) Clear(tensors []Tensor) (*Clear, error) {
	c := &Clear{Model: m}
	e, err := data.NewEncoder(m.Transform)
	if err != nil {
		return nil, err
	}
	width := e.Features()
	numbers := 0
	for _, t := range tensors {
		numbers += len(t.Data)
	}
	if numbers > MaxClear {
		return c, nil
	}
	u := unitsOf(m.Transform)
	switch {
	case m.Clusters != nil:
		for k := range m.Clusters.K {
			c.Centers = append(c.Centers, u.values(tensors[0].Data[k*width:(k+1)*width]))
		}
	case len(m.Net.Layers) == 1 && m.Net.Layers[0].Type == "dense" && plain(m.Net.Layers[0].Activation):
		c.linear(u, tensors, width)
	default:
		return c, nil
	}
	if len(m.Transform.Names) > 0 || len(m.Transform.Categories) > 0 {
		c.Features = e.FeatureNames()
	}
	return c, nil
}

func plain(activation string) bool { return activation == "" || activation == "softmax" }

// linear takes a dense layer: units×features weights and, if there are any, biases.
func (c *Clear) linear(u units, tensors []Tensor, width int) {
	w := tensors[0].Data
	for k := 0; len(w) > 0; k, w = k+1, w[width:] {
		intercept, size := 0.0, 0.0
		if len(tensors) > 1 {
			intercept = float64(tensors[1].Data[k])
			size = math.Abs(intercept)
		}
		row := make([]float64, width)
		for j, x := range w[:width] {
			mean, deviation := u.of(j)
			v := float64(x) / deviation
			row[j] = shortest(v, math.Abs(v))
			intercept -= v * mean
			size = max(size, math.Abs(v*mean))
		}
		c.Coefficients = append(c.Coefficients, row)
		c.Intercepts = append(c.Intercepts, shortest(intercept, size))
	}
}

// units say how features are turned back into the numbers of the data: x·deviation + mean.
type units struct {
	scale   data.Scale
	columns []int // by feature; nil: the same
}

func unitsOf(t *data.Transform) units {
	u := units{scale: t.Scale}
	if len(t.Categories) == 0 {
		return u
	}
	next := t.Categories
	for i := range t.Columns {
		n := 1
		if len(next) > 0 && next[0].Column == i {
			n, next = len(next[0].Values)+next[0].Hash, next[1:]
		}
		for range n {
			u.columns = append(u.columns, i)
		}
	}
	return u
}

func (u units) of(feature int) (mean, deviation float64) {
	if u.columns != nil {
		feature = u.columns[feature]
	}
	switch u.scale.Kind {
	case data.Bytes:
		return u.scale.Mean[0], u.scale.Deviation[0]
	case data.Columns:
		return u.scale.Mean[feature], u.scale.Deviation[feature]
	default:
		return 0, 1
	}
}

func (u units) values(row []float32) []float64 {
	xs := make([]float64, len(row))
	for j, x := range row {
		mean, deviation := u.of(j)
		xs[j] = shortest(float64(x)*deviation+mean, max(math.Abs(float64(x)*deviation), math.Abs(mean)))
	}
	return xs
}

// shortest returns the shortest decimal as near to x as float32 numbers of a size can tell.
func shortest(x, size float64) float64 {
	for digits := 1; digits < 17; digits++ {
		v, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', digits, 64), 64)
		if err == nil && math.Abs(v-x) <= size*0x1p-24 {
			return v
		}
	}
	return x
}
