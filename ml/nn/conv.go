package nn

import "scalar/tensor"

// A conv is a convolution of images.
type conv struct {
	bias        bool
	stride, pad [2]int
}

func buildConv(b *builder, n *node) error {
	l, in := b.current, n.from[0].shape
	if err := b.image(in); err != nil {
		return err
	}
	if l.Stride == (Pair{}) {
		l.Stride = Pair{1, 1}
	}
	if err := b.size(keyFilters, l.Filters); err != nil {
		return err
	}
	for _, p := range []struct {
		key   string
		of    Pair
		least int
	}{{keyKernel, l.Kernel, 1}, {keyStride, l.Stride, 1}, {keyPad, l.Pad, 0}} {
		if err := b.pair(p.key, p.of, p.least); err != nil {
			return err
		}
	}
	out := []int{l.Filters, 0, 0}
	for d := range 2 {
		padded := in[1+d] + 2*l.Pad[d]
		if padded < l.Kernel[d] {
			return b.fail("a row of %s is %s with padding %s: smaller than the kernel, %s", l.From[0], shapeText(in), shapeText(l.Pad[:]), shapeText(l.Kernel[:]))
		}
		out[1+d] = (padded-l.Kernel[d])/l.Stride[d] + 1
	}
	if err := checkVolume([]int{in[0], in[1] + 2*l.Pad[0], in[2] + 2*l.Pad[1]}); err != nil {
		return b.fail("a row of %s is %s with padding %s: %v", l.From[0], shapeText(in), shapeText(l.Pad[:]), err)
	}
	n.op, n.shape = &conv{!l.NoBias, l.Stride, l.Pad}, out
	taps := in[0] * l.Kernel[0] * l.Kernel[1]
	if err := b.weights(n, linear(taps), l.Filters, in[0], l.Kernel[0], l.Kernel[1]); err != nil {
		return err
	}
	if taps > maxGathered/(out[1]*out[2]) {
		return b.fail("%d products for each of %d places of a row: want at most %d in all", taps, out[1]*out[2], maxGathered)
	}
	return nil
}

// maxGathered is how many values a core gathers at most for an image: 1 GiB.
const maxGathered = 1 << 28

func (v *conv) fuses() bool { return true }

func (v *conv) with(c *cell) tensor.Conv {
	w := tensor.Conv{Weights: c.params[0], Stride: v.stride, Pad: v.pad, ReLU: c.n.fused}
	if v.bias {
		w.Bias = c.params[1]
	}
	return w
}

func (v *conv) forward(e *Executor, c *cell) error {
	return e.cpu.Conv(c.out, c.in[0], v.with(c))
}

func (v *conv) backward(e *Executor, c *cell) error {
	to := tensor.ConvGrads{X: c.dins[0], Weights: c.grads[0]}
	if v.bias {
		to.Bias = c.grads[1]
	}
	return e.cpu.ConvGrad(to, c.in[0], c.dout, v.with(c))
}

// A pool is the largest or the mean of each window of images.
type pool struct {
	largest bool
	windows tensor.Pooling
}

func buildPool(b *builder, n *node) error {
	l, in := b.current, n.from[0].shape
	if err := b.image(in); err != nil {
		return err
	}
	if l.Stride == (Pair{}) {
		l.Stride = l.Window
	}
	if err := b.pair(keyWindow, l.Window, 1); err != nil {
		return err
	}
	if err := b.pair(keyStride, l.Stride, 1); err != nil {
		return err
	}
	out := []int{in[0], 0, 0}
	for d := range 2 {
		if l.Window[d] > in[1+d] {
			return b.fail("a row of %s is %s: smaller than the window, %s", l.From[0], shapeText(in), shapeText(l.Window[:]))
		}
		out[1+d] = (in[1+d]-l.Window[d])/l.Stride[d] + 1
	}
	n.op, n.shape = &pool{l.Type == MaxPool, tensor.Pooling{Window: l.Window, Stride: l.Stride}}, out
	return nil
}

func (p *pool) forward(e *Executor, c *cell) error {
	if !p.largest {
		return e.cpu.AvgPool(c.out, c.in[0], p.windows)
	}
	c.places = indices(c.places, c.out.Len()) // in inference too
	return e.cpu.MaxPool(c.out, c.places, c.in[0], p.windows)
}

func (p *pool) backward(e *Executor, c *cell) error {
	switch {
	case c.dins[0].IsZero():
		return nil
	case p.largest:
		return e.cpu.MaxPoolGrad(c.dins[0], c.dout, c.places, p.windows)
	}
	return e.cpu.AvgPoolGrad(c.dins[0], c.dout, p.windows)
}

// indices returns a slice of n places, s itself where it is long enough.
func indices(s []int32, n int) []int32 {
	if cap(s) < n {
		return make([]int32, n)
	}
	return s[:n]
}

// buildFlatten makes no node: the same values are seen in another shape.
func buildFlatten(_ *builder, n *node) error {
	n.shape = []int{volume(n.from[0].shape)}
	return nil
}
