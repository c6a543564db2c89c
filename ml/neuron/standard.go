package neuron

import (
	"fmt"
	"math"

	"scalar/ml/nn"
)

// A Standard neuron is an activation of the sum of inputs times weights. It has Batch.
type Standard struct {
	Activation string // relu, sigmoid or tanh; empty: none
}

// Forward feeds the activation of the sum.
func (s Standard) Forward(c *Context, in []Synapse) {
	sum := float32(0)
	for _, m := range in {
		sum += float32(m.Input * m.Weight)
	}
	c.Feed(s.apply(sum))
}

// Backward backpropagates the sum of deltas times weights, times the activation's slope.
func (s Standard) Backward(c *Context, up []Synapse) {
	gradient := float32(0)
	for _, m := range up {
		gradient += float32(m.Delta * m.Weight)
	}
	gradient *= s.slope(c.Output())
	c.Backpropagate(gradient)
	for i, m := range c.In() {
		c.Push(i, gradient*m.Input)
	}
}

// Batch returns the activation.
func (s Standard) Batch() (activation string, dropout float64) { return s.Activation, 0 }

func (s Standard) apply(x float32) float32 {
	switch s.Activation {
	case nn.ReLU:
		return max(x, 0)
	case nn.Sigmoid:
		return float32(1 / (1 + math.Exp(-float64(x))))
	case nn.Tanh:
		return float32(math.Tanh(float64(x)))
	}
	return x
}

// slope returns the activation's slope where it gives y.
func (s Standard) slope(y float32) float32 {
	switch {
	case s.Activation == nn.ReLU && y <= 0:
		return 0
	case s.Activation == nn.Sigmoid:
		return float32(y * (1 - y))
	case s.Activation == nn.Tanh:
		return 1 - float32(y*y)
	}
	return 1
}

func (s Standard) check() error {
	switch s.Activation {
	case "", nn.ReLU, nn.Sigmoid, nn.Tanh:
		return nil
	}
	return fmt.Errorf("activation %.40q: want relu, sigmoid, tanh or none", s.Activation)
}

// A Dropout neuron is a Standard one that in training gives nothing in a share of the rows, and
// correspondingly more in the others. It has Batch.
type Dropout struct {
	Standard
	Rate float64 // the share, from 0, below 1
}

// Forward feeds 0 or the activation of the sum, divided by 1 - Rate.
func (d Dropout) Forward(c *Context, in []Synapse) {
	d.Standard.Forward(c, in)
	if c.Training {
		c.Feed(c.Output() * d.factor(c))
	}
}

// Backward backpropagates what the rows that were not dropped are to change.
func (d Dropout) Backward(c *Context, up []Synapse) {
	factor := d.factor(c)
	if factor == 0 {
		c.Backpropagate(0)
		return
	}
	gradient := float32(0)
	for _, m := range up {
		gradient += float32(m.Delta * m.Weight)
	}
	gradient *= factor * d.slope(c.Output()/factor)
	c.Backpropagate(gradient)
	for i, m := range c.In() {
		c.Push(i, gradient*m.Input)
	}
}

func (d Dropout) factor(c *Context) float32 {
	if c.Draw() < d.Rate {
		return 0
	}
	return float32(1 / (1 - d.Rate))
}

// Batch returns the activation and the rate.
func (d Dropout) Batch() (activation string, dropout float64) { return d.Activation, d.Rate }
