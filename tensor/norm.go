package tensor

import (
	"fmt"
	"math"

	"scalar/tensor/internal/kernel"
)

// A BatchNorm normalises each channel of n×c×h×w images or n×c rows (Ioffe and Szegedy,
// ICML 2015): Gamma·(x - mean)/√(variance + Epsilon) + Beta. Arrays are [c], and all have
// no gaps.
type BatchNorm struct {
	Gamma, Beta Dense[float32]
	// Mean and Var are what has been seen: each batch moves them by Momentum towards its
	// own mean and unbiased variance.
	Mean, Var         Dense[float32]
	Momentum, Epsilon float32
}

// BatchNorm normalises x by its own mean and variance, and moves those of b. saved, 2×c,
// gets the mean and 1/√(variance + Epsilon), for the gradient. out may be x. The error is a
// [ShapeError]; a channel of a single value is one too.
func (c *CPU) BatchNorm(out, x, saved Dense[float32], b BatchNorm) error {
	p, err := c.normalise(out, x, b.Gamma, b.Beta, b.Mean, b.Var)
	if err != nil {
		return err
	}
	if err := p.saves(saved); err != nil {
		return err
	}
	if p.n*p.places < 2 {
		return normError("%s: a channel needs two values or more to train", x.dims())
	}
	p.b, p.x, p.out, p.saved, p.kind = b, x.data, out.data, saved.data, (*norm).train
	p.run()
	return nil
}

// BatchNormSeen normalises x by b's Mean and Var. out may be x.
func (c *CPU) BatchNormSeen(out, x Dense[float32], b BatchNorm) error {
	p, err := c.normalise(out, x, b.Gamma, b.Beta, b.Mean, b.Var)
	if err != nil {
		return err
	}
	p.b, p.x, p.out, p.kind = b, x.data, out.data, (*norm).seen
	p.run()
	return nil
}

// BatchNormGrads are gradients, in the shapes of what they are the gradients of.
type BatchNormGrads struct {
	X, Gamma, Beta Dense[float32]
}

// BatchNormGrad sets the gradients of [CPU.BatchNorm] from dy, that of its out, and what
// it was given and has saved. to.X may be dy.
func (c *CPU) BatchNormGrad(to BatchNormGrads, x, dy, saved, gamma Dense[float32]) error {
	p, err := c.normalise(to.X, x, to.Gamma, to.Beta, gamma)
	if err != nil {
		return err
	}
	if err := p.saves(saved); err != nil {
		return err
	}
	if !SameShape(x, dy) || !dy.Contiguous() {
		return normError("the gradient of %s is %s: want the same without gaps", x.dims(), dy.dims())
	}
	p.b.Gamma, p.grads, p.x, p.y, p.out, p.saved, p.kind = gamma, to, x.data, dy.data, to.X.data, saved.data, (*norm).grad
	p.run()
	return nil
}

func normError(format string, args ...any) error {
	return &ShapeError{"batch norm", fmt.Sprintf(format, args...)}
}

// A norm is a normalisation that runs, a channel at a time.
type norm struct {
	cpu                 *CPU
	kind                func(p *norm, w *normWork, channel int)
	n, channels, places int
	b                   BatchNorm
	grads               BatchNormGrads
	x, y, out, saved    []float32
	own                 []normWork
}

// A normWork has a channel's values, those of y too, and what comes of them.
type normWork struct {
	x, y, t []float32
}

// normalise checks the arrays of a call: out like x, and others of one value a channel.
func (c *CPU) normalise(out, x Dense[float32], channels ...Dense[float32]) (*norm, error) {
	if x.rank != 2 && x.rank != 4 || !SameShape(out, x) || !x.Contiguous() || !out.Contiguous() {
		return nil, normError("x is %s and out %s: want both n×c×h×w or n×c without gaps", x.dims(), out.dims())
	}
	for _, d := range channels {
		if d.rank != 1 || d.shape[0] != x.shape[1] || !d.Contiguous() {
			return nil, normError("%s for the channels of %s: want [%d]", d.dims(), x.dims(), x.shape[1])
		}
	}
	p := &c.norm
	if p.own == nil {
		p.cpu, p.own = c, make([]normWork, len(c.work))
	}
	p.n, p.channels, p.places = x.shape[0], x.shape[1], 1
	if x.rank == 4 {
		p.places = x.shape[2] * x.shape[3]
	}
	return p, nil
}

func (p *norm) saves(saved Dense[float32]) error {
	if saved.rank != 2 || saved.shape[0] != 2 || saved.shape[1] != p.channels || !saved.Contiguous() {
		return normError("what is saved of %d channels is %s: want 2×%d", p.channels, saved.dims(), p.channels)
	}
	return nil
}

// run runs the call and lets go of the arrays.
func (p *norm) run() {
	p.cpu.pool.run(p, p.channels)
	*p = norm{cpu: p.cpu, own: p.own}
}

func (p *norm) unit(worker, channel int) {
	w, values := &p.own[worker], p.n*p.places
	w.x, w.y, w.t = atLeast(w.x, values), atLeast(w.y, values), atLeast(w.t, values)
	p.kind(p, w, channel)
}

// gather brings a channel's values together.
func (p *norm) gather(to, from []float32, channel int) {
	p.cpu.isa.Rows(&kernel.Rows{To: to, From: from[channel*p.places:], ToStride: p.places, FromStride: p.channels * p.places, Width: p.places, N: p.n})
}

// scatter sets a channel of out.
func (p *norm) scatter(from []float32, channel int) {
	p.cpu.isa.Rows(&kernel.Rows{To: p.out[channel*p.places:], From: from, ToStride: p.channels * p.places, FromStride: p.places, Width: p.places, N: p.n})
}

// affine sets to = a·from + b.
func (p *norm) affine(to, from []float32, a, b float32) {
	p.cpu.isa.Map(&kernel.Map{Op: kernel.Affine, Out: to, X: from, C: [8]float32{a, b}})
}

// product returns the sum of x·y; scratch may be one of them.
func (p *norm) product(scratch, x, y []float32) float32 {
	p.cpu.isa.Map(&kernel.Map{Op: kernel.Mul, Out: scratch, X: x, Y: y})
	return p.cpu.isa.Sum(scratch)
}

func (p *norm) train(w *normWork, i int) {
	p.gather(w.x, p.x, i)
	n := float32(len(w.x))
	mean := p.cpu.isa.Sum(w.x) / n
	p.affine(w.x, w.x, 1, -mean)
	squares := p.product(w.t, w.x, w.x)
	inverse := 1 / float32(math.Sqrt(float64(squares/n+p.b.Epsilon)))
	p.affine(w.x, w.x, float32(p.b.Gamma.data[i]*inverse), p.b.Beta.data[i])
	p.scatter(w.x, i)
	p.saved[i], p.saved[p.channels+i] = mean, inverse
	toward := func(seen *float32, batch float32) {
		*seen = float32((1-p.b.Momentum)**seen) + float32(p.b.Momentum*batch)
	}
	toward(&p.b.Mean.data[i], mean)
	toward(&p.b.Var.data[i], squares/(n-1))
}

func (p *norm) seen(w *normWork, i int) {
	p.gather(w.x, p.x, i)
	inverse := 1 / float32(math.Sqrt(float64(p.b.Var.data[i]+p.b.Epsilon)))
	p.affine(w.x, w.x, 1, -p.b.Mean.data[i])
	p.affine(w.x, w.x, float32(p.b.Gamma.data[i]*inverse), p.b.Beta.data[i])
	p.scatter(w.x, i)
}

// grad is dx = γ·inverse·(dy - mean of dy - x̂·mean of dy·x̂).
func (p *norm) grad(w *normWork, i int) {
	p.gather(w.x, p.x, i)
	p.gather(w.y, p.y, i)
	mean, inverse := p.saved[i], p.saved[p.channels+i]
	n := float32(len(w.x))
	p.affine(w.x, w.x, 1, -mean)
	p.affine(w.x, w.x, inverse, 0)
	beta, gamma := p.cpu.isa.Sum(w.y), p.product(w.t, w.x, w.y)
	p.affine(w.x, w.x, -gamma/n, -beta/n)
	p.cpu.isa.Map(&kernel.Map{Op: kernel.Add, Out: w.x, X: w.x, Y: w.y})
	p.affine(w.x, w.x, float32(p.b.Gamma.data[i]*inverse), 0)
	p.scatter(w.x, i)
	p.grads.Gamma.data[i], p.grads.Beta.data[i] = gamma, beta
}
