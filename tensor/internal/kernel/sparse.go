package kernel

import "math"

// SparseVectors is how many vectors of a row's columns are one strip, which is computed at a time: as many chains hide the latency of an FMA.
const SparseVectors = 8

// A Sparse is a product of a sparse matrix and a dense one: to row r of To are added By[i] times row At[i] of From, for i from Starts[r] up to
// Starts[r+1]; or it becomes Scale[r] times Init and that. A value is one chain s = fma(By[i], From[At[i]][c], s), with i ascending, from what
// was there or from the rounded product. Rows have Cols values.
type Sparse struct {
	To       []float32
	From     []float32
	By       []float32
	At       []uint32  // each less than Below: the caller's word
	Starts   []uint32  // by row of To, and the end
	Init     []float32 // Cols values; nil: rows go on from what To has
	Scale    []float32 // of Init, by row of To
	ToStep   int       // from a row of To to the next
	FromStep int
	Cols     int
	Below    int
}

// Sparse computes it. It panics where a row is beyond its slice.
func (i ISA) Sparse(s *Sparse) {
	rows := len(s.Starts) - 1
	if rows < 1 || s.Cols < 1 {
		return
	}
	s.check(rows)
	if i != Plain {
		i.sparse(s)
		return
	}
	for r := range rows {
		to := s.To[r*s.ToStep:][:s.Cols]
		if s.Init != nil {
			for c, x := range s.Init[:s.Cols] {
				to[c] = s.Scale[r] * x
			}
		}
		for e := s.Starts[r]; e < s.Starts[r+1]; e++ {
			for c, x := range s.From[int(s.At[e])*s.FromStep:][:s.Cols] {
				to[c] = FMA(s.By[e], x, to[c])
			}
		}
	}
}

// check panics where the assembly would reach outside of a slice.
func (s *Sparse) check(rows int) {
	if s.ToStep < s.Cols || s.FromStep < s.Cols || len(s.To) < (rows-1)*s.ToStep+s.Cols {
		panic("kernel: rows beyond their slice")
	}
	if s.Init != nil && (len(s.Init) < s.Cols || len(s.Scale) < rows) {
		panic("kernel: too little to begin rows with")
	}
	last := uint32(0)
	for _, at := range s.Starts {
		if at < last {
			panic("kernel: a row ends before it starts")
		}
		last = at
	}
	if int(last) > min(len(s.At), len(s.By)) || last > math.MaxInt32 {
		panic("kernel: entries beyond their slice")
	}
	if last > s.Starts[0] && len(s.From) < (s.Below-1)*s.FromStep+s.Cols {
		panic("kernel: an entry beyond the rows")
	}
}
