package kernel

// Groups are rows of Width values, Stride apart, of which each is added to the sum of its
// group, Of, in float64: that of group g begins at g·SumStride. Sums do not overlap.
type Groups struct {
	Sums              []float64
	From              []float32
	Of                []int32 // of each row, from 0
	SumStride, Stride int
	Width             int
}

// check panics where the assembly would reach outside of a slice.
func (g *Groups) check() {
	n := len(g.Of)
	if g.Stride < 0 || g.SumStride < 0 || len(g.From) < (n-1)*g.Stride+g.Width {
		panic("kernel: rows beyond their slice")
	}
	for _, at := range g.Of {
		if at < 0 || len(g.Sums) < int(at)*g.SumStride+g.Width {
			panic("kernel: sums beyond their slice")
		}
	}
}

// plain is the operation in Go.
func (g *Groups) plain() {
	for i, at := range g.Of {
		sums, from := g.Sums[int(at)*g.SumStride:][:g.Width], g.From[i*g.Stride:][:g.Width]
		for j, x := range from {
			sums[j] += float64(x)
		}
	}
}
