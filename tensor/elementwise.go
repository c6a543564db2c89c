package tensor

import (
	"fmt"

	"scalar/tensor/internal/kernel"
)

// The operations of this file work value by value on arrays of one shape without gaps;
// others are a [ShapeError]. out may be one of the operands. Each product, quotient,
// root and sum is rounded to float32 by itself, so that results are the same everywhere.

// Add computes out = a + b.
func (c *CPU) Add(out, a, b Dense[float32]) error {
	return c.apply(kernel.Map{Op: kernel.Add}, "add", out, a, b)
}

// Mul computes out = a·b, value by value.
func (c *CPU) Mul(out, a, b Dense[float32]) error {
	return c.apply(kernel.Map{Op: kernel.Mul}, "mul", out, a, b)
}

// Scale computes out = s·a.
func (c *CPU) Scale(out, a Dense[float32], s float32) error {
	return c.apply(kernel.Map{Op: kernel.Scale, C: [8]float32{s}}, "scale", out, a)
}

// AddScaled computes out = out + s·a.
func (c *CPU) AddScaled(out, a Dense[float32], s float32) error {
	return c.apply(kernel.Map{Op: kernel.AddScaled, C: [8]float32{s}}, "add scaled", out, a)
}

// An Activation is a function between layers.
type Activation int

// The activations. GELU is x·Φ(x) with the normal distribution's Φ, within 1e-6.
const (
	ReLU Activation = iota
	Sigmoid
	Tanh
	GELU
)

// String names the activation as net files do.
func (a Activation) String() string {
	return [...]string{"relu", "sigmoid", "tanh", "gelu"}[a]
}

// SlopeOfInput reports whether [CPU.ActivateGrad] takes the activation's input; for
// the others it takes the output, and the input need not be kept.
func (a Activation) SlopeOfInput() bool { return a == GELU }

// Activate computes out = act(x). NaN stays NaN.
func (c *CPU) Activate(out, x Dense[float32], act Activation) error {
	op := [...]kernel.Op{kernel.Rectify, kernel.Sigmoid, kernel.Tanh, kernel.GELU}[act]
	return c.apply(kernel.Map{Op: op}, act.String(), out, x)
}

// ActivateGrad computes dx = dy · act's slope, where kept is what the activation gave, or
// what it was given where it says [Activation.SlopeOfInput].
func (c *CPU) ActivateGrad(dx, kept, dy Dense[float32], act Activation) error {
	op := [...]kernel.Op{kernel.RectifyGrad, kernel.SigmoidGrad, kernel.TanhGrad, kernel.GELUGrad}[act]
	name := [...]string{"relu's gradient", "sigmoid's gradient", "tanh's gradient", "gelu's gradient"}[act]
	return c.apply(kernel.Map{Op: op}, name, dx, kept, dy)
}

// chunk is how many values a worker takes at a time: 64 KiB of each array.
const chunk = 16 << 10

// A mapping is an operation that runs, cut into chunks.
type mapping struct {
	cpu  *CPU
	all  kernel.Map
	plus []float32 // is added to X first, if it is not nil
	own  []running // one per worker
}

// A running is a worker's part of an operation.
type running struct {
	kernel.Map
	sum [sumBlock]float32 // of X and what is added to it
}

// sumBlock is how many values are added at a time: they stay in the first cache until their sum is used.
const sumBlock = 1 << 10

// apply runs an operation. What it is called is for errors.
func (c *CPU) apply(m kernel.Map, name string, out Dense[float32], operands ...Dense[float32]) error {
	if !out.Contiguous() {
		return &ShapeError{name, "out is " + out.dims() + " with gaps"}
	}
	m.Out = out.data[:out.Len()]
	for i, d := range operands {
		if !SameShape(out, d) || !d.Contiguous() {
			return &ShapeError{name, fmt.Sprintf("out is %s, operand %d is %s: want one shape without gaps", out.dims(), i+1, d.dims())}
		}
		*[...]*[]float32{&m.X, &m.Y, &m.Z}[i] = d.data[:d.Len()]
	}
	p := &c.mapping
	if p.own == nil {
		p.cpu, p.own = c, make([]running, len(c.work))
	}
	p.all = m
	c.pool.run(p, (len(m.Out)+chunk-1)/chunk)
	p.all = kernel.Map{}
	for i := range p.own {
		p.own[i].Map = kernel.Map{}
	}
	return nil
}

// unit does chunk i.
func (p *mapping) unit(worker, i int) {
	from, to := i*chunk, min((i+1)*chunk, len(p.all.Out))
	own := &p.own[worker]
	if p.plus == nil {
		p.do(own, from, to)
		return
	}
	for ; from < to; from += sumBlock {
		p.do(own, from, min(from+sumBlock, to))
	}
}

// do does the operation on some values.
func (p *mapping) do(own *running, from, to int) {
	m := &own.Map
	*m = p.all
	m.Out = m.Out[from:to]
	for _, s := range [...]*[]float32{&m.X, &m.Y, &m.Z} {
		if *s != nil {
			*s = (*s)[from:to]
		}
	}
	if p.plus != nil {
		sum := own.sum[:to-from]
		p.cpu.isa.Map(&kernel.Map{Op: kernel.Add, Out: sum, X: m.X, Y: p.plus[from:to]})
		m.X = sum
	}
	p.cpu.isa.Map(m)
}
