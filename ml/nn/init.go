package nn

import (
	"math"

	"scalar/internal/splitmix"
)

// A fill says how a parameter begins.
type fill struct {
	how      filling
	bound    float64 // of uniform
	momentum float32 // of statistics, what they move by
}

type filling int

const (
	uniform filling = iota // [-bound, bound)
	normal                 // mean 0, variance 1
	zeros
	ones
)

// Purposes keep generators of one seed apart.
const (
	forInit    = 0x696e6974
	forDropout = 0x64726f70
)

// stream returns the state of a generator for one purpose of a seed.
func stream(seed, purpose uint64) uint64 { return splitmix.Next(splitmix.Next(seed) ^ purpose) }

// Init sets the arena, [Graph.Size] values, to a net that has learnt nothing, as PyTorch
// does by default: weights and biases of dense and conv2d from U(-1/√n, 1/√n), where n is how
// many values a unit adds up (He et al., ICCV 2015, with a = √5); embeddings from N(0, 1),
// here the sum of twelve uniform numbers less 6; batch norm by 1 and 0. Values are a function
// of the seed, the parameter and the place in it.
func (g *Graph) Init(arena []float32, seed uint64) {
	clear(arena[:g.size])
	for i, p := range g.params {
		values := arena[p.Offset:][:p.Len()]
		state := splitmix.Next(stream(seed, forInit) + uint64(i))
		switch f := g.fills[i]; f.how {
		case uniform:
			for k := range values {
				values[k] = float32((2*fraction(state, k) - 1) * f.bound)
			}
		case normal:
			for k := range values {
				values[k] = bell(state, k)
			}
		case zeros:
		case ones:
			for k := range values {
				values[k] = 1
			}
		}
	}
}

// fraction returns number k of a generator in [0, 1), a multiple of 2^-53.
func fraction(state uint64, k int) float64 {
	return float64(splitmix.Next(state+uint64(k)*splitmix.Gamma)>>11) / (1 << 53)
}

// bell returns number k of a generator of nearly normal numbers: no function that
// processors round differently is in it.
func bell(state uint64, k int) float32 {
	sum := uint64(0)
	for i := range uint64(6) {
		x := splitmix.Next(state + (6*uint64(k)+i)*splitmix.Gamma)
		sum += x>>32 + x&math.MaxUint32
	}
	return float32(float64(sum)/(1<<32) - 6)
}
