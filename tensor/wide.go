package tensor

import (
	"cmp"
	"fmt"

	"scalar/tensor/internal/kernel"
)

// The operations of this file take rows of float32 as they lie, and compute in float64. They run on
// the caller's core: they are for blocks of rows that stay in its caches.

// A wideWork has copies with as many values as the kernels take at a time.
type wideWork struct{ by, sums, squares []float64 }

// padded returns a copy of values in the memory of into, zeros up to a multiple of what kernels take.
func padded(into, values []float64) []float64 {
	n := kernel.Wide(len(values))
	if cap(into) < n {
		into = make([]float64, n)
	}
	into = into[:n]
	clear(into[copy(into, values):])
	return into
}

// rowsBeside returns what is wrong with rows x, m×n, whose values lie side by side, and arrays of n.
func rowsBeside(op string, x Dense[float32], beside ...Dense[float64]) error {
	if x.rank != 2 || x.shape[1] > 1 && x.strides[1] != 1 || x.strides[0] < 0 {
		return &ShapeError{op, fmt.Sprintf("rows are %s: want m×n without gaps in a row", x.dims())}
	}
	for _, b := range beside {
		if !isArray(b, x.shape[1]) {
			return &ShapeError{op, fmt.Sprintf("rows are %s, and what lies beside them %s: want m×n and [n] without gaps", x.dims(), b.dims())}
		}
	}
	return nil
}

// perRow returns what is wrong with an array of a value for each row.
func perRow(op string, x Dense[float32], each Dense[float64]) error {
	if !isArray(each, x.shape[0]) {
		return &ShapeError{op, fmt.Sprintf("rows are %s, with %s: want m×n and [m] without gaps", x.dims(), each.dims())}
	}
	return nil
}

func isArray(d Dense[float64], n int) bool { return d.rank == 1 && d.shape[0] == n && d.Contiguous() }

// RowDots computes out[i] = bias + the sum of x[i][j]·by[j], in float64: x is m×n, out [m], by [n]. A
// sum is 8 chains of fused multiply-adds, value j in chain j mod 8, added in halves. It runs on
// the caller's core.
func (c *CPU) RowDots(out Dense[float64], x Dense[float32], by Dense[float64], bias float64) error {
	if err := cmp.Or(rowsBeside("row dots", x, by), perRow("row dots", x, out)); err != nil {
		return err
	}
	w := &c.wide
	w.by = padded(w.by, by.data[:by.shape[0]])
	c.isa.Dots(&kernel.Dots{To: out.data[:out.shape[0]], From: x.data, By: w.by, Stride: x.strides[0], Width: x.shape[1], Bias: bias})
	return nil
}

// AddRows adds the sum of by[i]·x[i][j] to sums[j], in float64: x is m×n, by [m], sums [n]. A sum is one
// chain of fused multiply-adds with i ascending. It runs on the caller's core.
func (c *CPU) AddRows(sums Dense[float64], x Dense[float32], by Dense[float64]) error {
	if err := cmp.Or(rowsBeside("add rows", x, sums), perRow("add rows", x, by)); err != nil {
		return err
	}
	w, to := &c.wide, sums.data[:sums.shape[0]]
	w.sums = padded(w.sums, to)
	c.isa.Spread(&kernel.Strips{Sums: w.sums, From: x.data, By: by.data[:by.shape[0]], Stride: x.strides[0], Width: x.shape[1]})
	copy(to, w.sums)
	return nil
}

// AddMoments adds the sum of x[i][j] to sums[j], and that of its square to squares[j], in float64, with i
// ascending: x is m×n, sums and squares [n]. It runs on the caller's core.
func (c *CPU) AddMoments(sums, squares Dense[float64], x Dense[float32]) error {
	if err := rowsBeside("add moments", x, sums, squares); err != nil {
		return err
	}
	w, n := &c.wide, sums.shape[0]
	w.sums, w.squares = padded(w.sums, sums.data[:n]), padded(w.squares, squares.data[:n])
	c.isa.Moments(&kernel.Strips{Sums: w.sums, Squares: w.squares, From: x.data, Rows: x.shape[0], Stride: x.strides[0], Width: x.shape[1]})
	copy(sums.data[:n], w.sums)
	copy(squares.data[:n], w.squares)
	return nil
}

// Logistic sets losses[i] to the loss of logistic regression, in nats, of a row of a class, 0 or 1, whose
// output z[i] is the logarithm of the odds of class 1, and slopes[i] to the loss's slope along z; both
// are within 4 units of the last place. It returns the sum of the losses, in order, and how many rows
// are of another class than that with the odds, class 0 where they are even. All are [m] without gaps. The
// error is a [ShapeError], or an [IndexError] of the last class that is none. It runs on the caller's
// core.
func (c *CPU) Logistic(slopes, losses, z Dense[float64], classes []uint32) (loss float64, wrong int, err error) {
	n := len(classes)
	if !isArray(z, n) || !isArray(losses, n) || !isArray(slopes, n) {
		return 0, 0, &ShapeError{"logistic", fmt.Sprintf("outputs are %s, losses %s, slopes %s, with %d classes: want [m] each", z.dims(), losses.dims(), slopes.dims(), len(classes))}
	}
	odd := -1
	for i, class := range classes {
		if class > 1 {
			odd = i
		}
	}
	if odd >= 0 {
		return 0, 0, &IndexError{"logistic", odd, int(classes[odd]), 2}
	}
	l := kernel.Logits{Z: z.data[:n], Losses: losses.data[:n], Slopes: slopes.data[:n], Classes: classes}
	wrong = c.isa.Logits(&l)
	for _, v := range l.Losses {
		loss += v
	}
	return loss, wrong, nil
}
