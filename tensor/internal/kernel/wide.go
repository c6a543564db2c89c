package kernel

import "math"

// wide is how many values of a row are taken at a time in float64. Slices of float64 beside a row
// are as long as the row, up to a multiple of that: what is beyond the row counts as 0.
const wide = 8

// Wide returns how many float64 lie beside a row of n values.
func Wide(n int) int { return (n + wide - 1) / wide * wide }

// Dots are the products of rows of Width float32, Stride apart, with By: To[i] is the sum of
// From[i][j]·By[j], and Bias. It is 8 chains of fused multiply-adds in float64, value j in chain j
// mod 8, which are added in halves. By has Wide(Width) values.
type Dots struct {
	To     []float64
	From   []float32
	By     []float64
	Stride int
	Width  int
	Bias   float64
}

// check panics where the assembly would reach outside of a slice.
func (d *Dots) check() { checkRows(d.From, len(d.To), d.Stride, d.Width, d.By) }

// checkRows panics unless rows lie in from, and each of the slices lies beside a row.
func checkRows(from []float32, rows, stride, width int, beside ...[]float64) {
	if width < 0 || stride < 0 || len(from) < (rows-1)*stride+width {
		panic("kernel: rows beyond their slice")
	}
	for _, b := range beside {
		if len(b) < Wide(width) {
			panic("kernel: too few values beside a row")
		}
	}
}

// plain is the operation in Go.
func (d *Dots) plain() {
	by := d.By[:Wide(d.Width)]
	for i := range d.To {
		row := d.From[i*d.Stride:][:d.Width]
		var c [wide]float64
		for j := range by {
			x := 0.0
			if j < len(row) {
				x = float64(row[j])
			}
			c[j%wide] = math.FMA(x, by[j], c[j%wide])
		}
		d.To[i] = ((c[0] + c[4]) + (c[2] + c[6])) + ((c[1] + c[5]) + (c[3] + c[7])) + d.Bias
	}
}

// Strips are sums over rows of Width float32, Stride apart, in float64: of each column one chain,
// in the order of rows. Sums, and Squares, have Wide(Width) values.
type Strips struct {
	Sums    []float64
	Squares []float64 // of Moments
	From    []float32
	By      []float64 // of Spread: a number for each row
	Rows    int
	Stride  int
	Width   int
}

// Spread adds From[i][j]·By[i] to Sums[j], by fused multiply-adds. It sets Rows.
func (i ISA) Spread(s *Strips) {
	if s.Rows = len(s.By); s.Rows == 0 || s.Width == 0 {
		return
	}
	checkRows(s.From, s.Rows, s.Stride, s.Width, s.Sums)
	if i != Plain {
		i.spread(s)
		return
	}
	for i, by := range s.By {
		for j, x := range s.From[i*s.Stride:][:s.Width] {
			s.Sums[j] = math.FMA(float64(x), by, s.Sums[j])
		}
	}
}

// Moments adds From[i][j] to Sums[j], and its square, which is exact, to Squares[j].
func (i ISA) Moments(s *Strips) {
	if s.Rows < 1 || s.Width == 0 {
		return
	}
	checkRows(s.From, s.Rows, s.Stride, s.Width, s.Sums, s.Squares)
	if i != Plain {
		i.moments(s)
		return
	}
	for i := range s.Rows {
		for j, v := range s.From[i*s.Stride:][:s.Width] {
			x := float64(v)
			s.Sums[j] += x
			s.Squares[j] += float64(x * x)
		}
	}
}
