package nn

import "slices"

// A sum adds the values of several layers, in the order in which they are listed.
type sum struct{}

func buildAdd(b *builder, n *node) error {
	if err := b.several(n); err != nil {
		return err
	}
	first := n.from[0].shape
	for j, r := range n.from {
		if !slices.Equal(r.shape, first) {
			return b.fail("a row of %s is %s, and one of %s is %s: want one shape", b.current.From[0], shapeText(first), b.current.From[j], shapeText(r.shape))
		}
	}
	n.op, n.shape = &sum{}, first
	return nil
}

// several checks that the current layer takes two layers or more.
func (b *builder) several(n *node) error {
	if len(n.from) < 2 {
		return b.fail("it takes one layer: want two or more in from")
	}
	return nil
}

func (*sum) forward(e *Executor, c *cell) error {
	if err := e.cpu.Add(c.out, c.in[0], c.in[1]); err != nil {
		return err
	}
	for _, x := range c.in[2:] {
		if err := e.cpu.Add(c.out, c.out, x); err != nil {
			return err
		}
	}
	return nil
}

func (*sum) backward(_ *Executor, c *cell) error {
	for _, d := range c.dins {
		if !d.IsZero() {
			if err := d.CopyFrom(c.dout); err != nil {
				return err
			}
		}
	}
	return nil
}

// A concat puts the values of several layers one after the other, along the first dimension:
// features, or channels.
type concat struct{}

func buildConcat(b *builder, n *node) error {
	if err := b.several(n); err != nil {
		return err
	}
	out := slices.Clone(n.from[0].shape)
	for j, r := range n.from[1:] {
		if len(r.shape) != len(out) || !slices.Equal(r.shape[1:], out[1:]) {
			return b.fail("a row of %s is %s, and one of %s is %s: want one shape but for the first size",
				b.current.From[0], shapeText(n.from[0].shape), b.current.From[j+1], shapeText(r.shape))
		}
		out[0] += r.shape[0]
	}
	n.op, n.shape = &concat{}, out
	return nil
}

func (v *concat) forward(e *Executor, c *cell) error {
	return v.parts(e, c, c.in, c.out, func(part, of array) error { return of.CopyFrom(part) })
}

func (v *concat) backward(e *Executor, c *cell) error {
	return v.parts(e, c, c.dins, c.dout, func(part, of array) error { return part.CopyFrom(of) })
}

// parts calls f with each part, and its columns of whole; both are a line a row.
func (*concat) parts(e *Executor, c *cell, parts []array, whole array, f func(part, of array) error) error {
	lines := e.viewRows(whole.Values(), e.rows, c.n.size)
	at := 0
	for j, r := range c.n.from {
		size := volume(r.shape)
		if !parts[j].IsZero() {
			if err := f(e.viewRows(parts[j].Values(), e.rows, size), lines.Slice(1, at, at+size)); err != nil {
				return err
			}
		}
		at += size
	}
	return nil
}
