package tensor

import "scalar/tensor/internal/kernel"

// A product is one call of MatMul. Its out is cut into a grid of cells; workers take
// cells and compute each by itself, with panels of their own, or operands where they lie. That packs rows of a and
// columns of b more than once, which costs less than waiting for each other in between.
//
// In a cell the loops are those of Goto and van de Geijn (Anatomy of high-performance
// matrix multiplication, ACM TOMS 34(3), 2008, §4): columns by nc, k by kc, rows by mc,
// then panels of b and of a.
type product struct {
	cpu *CPU
	operand
	out, a  matrix
	bias    []float32
	flags   int // kernel.Load, for the first block of k; kernel.ReLU, for the last
	grid    grid
	scratch []float32 // an out whose rows have gaps

	inPlaceA, inPlaceB bool
}

// A grid cuts out into cells of rows×cols, both whole tiles but at the end.
type grid struct {
	rows, cols int // of a cell
	across     int // cells in a row of them
	cells      int
}

// A workspace has the panels of one worker.
type workspace struct {
	a, b []float32
	tile kernel.Tile
}

// A blocking says how much of the operands is packed at a time, and which are not.
type blocking struct {
	kc int // of k: a panel of a stays in the first cache
	mc int // rows of a: its panels stay in the second cache, beside one of b
	nc int // columns of b: its panels stay in the third cache

	fewA, fewB int // uses of a value up to which the operand is read where it lies
	fewCrowded int // the same of a b whose rows lie badly
}

// standard returns a blocking from measurements on Zen 4 and, with AVX2, on Zen 3:
// docs/decisions/0025-generated-kernels.md.
func standard(isa kernel.ISA) blocking {
	b := blocking{kc: 512, mc: 192, nc: 1920, fewA: 1024, fewB: 1024, fewCrowded: 1024}
	if isa == kernel.AVX2 {
		b.fewB, b.fewCrowded = 512, 32
	}
	return b
}

func (p *product) run(c *CPU) {
	p.lay()
	p.grid = c.gridOf(cutting{p.out.rows, p.out.cols, p.a.cols, p.packed != nil})
	c.pool.run(p, p.grid.cells)
}

// lay decides which operands are read where they lie.
func (p *product) lay() {
	bl := p.cpu.blocking
	p.inPlaceA = inPlace(p.a) && p.out.cols <= bl.fewA
	few := bl.fewB
	if crowded(p.b.rowStep, min(p.a.cols, bl.kc), p.cpu.isa.Lanes()) {
		few = bl.fewCrowded
	}
	p.inPlaceB = p.packed == nil && inPlace(p.b) && p.out.rows <= few
}

// crowded reports whether rows so far apart lie badly for a tile, which takes a few vectors of each: where
// they begin within vectors, so that loads need two lines, or where so many of them push each other
// out of the first cache, as those do that are a multiple of its ways' size apart.
func crowded(rowStep, rows, lanes int) bool {
	const ways = 8 // of a page each, or more of them
	alike := pageValues
	for alike > 1 && rowStep%alike != 0 {
		alike /= 2
	}
	return rowStep%lanes != 0 || rows*alike >= ways*pageValues
}

// unit computes cell i.
func (p *product) unit(worker, i int) {
	w, g := &p.cpu.work[worker], p.grid
	r0, c0 := i/g.across*g.rows, i%g.across*g.cols
	r1, c1 := min(r0+g.rows, p.out.rows), p.until(c0, g.cols)
	bl := p.cpu.blocking
	nc := even(c1-c0, bl.nc, p.cpu.isa.NR())
	kc := even(p.a.cols, bl.kc, 8)
	mc := even(r1-r0, bl.mc, p.cpu.isa.MR())
	for j := c0; j < c1; j = p.until(j, nc) {
		b := block{c0: j, c1: min(p.until(j, nc), c1), only: mc >= r1-r0}
		for b.k0 = 0; b.k0 == 0 || b.k0 < p.a.cols; b.k0 += kc {
			b.k1 = min(b.k0+kc, p.a.cols)
			p.roomB(w, b)
			for b.r0 = r0; b.r0 < r1; b.r0 += mc {
				b.r1, b.first = min(b.r0+mc, r1), b.r0 == r0
				p.packA(w, b)
				p.block(w, b)
			}
		}
	}
}

// until returns where columns from c on end that are cut by so many: what would be left of the last tiles,
// see [kernel.ISA.Columns], belongs to those before.
func (p *product) until(c, each int) int {
	if n := p.out.cols; c > 0 && n-c <= p.cpu.isa.Lanes() {
		return c
	} else if n-c-each > p.cpu.isa.Lanes() {
		return c + each
	}
	return p.out.cols
}

// even returns the size of the blocks, multiples of unit of at most most, that cut n
// into the fewest and most equal.
func even(n, most, unit int) int {
	most = max(most/unit*unit, unit)
	blocks := max((n+most-1)/most, 1)
	each := (n + blocks - 1) / blocks
	return max((each+unit-1)/unit*unit, unit)
}

// A block is a part of a product: rows of a, columns of b, and a part of k.
type block struct {
	r0, r1, c0, c1, k0, k1 int
	first, only            bool // of the rows of a cell
}

// roomB makes room for the panels of b. Where no block of rows comes after this one, one panel at a time
// is kept, which stays near.
func (p *product) roomB(w *workspace, b block) {
	isa := p.cpu.isa
	cols := b.c1 - b.c0
	if b.only || p.inPlaceB {
		cols = min(cols, isa.NR())
	}
	if p.packed == nil {
		w.b = atLeast(w.b, (b.k1-b.k0)*isa.Width(cols))
	}
}

func (p *product) packA(w *workspace, b block) {
	if p.inPlaceA {
		return
	}
	w.a = atLeast(w.a, (b.k1-b.k0)*(b.r1-b.r0))
	packRows(p.cpu.isa, w.a, p.a.part(b.r0, b.r1, b.k0, b.k1), p.cpu.isa.MR())
}

// atLeast returns s, or a longer slice without its values.
func atLeast(s []float32, n int) []float32 {
	if cap(s) < n {
		return aligned[float32](n)
	}
	return s[:n]
}

// block computes the tiles of a block, in each panel of b one after the other.
func (p *product) block(w *workspace, b block) {
	isa, t := p.cpu.isa, &w.tile
	t.K, t.Stride, t.Flags = b.k1-b.k0, p.out.rowStep, 0
	if b.k0 > 0 {
		t.Flags |= kernel.Load
	} else {
		t.Flags |= p.flags & kernel.Load
	}
	last := b.k1 == p.a.cols
	if last {
		t.Flags |= p.flags & kernel.ReLU
	}
	for j := b.c0; j < b.c1; {
		cols := isa.Columns(b.c1 - j)
		t.SetCols(isa, cols)
		t.B, t.BStep = p.panel(w, b, j, cols)
		t.Rows = b.r1 - b.r0
		if t.A, t.ARow, t.AStep = from(p.a.data, b.r0*p.a.rowStep+b.k0), p.a.rowStep, 1; !p.inPlaceA {
			t.A, t.AStep = w.a[:t.Rows*t.K], 0
		}
		t.C = p.out.data[b.r0*p.out.rowStep+j:]
		if t.Bias = nil; last && p.bias != nil {
			t.Bias = p.bias[j:]
		}
		if next := j + cols; p.packed != nil && t.Rows == 1 && isa.Pairs(cols) && next < b.c1 && isa.Columns(b.c1-next) == cols {
			second, _ := p.panel(w, b, next, cols)
			isa.RunPair(t, second)
			j = next
		} else {
			isa.Run(t)
		}
		j += cols
	}
}

// panel returns the part of b's panel at column j that a block needs, and how far apart its rows are. The
// first block of rows packs it, just before it is used.
func (p *product) panel(w *workspace, b block, j, cols int) (rows []float32, step int) {
	isa, k := p.cpu.isa, b.k1-b.k0
	width, at := isa.Width(cols), 0
	switch {
	case p.packed != nil:
		return p.packed.panels[j*p.packed.k:][b.k0*width : b.k1*width], width
	case p.inPlaceB && cols == width:
		return from(p.b.data, b.k0*p.b.rowStep+j), p.b.rowStep
	case !p.inPlaceB && !b.only:
		at = (j - b.c0) * k
	}
	rows = w.b[at:][:k*width]
	if b.first {
		packColumns(isa, rows, p.b.part(b.k0, b.k1, j, j+cols))
	}
	return rows, width
}

// inPlace reports whether an operand, rows of neighbours, can be read where it lies: not where rows are
// whole pages apart, as they then push each other out of the caches.
func inPlace(m matrix) bool { return m.colStep == 1 && m.rowStep%pageValues != 0 }

const pageValues = 1024
