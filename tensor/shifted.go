package tensor

import (
	"fmt"
	"math"
	"slices"

	"scalar/tensor/internal/kernel"
)

// A Shifted is a matrix whose rows differ in few columns from one row, the base: x = 1 ⊗ base + rest, where rest is sparse. Products
// with it cost what rest has. [CPU.Shift] sets it, and uses its memory again; the zero Shifted is 0×0.
type Shifted struct {
	m, n    int
	base    []float32
	parts   int // that the columns are cut into, of each columns but the last
	each    int
	every   []uint32 // 0 to each-1
	rows    list     // of rest: all rows of the first part, then of the next
	blocks  int      // that the rows are cut into, of near each but the last
	near    int      // rows of which what a strip of another matrix has for them stays in the first cache
	columns list     // of rest: all columns of the first block, then of the next
}

// nearBytes are most of a first cache.
const nearBytes = 32 << 10

// A list is the rows of a sparse matrix: those that at and by have from starts[r] up to starts[r+1] are of row r.
type list struct {
	starts []uint32
	at     []uint32
	by     []float32
}

// Shape returns the rows and columns.
func (s *Shifted) Shape() (m, n int) { return s.m, s.n }

// Len returns in how many places rows differ from the base.
func (s *Shifted) Len() int { return len(s.columns.at) }

// Shift makes s the m×n matrix x, by what of its rows differs from base, [n]: both without gaps. It keeps base. It runs on the caller's core,
// in the time of a copy of x.
func (c *CPU) Shift(s *Shifted, x, base Dense[float32]) error {
	if x.rank != 2 || base.rank != 1 || base.shape[0] != x.shape[1] || !base.Contiguous() || !x.Contiguous() {
		return &ShapeError{"shift", fmt.Sprintf("x is %s and base %s: want m×n and [n] without gaps", x.dims(), base.dims())}
	}
	m, n := x.shape[0], x.shape[1]
	if err := fitsList(m, n); err != nil {
		return err
	}
	s.begin(m, base.data[:n], nearRows(c.isa))
	c.shiftColumns(s, x.data)
	s.cut()
	s.rows.reset(m * s.parts)
	for i := range s.parts {
		lo, hi := i*s.each, min((i+1)*s.each, n)
		s.rows.add(c.isa, i*m, m, kernel.Differences{X: from(x.data, lo), Base: s.base[lo:], Step: n, Cols: hi - lo})
	}
	return nil
}

// fitsList returns what is wrong with an m×n matrix of which every value may differ.
func fitsList(m, n int) error {
	if m*n > math.MaxInt32 {
		return &ShapeError{"shift", fmt.Sprintf("x is %d×%d: want at most 2^31-1 values", m, n)}
	}
	return nil
}

// nearRows returns of how many rows a strip of another matrix stays in the first cache.
func nearRows(isa kernel.ISA) int { return nearBytes / (4 * kernel.SparseVectors * isa.Lanes()) }

// begin makes it m rows like base that differ in nothing yet, in blocks of near.
func (s *Shifted) begin(m int, base []float32, near int) {
	s.m, s.n, s.base, s.near = m, len(base), base, near
	s.blocks = max((m+near-1)/near, 1)
	s.columns.reset(s.n * s.blocks)
}

// shiftColumns lists the columns of what is left of x without the base.
func (c *CPU) shiftColumns(s *Shifted, x []float32) {
	const some = 32 // columns: they stay in the first cache
	c.turned = atLeast(c.turned, some*min(s.m, s.near))
	for i := range s.blocks {
		r0, rows := i*s.near, min(s.m-i*s.near, s.near)
		for lo := 0; lo < s.n && rows > 0; lo += some {
			k := min(s.n-lo, some)
			c.isa.Pack(c.turned, kernel.Panel{From: x[r0*s.n+lo:], Line: s.n, Step: 1, Lines: rows, Width: rows, K: k})
			s.columns.add(c.isa, i*s.n+lo, k, kernel.Differences{X: c.turned, Base: s.base[lo:], Step: rows, Cols: rows, Same: true})
		}
	}
}

// cut chooses how many columns a part has: as many as what a strip of another matrix has for them stays in the first cache, and as
// a row differs in some of, or it costs more to begin with it than to add it.
func (s *Shifted) cut() {
	const near, few = 80, 12
	s.each = max(s.n, 1)
	if s.Len() > 0 {
		s.each = min(max(near, few*s.m*s.n/s.Len()), s.n)
	}
	s.parts = (s.n + s.each - 1) / s.each
	for len(s.every) < s.each {
		s.every = append(s.every, uint32(len(s.every)))
	}
}

// reset makes room for so many rows, none of which is there.
func (l *list) reset(rows int) {
	l.starts = slices.Grow(l.starts[:0], rows+1)[:rows+1]
	clear(l.starts)
	l.at, l.by = l.at[:0], l.by[:0]
}

// add adds what so many rows differ in, the first of which is number row.
func (l *list) add(isa kernel.ISA, row, rows int, d kernel.Differences) {
	d.Starts, d.At, d.By = l.room(row, rows, d.Cols)
	isa.Differ(&d)
	l.end(row + rows)
}

// room returns where what rows of so many values differ in goes.
func (l *list) room(row, rows, cols int) (starts, at []uint32, by []float32) {
	room := kernel.Differing(rows * cols)
	l.at, l.by = slices.Grow(l.at, room), slices.Grow(l.by, room)
	return l.starts[row:][:rows+1], l.at[:cap(l.at)], l.by[:cap(l.by)]
}

// end ends with the row before row.
func (l *list) end(row int) {
	end := l.starts[row]
	l.at, l.by = l.at[:end], l.by[:end]
}

// of makes rows the operand of a product.
func (l *list) of(s *kernel.Sparse, row, rows int) {
	s.At, s.By, s.Starts = l.at, l.by, l.starts[row:][:rows+1]
}
