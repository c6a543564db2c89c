package nn

import "scalar/tensor"

// A dense layer is y = W·x + b of each row.
type dense struct{ bias bool }

func buildDense(b *builder, n *node) error {
	l, in := b.current, n.from[0].shape
	if len(in) != 1 {
		return b.fail("a row of %s is %s: want [features]; a flatten before makes it so", l.From[0], shapeText(in))
	}
	if err := b.size(keyUnits, l.Units); err != nil {
		return err
	}
	n.op, n.shape = &dense{bias: !l.NoBias}, []int{l.Units}
	return b.weights(n, linear(in[0]), l.Units, in[0])
}

// weights adds the weights of a node, of a value or a channel of its output each, and its
// biases.
func (b *builder) weights(n *node, f fill, shape ...int) error {
	weight, err := b.param("weight", f, shape...)
	if err != nil {
		return err
	}
	if n.params = []int{weight}; b.current.NoBias {
		return nil
	}
	bias, err := b.param("bias", f, shape[0])
	n.params = append(n.params, bias)
	return err
}

func (d *dense) fuses() bool { return true }

// The products that a dense layer's weights are an operand of.
const (
	toValues    = iota // x·Wᵀ
	toGradients        // dy·W
)

func (d *dense) forward(e *Executor, c *cell) error {
	if e.takesShifted(c) {
		return d.forwardShifted(e, c)
	}
	after := tensor.Epilogue{ReLU: c.n.fused}
	if d.bias {
		after.Bias = c.params[1]
	}
	packed, err := e.panels(c, toValues)
	switch {
	case err != nil:
		return err
	case packed != nil:
		return e.cpu.MatMulPacked(c.out, c.in[0], packed, after)
	}
	return e.cpu.MatMul(c.out, c.in[0], c.params[0].T(), after)
}

func (d *dense) backward(e *Executor, c *cell) error {
	if e.takesShifted(c) {
		return d.backwardShifted(e, c)
	}
	grads, left, right := c.grads[0], c.dout.T(), c.in[0]
	if e.turns(c) {
		grads, left, right = grads.T(), right.T(), left.T()
	}
	if err := e.cpu.MatMul(grads, left, right, tensor.Epilogue{}); err != nil {
		return err
	}
	if d.bias {
		if err := e.cpu.SumRows(c.grads[1], c.dout, false); err != nil {
			return err
		}
	}
	if c.dins[0].IsZero() {
		return nil
	}
	packed, err := e.panels(c, toGradients)
	switch {
	case err != nil:
		return err
	case packed != nil:
		return e.cpu.MatMulPacked(c.dins[0], c.dout, packed, tensor.Epilogue{})
	}
	return e.cpu.MatMul(c.dins[0], c.dout, c.params[0], tensor.Epilogue{})
}
