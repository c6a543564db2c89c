package tensor

import "scalar/tensor/internal/kernel"

// MatMulShifted computes out = x·b + bias, where x is m×k, b k×n, any view, and out m×n, the values of whose rows lie side by side. The bias
// is [n] without gaps, or the zero Dense: 0. A value is the sum of two chains of fused multiply-adds with k ascending, what its row differs in from
// 0 and the base from the bias: it is not that of [CPU.MatMul] to the bit. Cost: n multiply-adds for each place that differs, which read b, and for
// each of k.
func (c *CPU) MatMulShifted(out Dense[float32], x *Shifted, b, bias Dense[float32]) error {
	if !bias.IsZero() && !vector(bias, out.shape[1]) {
		return matmulError("bias is %s: want [%d] without gaps", bias.dims(), out.shape[1])
	}
	if err := fitsShifted(out, b, x.m, x.n); err != nil {
		return err
	}
	if out.shape[1] > 1 && out.strides[1] != 1 {
		return matmulError("out is %s: want values side by side in a row", out.dims())
	}
	p := shiftedProduct{cpu: c, out: matrixOf(out), x: x, b: matrixOf(b), row: true}
	if !bias.IsZero() {
		p.init = bias.data[:out.shape[1]]
	}
	p.run()
	return nil
}

// MatMulShiftedT computes out = xᵀ·b, where x is k×m, b k×n, any view, and sums the sums of its columns, [n] without gaps. Of out, m×n, the
// values of rows lie side by side, or those of columns without gaps in between. A value is one chain of fused multiply-adds: the base's value times
// the sum, rounded, then the terms of rows that differ from it. Cost: as that of MatMulShifted.
func (c *CPU) MatMulShiftedT(out Dense[float32], x *Shifted, b, sums Dense[float32]) error {
	if err := fitsShifted(out, b, x.n, x.m); err != nil {
		return err
	}
	if !vector(sums, out.shape[1]) {
		return matmulError("sums are %s: want [%d] without gaps", sums.dims(), out.shape[1])
	}
	p := shiftedProduct{cpu: c, out: matrixOf(out), x: x, b: matrixOf(b), init: sums.data[:out.shape[1]]}
	p.run()
	return nil
}

// vector reports whether d is n values without gaps.
func vector(d Dense[float32], n int) bool { return d.rank == 1 && d.shape[0] == n && d.Contiguous() }

// fitsShifted returns what is wrong with the shapes of a product with an m×k matrix.
func fitsShifted(out, b Dense[float32], m, k int) error {
	switch {
	case out.rank != 2 || b.rank != 2 || out.shape[0] != m || b.shape[0] != k || out.shape[1] != b.shape[1]:
		return matmulError("out is %s, a %d×%d and b %s", out.dims(), m, k, b.dims())
	case out.shape[1] > 1 && out.strides[1] != 1 && !out.T().Contiguous():
		return matmulError("out is %s: want values side by side in a row or in a column", out.dims())
	}
	return nil
}

// A shiftedProduct is a product with a Shifted that runs. Workers take a strip of columns each.
type shiftedProduct struct {
	cpu    *CPU
	out, b matrix
	x      *Shifted
	init   []float32 // the bias, or sums
	row    bool      // x, and not its transposed
	strip  int       // columns
}

func (p *shiftedProduct) run() {
	c, n := p.cpu, p.out.cols
	if p.out.rows == 0 || n == 0 {
		return
	}
	lanes := c.isa.Lanes()
	p.strip = min(even(n, max(n/len(c.work), 1), lanes), kernel.SparseVectors*lanes)
	c.shifted = *p
	c.pool.run(&c.shifted, (n+p.strip-1)/p.strip)
	c.shifted = shiftedProduct{}
}

func (p *shiftedProduct) unit(worker, i int) {
	lo, hi := i*p.strip, min((i+1)*p.strip, p.out.cols)
	w := &p.cpu.work[worker]
	if p.row {
		p.multiplyRows(w, lo, hi)
	} else {
		p.multiplyColumns(w, lo, hi)
	}
}

// pack puts columns of b together, of rows from k0 on, or rows that are a power of two apart would push each other out of the caches, where they
// are read many times in no order. Of the few rows at a time of x·b, where the columns are half of b's or more, at least half of the cache is theirs as
// they are.
func (p *shiftedProduct) pack(w *workspace, lo, hi, k0, k1 int) (s kernel.Sparse) {
	b := p.b.part(k0, k1, lo, hi)
	if p.row && b.colStep == 1 && b.rowStep >= b.cols && b.rowStep <= 2*b.cols {
		return kernel.Sparse{From: b.data, FromStep: b.rowStep, Cols: b.cols, Below: b.rows}
	}
	isa := p.cpu.isa
	width := (hi - lo + isa.Lanes() - 1) / isa.Lanes() * isa.Lanes()
	w.b = atLeast(w.b, (k1-k0)*width)
	isa.Pack(w.b, kernel.Panel{From: b.data, Line: b.colStep, Step: b.rowStep, Lines: hi - lo, Width: width, K: k1 - k0})
	return kernel.Sparse{From: w.b, FromStep: width, Cols: hi - lo, Below: k1 - k0}
}

// multiplyRows computes columns of x·b + bias, part by part of x's columns: the row that all have, beside what each differs in.
func (p *shiftedProduct) multiplyRows(w *workspace, lo, hi int) {
	x, isa, cols := p.x, p.cpu.isa, hi-lo
	w.a = atLeast(w.a, cols)
	if clear(w.a); p.init != nil {
		copy(w.a, p.init[lo:hi])
	}
	to, step := p.out.data[lo:], max(p.out.rowStep, cols)
	for r := range x.m {
		clear(to[r*step:][:cols])
	}
	for i := range x.parts {
		k0, k1 := i*x.each, min((i+1)*x.each, x.n)
		s := p.pack(w, lo, hi, k0, k1)
		s.To, s.ToStep = w.a, cols
		s.At, s.By, s.Starts = x.every, x.base[k0:k1], []uint32{0, uint32(k1 - k0)}
		isa.Sparse(&s)
		s.To, s.ToStep = to, step
		x.rows.of(&s, i*x.m, x.m)
		isa.Sparse(&s)
	}
	isa.Rows(&kernel.Rows{To: to, From: w.a, Width: cols, ToStride: step, N: x.m, Add: true})
}

// multiplyColumns computes columns of xᵀ·b, some rows at a time: where out has its columns side by side, they are turned while they are near.
func (p *shiftedProduct) multiplyColumns(w *workspace, lo, hi int) {
	const some = 64
	cols, rows := hi-lo, p.out.rows
	s := p.pack(w, lo, hi, 0, p.b.rows)
	from := s.From
	away := p.out.colStep != 1 && p.out.cols > 1
	if away {
		w.a = atLeast(w.a, some*s.FromStep)
	}
	for r := 0; r < rows; r += some {
		n := min(rows-r, some)
		if s.To, s.ToStep = w.a, s.FromStep; !away {
			s.To, s.ToStep = p.out.data[r*p.out.rowStep+lo:], max(p.out.rowStep, cols)
		}
		s.Init, s.Scale = p.init[lo:hi], p.x.base[r:]
		for i := range p.x.blocks {
			s.From = from[i*p.x.near*s.FromStep:]
			s.Below = min(p.b.rows-i*p.x.near, p.x.near)
			p.x.columns.of(&s, i*p.x.n+r, n)
			p.cpu.isa.Sparse(&s)
			s.Init = nil // the next block goes on
		}
		if away {
			p.cpu.isa.Transpose(p.out.data[lo*rows+r:], kernel.Panel{From: w.a, Line: s.FromStep, Step: 1, Lines: n, Width: rows, K: cols})
		}
	}
}
