package tensor

import (
	"fmt"

	"scalar/tensor/internal/kernel"
)

// A Packed is a right operand of products in the order in which the kernels read it:
// panels of a few vectors' width, each with all its rows, one after the other. CPUs may
// share it; only [CPU.Pack] changes it.
type Packed struct {
	isa    kernel.ISA
	k, n   int
	panels []float32
}

// Pack packs b, k×n, any view. What it packs into, it uses again; nil is a new one.
// Weights are packed once for serving, and once a step in training where more than one
// product takes them.
func (c *CPU) Pack(into *Packed, b Dense[float32]) (*Packed, error) {
	if b.rank != 2 {
		return nil, &ShapeError{"pack", fmt.Sprintf("b is %s: want 2 dimensions", b.dims())}
	}
	if into == nil {
		into = new(Packed)
	}
	k, n := b.shape[0], b.shape[1]
	if need := k * c.isa.Width(n); cap(into.panels) < need {
		into.panels = aligned[float32](need)
	}
	into.isa, into.k, into.n = c.isa, k, n
	into.panels = into.panels[:k*c.isa.Width(n)]
	packColumns(c.isa, into.panels, matrixOf(b))
	return into, nil
}

// Shape returns the rows and columns of what is packed.
func (p *Packed) Shape() (k, n int) { return p.k, p.n }

// packColumns packs all columns of b into panels as wide as their vectors.
func packColumns(isa kernel.ISA, to []float32, b matrix) {
	for j := 0; j < b.cols; {
		lines := isa.Columns(b.cols - j)
		width := isa.Width(lines)
		isa.Pack(to[j*b.rows:], kernel.Panel{
			From: from(b.data, j*b.colStep), Line: b.colStep, Step: b.rowStep, Lines: lines, Width: width, K: b.rows,
		})
		j += lines
	}
}

// packRows packs all rows of a into panels of so many each, the last of those that are left.
func packRows(isa kernel.ISA, to []float32, a matrix, each int) {
	for i := 0; i < a.rows; i += each {
		lines := min(each, a.rows-i)
		isa.Pack(to[i*a.cols:], kernel.Panel{
			From: from(a.data, i*a.rowStep), Line: a.rowStep, Step: a.colStep, Lines: lines, Width: lines, K: a.cols,
		})
	}
}

// from is s[i:], of which nothing is read where a matrix has no values.
func from(s []float32, i int) []float32 { return s[min(i, len(s)):] }

// part returns rows [r0, r1) and columns [c0, c1).
func (m matrix) part(r0, r1, c0, c1 int) matrix {
	m.data = from(m.data, r0*m.rowStep+c0*m.colStep)
	m.rows, m.cols = r1-r0, c1-c0
	return m
}
