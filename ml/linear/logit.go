package linear

import (
	"scalar/ml/data"
	"scalar/tensor"
)

// A logit computes losses and gradients of logistic regression over dense rows, in float64: a block of
// rows stays in the cache from its outputs to its gradient, so that memory is read once.
type logit struct {
	cpu               *tensor.CPU
	rows              *reader
	z, losses, slopes []float64 // of the rows of a block
}

// isLogit reports whether a logit computes for rows of a set: in float64, while other models of dense
// rows multiply in float32.
func (f Form) isLogit(set *data.Set) bool { return f.First == 1 && f.Outputs == 2 && !set.Sparse() }

// inSingle reports whether rows of a set are multiplied in float32: dense ones, but for a logit.
func (f Form) inSingle(set *data.Set) bool { return !set.Sparse() && !f.isLogit(set) }

func newLogit(cpu *tensor.CPU, set *data.Set) *logit {
	r := newReader(set, true)
	return &logit{cpu, r, make([]float64, r.size), make([]float64, r.size), make([]float64, r.size)}
}

// add adds the loss of rows to sums, as the evaluator's add does, and with gradient the gradient.
func (b *logit) add(rows []uint32, w *weights, sums []float64, gradient bool) error {
	by := vector(w.w)
	for len(rows) > 0 {
		runs, classes, rest := b.rows.next(rows)
		rows = rest
		n, at := len(classes), 0
		z, losses, slopes := vector(b.z[:n]), vector(b.losses[:n]), vector(b.slopes[:n])
		for _, x := range runs {
			if err := b.cpu.RowDots(z.Slice(0, at, at+x.Dim(0)), x, by, w.b[0]); err != nil {
				return err
			}
			at += x.Dim(0)
		}
		loss, wrong, err := b.cpu.Logistic(slopes, losses, z, classes)
		if err != nil {
			return err
		}
		sums[len(sums)-2] += loss
		sums[len(sums)-1] += float64(wrong)
		if !gradient {
			continue
		}
		if err := b.gradient(runs, slopes, sums); err != nil {
			return err
		}
	}
	return nil
}

// gradient adds the products of the rows of a block and their slopes to sums.
func (b *logit) gradient(runs []array, slopes tensor.Dense[float64], sums []float64) error {
	features, at := runs[0].Dim(1), 0
	to := vector(sums[:features])
	for _, x := range runs {
		if err := b.cpu.AddRows(to, x, slopes.Slice(0, at, at+x.Dim(0))); err != nil {
			return err
		}
		at += x.Dim(0)
	}
	for _, d := range slopes.Values() {
		sums[features] += d
	}
	return nil
}
