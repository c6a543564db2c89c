package nn

// An activate layer is an activation by itself: its value has other uses before it.
type activate struct{ act activation }

func buildActivate(b *builder, n *node) error {
	act, _ := activationOf(b.current.Type)
	n.op, n.shape = &activate{act}, n.from[0].shape
	return nil
}

func (a *activate) forward(e *Executor, c *cell) error {
	return e.cpu.Activate(c.out, c.in[0], a.act)
}

func (a *activate) backward(e *Executor, c *cell) error {
	if c.dins[0].IsZero() {
		return nil
	}
	kept := c.out
	if a.act.SlopeOfInput() {
		kept = c.in[0]
	}
	return e.cpu.ActivateGrad(c.dins[0], kept, c.dout, a.act)
}
