package opt

import (
	"fmt"

	"scalar/tensor"
)

// An Optimizer changes weights by gradients. It is immutable, and safe for concurrent use: what
// changes is in the slots.
type Optimizer struct{ c Config }

// New returns an optimiser. The error is a *job.Failure of kind FaultInput that says the range
// of what is out of it.
func New(c Config) (*Optimizer, error) {
	c, err := c.filled()
	if err != nil {
		return nil, err
	}
	return &Optimizer{c}, nil
}

// Config returns the config with its defaults filled in.
func (o *Optimizer) Config() Config { return o.c }

// Slots returns how many arrays of state, each as long as the weights and zeros at the start,
// an optimiser keeps: 0, 1 or 2.
func (o *Optimizer) Slots() int {
	switch {
	case o.c.Name == Adam || o.c.Name == AdamW:
		return 2
	case o.c.Name == SGD && o.c.Momentum == 0:
		return 0
	}
	return 1
}

// ClipFactor returns what a gradient of a length is to be multiplied by: 1, or less where it is
// longer than the limit. The length is that of the whole gradient, not of a range.
func (o *Optimizer) ClipFactor(length float64) float32 {
	if o.c.Clip == 0 || !(length > o.c.Clip) {
		return 1
	}
	return float32(o.c.Clip / length)
}

// A Range is a part of the arena, or all of it: weights, their gradients, which are Grads + Plus or Grads if Plus is nil, and the
// optimiser's slots, all of one length.
type Range struct {
	Weights, Grads, Plus []float32
	Slots                [][]float32
}

// Update changes the weights of a range by a step, number step from 0 of steps.
func (o *Optimizer) Update(cpu *tensor.CPU, r Range, step, steps int) error {
	if len(r.Slots) != o.Slots() {
		return fmt.Errorf("opt: %d slots: %s has %d", len(r.Slots), o.c.Name, o.Slots())
	}
	n := len(r.Weights)
	w, err := vector(r.Weights, n)
	if err != nil {
		return err
	}
	g, err := vector(r.Grads, n)
	if err != nil {
		return err
	}
	var plus tensor.Dense[float32]
	if r.Plus != nil {
		if plus, err = vector(r.Plus, n); err != nil {
			return err
		}
	}
	var s [2]tensor.Dense[float32]
	for i := range r.Slots {
		if s[i], err = vector(r.Slots[i], n); err != nil {
			return err
		}
	}
	rate, decay := float32(o.Rate(step, steps)), float32(o.c.Decay)
	switch o.c.Name {
	case Adagrad:
		return cpu.Adagrad(w, g, s[0], tensor.Adagrad{Rate: rate, Decay: decay, Epsilon: float32(o.c.Epsilon), Plus: plus})
	case RMSProp:
		return cpu.RMSProp(w, g, s[0], tensor.RMSProp{Rate: rate, Decay: decay, Alpha: float32(o.c.Alpha), Epsilon: float32(o.c.Epsilon), Plus: plus})
	case Adam, AdamW:
		return cpu.Adam(w, g, s[0], s[1], tensor.Adam{
			Rate: rate, Decay: decay, Beta1: float32(o.c.Beta1), Beta2: float32(o.c.Beta2), Epsilon: float32(o.c.Epsilon),
			Decoupled: o.c.Name == AdamW, Step: step + 1, Plus: plus,
		})
	}
	return cpu.SGD(w, g, s[0], tensor.SGD{Rate: rate, Decay: decay, Momentum: float32(o.c.Momentum), Nesterov: o.c.Name == Nesterov, Plus: plus})
}

// vector is values as an array, of which there are to be n.
func vector(values []float32, n int) (tensor.Dense[float32], error) {
	if len(values) != n {
		return tensor.Dense[float32]{}, fmt.Errorf("opt: %d values beside %d weights", len(values), n)
	}
	return tensor.From(values, n)
}
