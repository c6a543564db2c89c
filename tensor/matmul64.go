package tensor

import "math"

// MatMul64 computes out = a·b in float64, or out = out + a·b with add: any views, shapes as
// for [CPU.MatMul]. Values are chains of fused multiply-adds as there. It is plain Go, for
// small systems of equations and long sums of them, at a thirtieth of MatMul's speed.
func (c *CPU) MatMul64(out, a, b Dense[float64], add bool) error {
	if b.rank != 2 {
		return matmulError("b is %s: want 2 dimensions", b.dims())
	}
	if err := fits(out, a, b.shape[0], b.shape[1]); err != nil {
		return err
	}
	p := &c.product64
	if p.own == nil {
		p.own = make([]work64, len(c.work))
	}
	p.out, p.a, p.b, p.add = out, a, b, add
	c.pool.run(p, (out.shape[0]+rows64-1)/rows64)
	p.out, p.a, p.b = Dense[float64]{}, Dense[float64]{}, Dense[float64]{}
	return nil
}

// A product64 is a MatMul64 that runs.
type product64 struct {
	out, a, b Dense[float64]
	add       bool
	own       []work64
}

// A work64 has the panels of one worker: all rows of a unit, and a few columns of b.
type work64 struct{ a, b []float64 }

// The tile of one step, and the rows of a unit.
const (
	tile64Rows = 4
	tile64Cols = 2
	rows64     = 8 * tile64Rows
)

// unit computes some rows of out.
func (p *product64) unit(worker, i int) {
	w, k, n := &p.own[worker], p.a.shape[1], p.out.shape[1]
	first, until := i*rows64, min((i+1)*rows64, p.out.shape[0])
	w.a = packed64(w.a, p.a.T(), first, until, tile64Rows)
	for j := 0; j < n; j += tile64Cols {
		w.b = packed64(w.b, p.b, j, min(j+tile64Cols, n), tile64Cols)
		for r := first; r < until; r += tile64Rows {
			p.tile(w.a[(r-first)*k:][:tile64Rows*k], w.b[:tile64Cols*k], r, j)
		}
	}
}

// packed64 returns columns [from, until) of m as panels of a width, padded with zeros.
func packed64(into []float64, m Dense[float64], from, until, width int) []float64 {
	k := m.shape[0]
	need := (until - from + width - 1) / width * width * k
	if cap(into) < need {
		into = make([]float64, need)
	}
	into = into[:need]
	clear(into)
	for c := from; c < until; c++ {
		panel := into[(c-from)/width*width*k:]
		for i := range k {
			panel[i*width+(c-from)%width] = m.data[i*m.strides[0]+c*m.strides[1]]
		}
	}
	return into
}

// tile computes up to 4×2 values of out, from row r and column c on.
func (p *product64) tile(a, b []float64, r, c int) {
	var s [tile64Rows][tile64Cols]float64
	rows, cols := min(tile64Rows, p.out.shape[0]-r), min(tile64Cols, p.out.shape[1]-c)
	at := func(i, j int) int { return (r+i)*p.out.strides[0] + (c+j)*p.out.strides[1] }
	if p.add {
		for i := range rows {
			for j := range cols {
				s[i][j] = p.out.data[at(i, j)]
			}
		}
	}
	s = chains64(a, b, s)
	for i := range rows {
		for j := range cols {
			p.out.data[at(i, j)] = s[i][j]
		}
	}
}

// chains64 continues eight chains side by side.
func chains64(a, b []float64, s [tile64Rows][tile64Cols]float64) [tile64Rows][tile64Cols]float64 {
	s00, s01, s10, s11 := s[0][0], s[0][1], s[1][0], s[1][1]
	s20, s21, s30, s31 := s[2][0], s[2][1], s[3][0], s[3][1]
	for len(a) >= tile64Rows && len(b) >= tile64Cols {
		x, y := b[0], b[1]
		s00, s01 = math.FMA(a[0], x, s00), math.FMA(a[0], y, s01)
		s10, s11 = math.FMA(a[1], x, s10), math.FMA(a[1], y, s11)
		s20, s21 = math.FMA(a[2], x, s20), math.FMA(a[2], y, s21)
		s30, s31 = math.FMA(a[3], x, s30), math.FMA(a[3], y, s31)
		a, b = a[tile64Rows:], b[tile64Cols:]
	}
	return [tile64Rows][tile64Cols]float64{{s00, s01}, {s10, s11}, {s20, s21}, {s30, s31}}
}
