package kernel

// Sums adds values in 16 chains: value i of From to chain i mod 16, in order.
type Sums struct {
	From   []float32
	chains [16]float32
}

// plain is the operation in Go.
func (s *Sums) plain() {
	from := s.From
	for ; len(from) >= len(s.chains); from = from[len(s.chains):] {
		for i, x := range from[:len(s.chains)] {
			s.chains[i] += x
		}
	}
	for i, x := range from {
		s.chains[i] += x
	}
}

// fold adds the chains in halves.
func (s *Sums) fold() float32 {
	for n := len(s.chains) / 2; n > 0; n /= 2 {
		for i := range n {
			s.chains[i] += s.chains[i+n]
		}
	}
	return s.chains[0]
}
