package linear

import (
	"slices"

	"scalar/ml/data"
	"scalar/ml/nn"
	"scalar/tensor"
)

type array = tensor.Dense[float32]

// An evaluator computes losses and gradients of rows, block by block: in float32, but for a logit.
type evaluator struct {
	cpu   *tensor.CPU
	set   *data.Set
	form  Form
	shift []float32 // taken from dense rows; nil: nothing is

	x, z, g array     // a block's rows, outputs, and product of both
	sums    []float64 // of a sparse row, by output
	labels  []int32   // nil for regression

	logit *logit // that computes instead; nil: none does
}

// Sums of shards are vectors of a form's Size, the gradient, then the loss and how many rows
// have another label.
func sumsLen(f Form) int { return f.Size() + 2 }

func newEvaluator(cpu *tensor.CPU, set *data.Set, f Form, shift []float32) *evaluator {
	if f.isLogit(set) {
		return &evaluator{logit: newLogit(cpu, set)}
	}
	e := &evaluator{cpu: cpu, set: set, form: f, shift: shift, z: tensor.New[float32](blockRows, f.Outputs), sums: make([]float64, f.Free())}
	if !set.Sparse() {
		e.x, e.g = tensor.New[float32](blockRows, f.Features), tensor.New[float32](f.Features, f.Outputs)
	}
	if f.Outputs > 1 {
		e.labels = make([]int32, blockRows)
	}
	return e
}

// add adds the loss and gradient of rows to sums.
func (e *evaluator) add(rows []uint32, w *weights, sums []float64) error {
	if e.logit != nil {
		return e.logit.add(rows, w, sums, true)
	}
	return e.blocks(rows, w, func(rows []uint32, z array) error {
		if err := e.slopes(rows, z, sums); err != nil {
			return err
		}
		return e.gradient(rows, z, sums)
	})
}

// score adds the loss of rows to the last two of sums, the gradient to none.
func (e *evaluator) score(rows []uint32, w *weights, sums []float64) error {
	if e.logit != nil {
		return e.logit.add(rows, w, sums, false)
	}
	return e.blocks(rows, w, func(rows []uint32, z array) error { return e.slopes(rows, z, sums) })
}

// blocks calls do with the outputs of each block of rows.
func (e *evaluator) blocks(rows []uint32, w *weights, do func(rows []uint32, z array) error) error {
	for block := range slices.Chunk(rows, blockRows) {
		z, err := e.outputs(block, w)
		if err != nil {
			return err
		}
		if err := do(block, z); err != nil {
			return err
		}
	}
	return nil
}

// outputs returns the outputs of a block of rows, valid until the next call.
func (e *evaluator) outputs(rows []uint32, w *weights) (array, error) {
	z := e.z.Slice(0, 0, len(rows))
	if e.set.Sparse() {
		values, o := z.Values(), e.form.Outputs
		for i, row := range rows {
			e.sparseRow(values[i*o:(i+1)*o], int(row), w)
		}
		return z, nil
	}
	x := e.x.Slice(0, 0, len(rows))
	values, f := x.Values(), e.form.Features
	e.set.Rows(values, rows)
	if e.shift != nil {
		for i := range rows {
			row := values[i*f : (i+1)*f]
			for j, s := range e.shift {
				row[j] -= s
			}
		}
	}
	return z, e.cpu.MatMulPacked(z, x, w.packed, tensor.Epilogue{Bias: w.bias})
}

// sparseRow sets z to the outputs of a row.
func (e *evaluator) sparseRow(z []float32, row int, w *weights) {
	columns, values := e.set.Entries(row)
	free := e.form.Free()
	clear(z[:e.form.First])
	clear(e.sums)
	for i, j := range columns {
		v := float64(values[i])
		for c, x := range w.w[int(j)*free : int(j)*free+free] {
			e.sums[c] += float64(v * x)
		}
	}
	for c, sum := range e.sums {
		z[e.form.First+c] = float32(w.b[c] + float64(w.scale*sum))
	}
}

// slopes adds the losses of a block of rows, and how many have another label, to the last two
// of sums, and turns outputs into the slopes of the loss.
func (e *evaluator) slopes(rows []uint32, z array, sums []float64) error {
	loss, wrong := &sums[len(sums)-2], &sums[len(sums)-1]
	if e.labels != nil {
		labels := e.labels[:len(rows)]
		for i, row := range rows {
			labels[i] = int32(e.set.Class(int(row)))
		}
		*wrong += float64(nn.Wrong(z, labels))
		sum, err := e.cpu.CrossEntropy(z, z, labels, 1)
		*loss += sum
		return err
	}
	out := z.Values()
	for i, row := range rows {
		d := float64(out[i]) - e.set.Value(int(row))
		*loss += float64(d*d) / 2
		out[i] = float32(d)
	}
	return nil
}

// gradient adds the products of rows and slopes to sums.
func (e *evaluator) gradient(rows []uint32, z array, sums []float64) error {
	o, first, free := e.form.Outputs, e.form.First, e.form.Free()
	slopes, bias := z.Values(), sums[e.form.Features*free:]
	for i := range rows {
		for c := range free {
			bias[c] += float64(slopes[i*o+first+c])
		}
	}
	if e.set.Sparse() {
		for i, row := range rows {
			columns, values := e.set.Entries(int(row))
			d := slopes[i*o+first : (i+1)*o]
			for k, j := range columns {
				v, to := float64(values[k]), sums[int(j)*free:int(j)*free+free]
				for c := range to {
					to[c] += float64(v * float64(d[c]))
				}
			}
		}
		return nil
	}
	if err := e.cpu.MatMul(e.g, e.x.Slice(0, 0, len(rows)).T(), z, tensor.Epilogue{}); err != nil {
		return err
	}
	g := e.g.Values()
	for j := range e.form.Features {
		for c := range free {
			sums[j*free+c] += float64(g[j*o+first+c])
		}
	}
	return nil
}

// moments adds the sums of the columns of rows, and of their squares, to a vector of
// 2·features.
func moments(cpu *tensor.CPU, set *data.Set, rows []uint32, sums []float64) error {
	f := set.Features()
	if set.Sparse() {
		for _, i := range rows {
			columns, values := set.Entries(int(i))
			for k, j := range columns {
				x := float64(values[k])
				sums[j] += x
				sums[f+int(j)] += float64(x * x)
			}
		}
		return nil
	}
	for r := newReader(set, false); len(rows) > 0; {
		var runs []array
		runs, _, rows = r.next(rows)
		for _, x := range runs {
			if err := cpu.AddMoments(vector(sums[:f]), vector(sums[f:]), x); err != nil {
				return err
			}
		}
	}
	return nil
}
