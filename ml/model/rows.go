package model

import (
	"scalar/ml/data"
	"scalar/ml/nn"
	"scalar/tensor"
)

// batchRows and batchCells bound the rows of a batch: their number, and that of their values.
const (
	batchRows  = 256
	batchCells = 1 << 20
)

// linear is a net of one dense layer, for rows that are sparse.
type linear struct {
	outputs int
	weights []float32 // features×outputs
	bias    []float32 // nil: none
}

// linearOf returns a net of one dense layer, and nil for any other.
func linearOf(s *nn.Spec, tensors []Tensor) *linear {
	if len(s.Layers) != 1 || s.Layers[0].Type != "dense" || !plain(s.Layers[0].Activation) {
		return nil
	}
	w := tensors[0]
	l := &linear{outputs: w.Shape[0], weights: make([]float32, len(w.Data))}
	for o := range l.outputs {
		for j, v := range w.Data[o*w.Shape[1] : (o+1)*w.Shape[1]] {
			l.weights[j*l.outputs+o] = v
		}
	}
	if len(tensors) > 1 {
		l.bias = tensors[1].Data
	}
	return l
}

// row sets out to the outputs of a sparse row, with the bits that the row spread out has.
func (l *linear) row(out []float32, columns []uint32, values []float32) {
	clear(out)
	for i, c := range columns {
		w := l.weights[int(c)*l.outputs:][:len(out)]
		for o := range out {
			out[o] = tensor.FMA(values[i], w[o], out[o])
		}
	}
	for o, b := range l.bias {
		out[o] += b
	}
}

// Batch returns how many rows a call of [Executor.PredictRows] should have: enough to keep the
// processor busy, few enough for little memory.
func (e *Executor) Batch() int {
	if e.p.linear != nil {
		return batchRows
	}
	return max(1, min(batchRows, batchCells/e.p.encoder.Features()))
}

// PredictRows is [Executor.Predict] for n rows of a set that the predictor's encoder made. Sparse
// rows stay so where the net is of one dense layer.
func (e *Executor) PredictRows(set *data.Set, first, n int) (*Answer, error) {
	features := set.Features()
	if e.p.linear != nil && set.Sparse() && n > 0 {
		outputs := e.p.linear.outputs
		e.logits = grown(e.logits, n*outputs)
		for i := range n {
			columns, values := set.Entries(first + i)
			e.p.linear.row(e.logits[i*outputs:(i+1)*outputs], columns, values)
		}
		logits, err := tensor.From(e.logits, n, outputs)
		if err != nil {
			return nil, err
		}
		return e.decide(logits)
	}
	e.rows = grown(e.rows, n*features)
	for i := range n {
		set.Row(e.rows[i*features:(i+1)*features], first+i)
	}
	x, err := tensor.From(e.rows, n, features)
	if err != nil {
		return nil, err
	}
	return e.Predict(x)
}
