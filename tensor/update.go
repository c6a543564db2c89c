package tensor

import (
	"fmt"
	"math"

	"scalar/tensor/internal/kernel"
)

// What an update calls the gradient is the one that it is given and Plus, added value by value and rounded, where a step has that: the last
// addition of a sum over peers costs least where both terms are read anyway.

// An SGD is a step of gradient descent: with g = gradient + Decay·w,
//
//	w = w - Rate·g                                          without momentum
//	v = Momentum·v + g;  w = w - Rate·v                      with
//	v = Momentum·v + g;  w = w - Rate·(g + Momentum·v)       as Nesterov's
type SGD struct {
	Rate, Decay, Momentum float32
	Nesterov              bool
	Plus                  Dense[float32]
}

// update runs an update, by the gradient and plus.
func (c *CPU) update(m kernel.Map, name string, plus, weights Dense[float32], kept ...Dense[float32]) error {
	if plus.IsZero() {
		return c.apply(m, name, weights, kept...)
	}
	if !SameShape(weights, plus) || !plus.Contiguous() {
		return &ShapeError{name, fmt.Sprintf("out is %s, plus is %s: want one shape without gaps", weights.dims(), plus.dims())}
	}
	c.mapping.plus = plus.data[:plus.Len()]
	defer func() { c.mapping.plus = nil }()
	return c.apply(m, name, weights, kept...)
}

// SGD changes weights by a step. velocity has their shape, zeros at the start; without
// momentum it is not used.
func (c *CPU) SGD(weights, gradient, velocity Dense[float32], s SGD) error {
	m := kernel.Map{Op: kernel.SGD, C: [8]float32{s.Rate, s.Decay, s.Momentum}}
	switch {
	case s.Momentum == 0:
		return c.update(m, "sgd", s.Plus, weights, gradient)
	case s.Nesterov:
		m.Op = kernel.Nesterov
	default:
		m.Op = kernel.Momentum
	}
	return c.update(m, "sgd", s.Plus, weights, gradient, velocity)
}

// An Adam is a step of Adam (Kingma and Ba, ICLR 2015, algorithm 1, with ε added to the
// corrected root). Decoupled takes Decay from the weights themselves (AdamW: Loshchilov
// and Hutter, ICLR 2019); else it is added to the gradient.
type Adam struct {
	Rate, Decay, Beta1, Beta2, Epsilon float32
	Decoupled                          bool
	Step                               int // from 1
	Plus                               Dense[float32]
}

// Adam changes weights by a step. first and second, the moments, have their shape, zeros
// at the start.
func (c *CPU) Adam(weights, gradient, first, second Dense[float32], s Adam) error {
	b1, b2 := float64(s.Beta1), float64(s.Beta2)
	decay := s.Decay
	if s.Decoupled {
		if err := c.Scale(weights, weights, 1-s.Rate*s.Decay); err != nil {
			return err
		}
		decay = 0
	}
	rate := float64(s.Rate) / (1 - math.Pow(b1, float64(s.Step)))
	root := 1 / math.Sqrt(1-math.Pow(b2, float64(s.Step)))
	m := kernel.Map{Op: kernel.Adam, C: [8]float32{float32(rate), decay, s.Beta1, float32(1 - b1), s.Beta2, float32(1 - b2), float32(root), s.Epsilon}}
	return c.update(m, "adam", s.Plus, weights, gradient, first, second)
}

// An Adagrad is a step of Adagrad (Duchi et al., JMLR 12, 2011): with g = gradient +
// Decay·w, s = s + g²; w = w - Rate·g/(√s + Epsilon).
type Adagrad struct {
	Rate, Decay, Epsilon float32
	Plus                 Dense[float32]
}

// Adagrad changes weights by a step. squares has their shape, zeros at the start.
func (c *CPU) Adagrad(weights, gradient, squares Dense[float32], s Adagrad) error {
	m := kernel.Map{Op: kernel.Adagrad, C: [8]float32{0: s.Rate, 1: s.Decay, 6: 1, 7: s.Epsilon}}
	return c.update(m, "adagrad", s.Plus, weights, gradient, squares)
}

// An RMSProp is a step of RMSProp (Tieleman and Hinton, 2012): with g = gradient +
// Decay·w, s = Alpha·s + (1-Alpha)·g²; w = w - Rate·g/(√s + Epsilon).
type RMSProp struct {
	Rate, Decay, Alpha, Epsilon float32
	Plus                        Dense[float32]
}

// RMSProp changes weights by a step. squares has their shape, zeros at the start.
func (c *CPU) RMSProp(weights, gradient, squares Dense[float32], s RMSProp) error {
	m := kernel.Map{Op: kernel.RMSProp, C: [8]float32{0: s.Rate, 1: s.Decay, 4: s.Alpha, 5: float32(1 - float64(s.Alpha)), 6: 1, 7: s.Epsilon}}
	return c.update(m, "rmsprop", s.Plus, weights, gradient, squares)
}
