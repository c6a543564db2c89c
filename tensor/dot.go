package tensor

import "fmt"

// Dot returns the sum of a·b, value by value, in float64: products are exact, and
// sums are those of chunks of 16,384 values, each in 8 chains, in order. Of a with itself it
// is the square of a's length, as clipping needs. Both have one shape and no gaps.
func (c *CPU) Dot(a, b Dense[float32]) (float64, error) {
	if !SameShape(a, b) || !a.Contiguous() || !b.Contiguous() {
		return 0, &ShapeError{"dot", fmt.Sprintf("a is %s, b is %s: want one shape without gaps", a.dims(), b.dims())}
	}
	p := &c.dot
	p.a, p.b = a.data[:a.Len()], b.data[:b.Len()]
	chunks := (len(p.a) + chunk - 1) / chunk
	if cap(p.sums) < chunks {
		p.sums = make([]float64, chunks)
	}
	p.sums = p.sums[:chunks]
	c.pool.run(p, chunks)
	p.a, p.b = nil, nil
	sum := 0.0
	for _, s := range p.sums {
		sum += s
	}
	return sum, nil
}

// A dotting is a sum of products that runs.
type dotting struct {
	a, b []float32
	sums []float64 // of chunks
}

// unit sums chunk i.
func (p *dotting) unit(_, i int) {
	a := p.a[i*chunk : min((i+1)*chunk, len(p.a))]
	b := p.b[i*chunk:][:len(a)]
	var s [8]float64
	for ; len(a) >= 8; a, b = a[8:], b[8:] {
		for j := range s {
			s[j] += float64(a[j]) * float64(b[j])
		}
	}
	for j, x := range a {
		s[j] += float64(x) * float64(b[j])
	}
	p.sums[i] = ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]))
}
