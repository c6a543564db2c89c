package linear

import "math"

// An objective is the loss of a model as a function of its numbers after a change of
// variables: features less their mean, and weights times the root of what the loss curves by
// along them where all outputs are 0. That is κ·variance + L2 of the feature's, with κ of
// [Form.curve]; over κ, so that without a penalty it is as if features had been scaled to a
// deviation of 1. The loss is that of the model's own weights, the penalty too, but the search
// sees columns that are alike. Without L2 in it, columns that hardly ever differ, such as pixels
// in a corner, would be steep by the penalty and hide all others.
type objective struct {
	form  Form
	rows  int
	l2    float64
	mean  []float64 // of each feature, less the shift
	scale []float64 // of each feature's weights; 1 for a constant
}

// far is how many deviations from 0 a column's mean is at which rows are moved, so that products
// in float32 lose less.
const far = 8

// newObjective makes one from the moments of all rows, and says what rows that are multiplied in
// float32 are to be moved by; nil: not at all.
func newObjective(f Form, moments []float64, rows int, l2 float64, single bool) (*objective, []float32) {
	o := &objective{form: f, rows: rows, l2: l2, mean: make([]float64, f.Features), scale: make([]float64, f.Features)}
	shift, moved := make([]float32, f.Features), false
	curve := f.curve()
	for j := range f.Features {
		mean := moments[j] / float64(rows)
		variance := moments[f.Features+j]/float64(rows) - float64(mean*mean)
		o.mean[j], o.scale[j] = mean, 1
		if variance > 1e-14*mean*mean {
			o.scale[j] = 1 / math.Sqrt(variance+l2/curve)
		}
		if single && math.Abs(mean) > far*math.Sqrt(max(variance, 0)) {
			shift[j], moved = float32(mean), true
			o.mean[j] = mean - float64(shift[j])
		}
	}
	if !moved {
		shift = nil
	}
	return o, shift
}

// curve returns κ: what the loss of a row curves by along an output where all outputs are 0.
func (f Form) curve() float64 {
	if f.Outputs == 1 {
		return 1
	}
	return (1 - 1/float64(f.Outputs)) / float64(f.Outputs)
}

// set makes weights, for rows less the shift, of a point.
func (o *objective) set(w *weights, point []float64) {
	free := o.form.Free()
	copy(w.b, point[o.form.Features*free:])
	for j, scale := range o.scale {
		for c := range free {
			v := point[j*free+c] * scale
			w.w[j*free+c] = v
			w.b[c] -= float64(v * o.mean[j])
		}
	}
}

// loss sets gradient to that at the point that w was made of, and returns the loss there and
// the share of rows with another label, from the sums of all rows.
func (o *objective) loss(w *weights, sums, gradient []float64) (loss, wrong float64) {
	free, n := o.form.Free(), float64(o.rows)
	bias := sums[o.form.Features*free:]
	penalty := 0.0
	for j, scale := range o.scale {
		for c := range free {
			at := j*free + c
			g := (sums[at] - float64(o.mean[j]*bias[c])) / n
			gradient[at] = (g + float64(o.l2*w.w[at])) * scale
			penalty += float64(w.w[at] * w.w[at])
		}
	}
	for c := range free {
		gradient[o.form.Features*free+c] = bias[c] / n
	}
	return sums[len(sums)-2]/n + float64(o.l2*penalty)/2, sums[len(sums)-1] / n
}

// point returns the point of a model's numbers, as to go on from.
func (o *objective) point(model []float64, shift []float32) []float64 {
	free := o.form.Free()
	point := append([]float64(nil), model...)
	bias := point[o.form.Features*free:]
	for j, scale := range o.scale {
		mean := o.mean[j]
		if shift != nil {
			mean += float64(shift[j])
		}
		for c := range free {
			bias[c] += float64(model[j*free+c] * mean)
			point[j*free+c] = model[j*free+c] / scale
		}
	}
	return point
}

// model returns the numbers of the model that a point is.
func (o *objective) model(w *weights, point []float64, shift []float32) []float64 {
	o.set(w, point)
	free := o.form.Free()
	out := append(append([]float64(nil), w.w...), w.b...)
	for j, s := range shift {
		for c := range free {
			out[o.form.Features*free+c] -= float64(w.w[j*free+c] * float64(s))
		}
	}
	return out
}
