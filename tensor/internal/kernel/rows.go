package kernel

// Rows are N rows of Width values, FromStride apart, which are copied to, or with Add
// added to, places ToStride apart, of which none overlap each other or those read.
type Rows struct {
	To, From   []float32
	FromStride int
	Width      int
	ToStride   int
	N          int
	Add        bool
}

// check panics where the assembly would reach outside of a slice.
func (r *Rows) check() {
	if r.FromStride < 0 || r.ToStride < 0 ||
		len(r.To) < (r.N-1)*r.ToStride+r.Width || len(r.From) < (r.N-1)*r.FromStride+r.Width {
		panic("kernel: rows beyond their slices")
	}
}

// plain is the operation in Go.
func (r *Rows) plain() {
	for i := range r.N {
		to, from := r.To[i*r.ToStride:][:r.Width], r.From[i*r.FromStride:][:r.Width]
		if !r.Add {
			copy(to, from)
			continue
		}
		for j, x := range from {
			to[j] += x
		}
	}
}
