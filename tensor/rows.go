package tensor

import (
	"fmt"
	"math"

	"scalar/tensor/internal/kernel"
)

// The operations of this file go through matrices row by row, several workers at rows or
// columns of their own.

// SumRows computes out[j] = x[0][j] + x[1][j] + … in this order, and with add out[j]
// before them: the gradient of a bias. out is [n] and x m×n, both without gaps.
func (c *CPU) SumRows(out, x Dense[float32], add bool) error {
	if x.rank != 2 || out.rank != 1 || out.shape[0] != x.shape[1] || !out.Contiguous() || !x.Contiguous() {
		return &ShapeError{"sum rows", fmt.Sprintf("out is %s and x %s: want [n] and m×n without gaps", out.dims(), x.dims())}
	}
	if !add {
		clear(out.data[:out.Len()])
	}
	p := c.begin(sumRows, matrixOf(out.asRow()), matrixOf(x))
	c.pool.run(p, (out.shape[0]+sumColumns-1)/sumColumns)
	p.end()
	return nil
}

// asRow returns [n] as 1×n.
func (d Dense[T]) asRow() Dense[T] {
	d.rank, d.shape[1], d.strides[1] = 2, d.shape[0], d.strides[0]
	d.shape[0], d.strides[0] = 1, d.shape[1]
	return d
}

// Softmax computes exp(x - log Σ exp(x)) of each row, stable for all finite x. out may
// be x. Both are m×n without gaps.
func (c *CPU) Softmax(out, x Dense[float32]) error {
	if err := sameMatrices("softmax", out, x); err != nil {
		return err
	}
	p := c.begin(softmax, matrixOf(out), matrixOf(x))
	c.pool.run(p, units64(out.shape[0]))
	p.end()
	return nil
}

// CrossEntropy returns the sum of -log softmax(x)[label] over the rows of x, m×n without
// gaps, one label in [0, n) each, and sets dx to scale times its gradient, scale·(softmax(x)
// - 1 at the label). dx may be x. The error is a [ShapeError], or an [IndexError].
func (c *CPU) CrossEntropy(dx, x Dense[float32], labels []int32, scale float32) (loss float64, err error) {
	if err := sameMatrices("cross-entropy", dx, x); err != nil {
		return 0, err
	}
	if len(labels) != x.shape[0] {
		return 0, &ShapeError{"cross-entropy", fmt.Sprintf("%d labels of the rows of %s", len(labels), x.dims())}
	}
	if err := within("cross-entropy", labels, x.shape[1]); err != nil {
		return 0, err
	}
	p := c.begin(crossEntropy, matrixOf(dx), matrixOf(x))
	if cap(p.losses) < len(labels) {
		p.losses = make([]float64, len(labels))
	}
	p.labels, p.scale, p.losses = labels, scale, p.losses[:len(labels)]
	c.pool.run(p, units64(len(labels)))
	p.end()
	for _, l := range p.losses {
		loss += l
	}
	return loss, nil
}

// An IndexError is a label or index, that of row Row, outside of [0, Size).
type IndexError struct {
	Op               string
	Row, Index, Size int
}

// Error names the operation, the row, the index and the size.
func (e *IndexError) Error() string {
	return fmt.Sprintf("tensor: %s: row %d has %d: want 0 to %d", e.Op, e.Row, e.Index, e.Size-1)
}

// within returns an [IndexError] for the first index outside of [0, size).
func within(op string, indices []int32, size int) error {
	for i, x := range indices {
		if x < 0 || int(x) >= size {
			return &IndexError{op, i, int(x), size}
		}
	}
	return nil
}

func sameMatrices(op string, out, x Dense[float32]) error {
	if x.rank != 2 || !SameShape(out, x) || !out.Contiguous() || !x.Contiguous() {
		return &ShapeError{op, fmt.Sprintf("out is %s and x %s: want both m×n without gaps", out.dims(), x.dims())}
	}
	return nil
}

const (
	sumColumns = 256 // that a worker sums at a time
	rowsAtOnce = 64  // of the other operations
)

func units64(rows int) int { return (rows + rowsAtOnce - 1) / rowsAtOnce }

// A rowsOf is one of the operations, while it runs.
type rowsOf struct {
	kind   func(*rowsOf, *kernel.Map, int)
	isa    kernel.ISA
	out, x matrix
	labels []int32 // or indices
	losses []float64
	sums   []float64 // by group
	scale  float32
	own    []kernel.Map // one per worker
}

func (c *CPU) begin(kind func(*rowsOf, *kernel.Map, int), out, x matrix) *rowsOf {
	p := &c.rows
	if p.own == nil {
		p.own = make([]kernel.Map, len(c.work))
	}
	p.kind, p.isa, p.out, p.x = kind, c.isa, out, x
	return p
}

// end lets go of the arrays.
func (p *rowsOf) end() {
	p.out, p.x, p.labels, p.sums = matrix{}, matrix{}, nil, nil
	clear(p.own)
}

func (p *rowsOf) unit(worker, i int) { p.kind(p, &p.own[worker], i) }

// sumRows adds some columns.
func sumRows(p *rowsOf, m *kernel.Map, unit int) {
	from, to := unit*sumColumns, min((unit+1)*sumColumns, p.x.cols)
	m.Op = kernel.Add
	m.Out = p.out.data[from:to]
	m.X = m.Out
	for i := range p.x.rows {
		m.Y = p.x.data[i*p.x.cols+from : i*p.x.cols+to]
		p.isa.Map(m)
	}
}

func softmax(p *rowsOf, m *kernel.Map, unit int) {
	for i := unit * rowsAtOnce; i < min((unit+1)*rowsAtOnce, p.x.rows); i++ {
		_, sum := p.exponentials(m, i)
		m.Op, m.X, m.C[0] = kernel.Scale, m.Out, 1/sum
		p.isa.Map(m)
	}
}

func crossEntropy(p *rowsOf, m *kernel.Map, unit int) {
	for i := unit * rowsAtOnce; i < min((unit+1)*rowsAtOnce, p.x.rows); i++ {
		l := p.labels[i]
		at := p.x.data[i*p.x.cols+int(l)]
		most, sum := p.exponentials(m, i)
		p.losses[i] = math.Log(float64(sum)) + float64(most) - float64(at)
		m.Op, m.X, m.C[0] = kernel.Scale, m.Out, p.scale/sum
		p.isa.Map(m)
		m.Out[l] -= p.scale
	}
}

// exponentials sets row i of out to exp(x - the largest x) and returns that and the sum.
func (p *rowsOf) exponentials(m *kernel.Map, i int) (most, sum float32) {
	m.X = p.x.data[i*p.x.cols:][:p.x.cols]
	m.Out = p.out.data[i*p.x.cols:][:p.x.cols]
	most = float32(math.Inf(-1))
	for _, x := range m.X {
		most = max(most, x)
	}
	m.Op, m.C[0] = kernel.Exp, most
	p.isa.Map(m)
	return most, p.isa.Sum(m.Out)
}
