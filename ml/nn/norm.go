package nn

import (
	"scalar/bsp/job"
	"scalar/tensor"
)

// A norm is a batch normalisation of each channel of images, or of each feature. Its
// parameters are weight (gamma), bias (beta), mean and variance.
type norm struct{ epsilon float32 }

func buildNorm(b *builder, n *node) error {
	l, in := b.current, n.from[0].shape
	if len(in) == 2 {
		return b.fail("a row of %s is %s: want [features] or [channels, height, width]", l.From[0], shapeText(in))
	}
	if l.Momentum == 0 {
		l.Momentum = 0.1
	}
	if l.Epsilon == 0 {
		l.Epsilon = 1e-5
	}
	if m := l.Momentum; !(float32(m) > 0 && m <= 1) {
		return b.fail("momentum is %v: want above 0, up to 1", m)
	}
	if e := l.Epsilon; !(float32(e) > 0 && e <= 1) {
		return b.fail("epsilon is %v: want above 0, up to 1", e)
	}
	n.op, n.shape = &norm{float32(l.Epsilon)}, in
	for _, p := range []struct {
		name string
		fill fill
	}{
		{"weight", fill{how: ones}},
		{"bias", fill{how: zeros}},
		{"mean", fill{how: zeros, momentum: float32(l.Momentum)}},
		{"variance", fill{how: ones, momentum: float32(l.Momentum)}},
	} {
		i, err := b.param(p.name, p.fill, in[0])
		if err != nil {
			return err
		}
		n.params = append(n.params, i)
	}
	return nil
}

// keeps: means, and one by deviations.
func (*norm) keeps(n *node, _ int) int { return 2 * n.shape[0] }

func (v *norm) saved(e *Executor, c *cell) array { return e.viewRows(c.kept, 2, c.n.shape[0]) }

func (v *norm) forward(e *Executor, c *cell) error {
	b := tensor.BatchNorm{Gamma: c.params[0], Beta: c.params[1], Mean: c.params[2], Var: c.params[3], Epsilon: v.epsilon}
	if !e.training {
		return e.cpu.BatchNormSeen(c.out, c.in[0], b)
	}
	if e.rows*c.n.size/c.n.shape[0] < 2 {
		return job.Fail(job.FaultInput, "a shard of a step has one row, and so one value of each feature: want two or more, by a larger batch or fewer shards")
	}
	b.Mean, b.Var, b.Momentum = c.grads[2], c.grads[3], 1
	for _, s := range []array{b.Mean, b.Var} {
		clear(s.Values()) // so that momentum 1 gives the batch's own
	}
	if err := e.cpu.BatchNorm(c.out, c.in[0], v.saved(e, c), b); err != nil {
		return err
	}
	share := float32(e.rows) * e.batch.Scale
	for _, s := range []array{b.Mean, b.Var} {
		if err := e.cpu.Scale(s, s, share); err != nil {
			return err
		}
	}
	return nil
}

func (v *norm) backward(e *Executor, c *cell) error {
	to := tensor.BatchNormGrads{X: c.dins[0], Gamma: c.grads[0], Beta: c.grads[1]}
	if to.X.IsZero() {
		to.X = c.dout
	}
	return e.cpu.BatchNormGrad(to, c.in[0], c.dout, v.saved(e, c), c.params[0])
}
