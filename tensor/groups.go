package tensor

import (
	"fmt"

	"scalar/tensor/internal/kernel"
)

// Largest sets places[i] to where row i of x, m×n without gaps, has its largest value, the
// first of equals. NaN is never the largest; a row of nothing else has place 0.
func (c *CPU) Largest(places []int32, x Dense[float32]) error {
	if x.rank != 2 || !x.Contiguous() || x.shape[1] == 0 || len(places) != x.shape[0] {
		return &ShapeError{"largest", fmt.Sprintf("%d places of the rows of %s: want m of m×n without gaps", len(places), x.dims())}
	}
	p := c.begin(largest, matrix{}, matrixOf(x))
	p.labels = places
	c.pool.run(p, units64(len(places)))
	p.end()
	return nil
}

func largest(p *rowsOf, _ *kernel.Map, unit int) {
	from, to := unit*rowsAtOnce, min((unit+1)*rowsAtOnce, p.x.rows)
	p.isa.Largest(&kernel.Largest{Rows: p.x.data[from*p.x.cols : to*p.x.cols], Places: p.labels[from:to], Width: p.x.cols})
}

// AddGroups adds row i of x, m×n, to row groups[i] of sums, k×n, both without gaps, in float64,
// in the order of i. The error is a [ShapeError], or an [IndexError].
func (c *CPU) AddGroups(sums Dense[float64], x Dense[float32], groups []int32) error {
	if x.rank != 2 || sums.rank != 2 || sums.shape[1] != x.shape[1] || !x.Contiguous() || !sums.Contiguous() || len(groups) != x.shape[0] {
		return &ShapeError{"add groups", fmt.Sprintf("sums is %s, x %s, with %d groups: want k×n, m×n and m, without gaps", sums.dims(), x.dims(), len(groups))}
	}
	if err := within("add groups", groups, sums.shape[0]); err != nil {
		return err
	}
	p := c.begin(addGroups, matrix{}, matrixOf(x))
	p.labels, p.sums = groups, sums.data[:sums.Len()]
	c.pool.run(p, (x.shape[1]+groupColumns-1)/groupColumns)
	p.end()
	return nil
}

// groupColumns is how many columns a worker adds: each sum is in one worker's hands.
const groupColumns = 64

func addGroups(p *rowsOf, _ *kernel.Map, unit int) {
	from := unit * groupColumns
	if len(p.labels) == 0 {
		return
	}
	p.isa.Groups(&kernel.Groups{
		Sums: p.sums[from:], From: p.x.data[from:], Of: p.labels, SumStride: p.x.cols, Stride: p.x.cols, Width: min(groupColumns, p.x.cols-from),
	})
}
