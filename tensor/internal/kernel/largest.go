package kernel

import "math"

// Largest finds where the largest value of each row lies, the first of equals. NaN is never
// the largest; a row of nothing else has place 0. There are as many rows as places.
type Largest struct {
	Rows   []float32 // row-major, without gaps
	Places []int32
	Width  int // from 1
}

// check panics where the assembly would reach outside of a slice.
func (l *Largest) check() {
	if l.Width < 1 || len(l.Rows) < len(l.Places)*l.Width {
		panic("kernel: rows beyond their slice")
	}
}

// plain is the operation in Go.
func (l *Largest) plain() {
	for i := range l.Places {
		at, most := -1, float32(math.Inf(-1))
		for j, x := range l.Rows[i*l.Width : (i+1)*l.Width] {
			if x > most || at < 0 && x == most {
				at, most = j, x
			}
		}
		l.Places[i] = int32(max(at, 0))
	}
}
