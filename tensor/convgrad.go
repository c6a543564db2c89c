package tensor

import "scalar/tensor/internal/kernel"

// ConvGrads are gradients that [CPU.ConvGrad] sets, each in the shape of what it is the
// gradient of; the zero Dense is none.
type ConvGrads struct {
	X, Weights, Bias Dense[float32]
}

// Sums over a batch are kept in groups of images, each summed in order by one worker, and
// then added in order: how many groups depends on sizes alone.
const (
	mostGroups = 16
	groupLeast = 4       // images in one
	groupSums  = 4 << 20 // values of all groups together
)

// ConvGrad sets the gradients of a convolution of x from dy, the gradient of its out
// before ReLU. The gradients of weights and bias are sums over all images.
func (c *CPU) ConvGrad(to ConvGrads, x, dy Dense[float32], v Conv) error {
	g, err := v.geometry(x)
	if err != nil {
		return err
	}
	if err := g.check(x, dy); err != nil {
		return err
	}
	for _, d := range [...]struct{ of, is Dense[float32] }{{x, to.X}, {v.Weights, to.Weights}} {
		if !d.is.IsZero() && (!SameShape(d.of, d.is) || !d.is.Contiguous()) {
			return convError("a gradient of %s is %s: want the same without gaps", d.of.dims(), d.is.dims())
		}
	}
	if b := to.Bias; !b.IsZero() && (b.rank != 1 || b.shape[0] != g.o || !b.Contiguous()) {
		return convError("the gradient of the bias is %s: want [%d]", b.dims(), g.o)
	}
	p := c.convolve(g, v)
	p.x, p.y = x.data, dy.data
	if !to.X.IsZero() {
		p.dx, p.kind = to.X.data, (*convolution).backward
		c.pool.run(p, g.n)
	}
	if !to.Weights.IsZero() || !to.Bias.IsZero() {
		p.sum(to)
	}
	p.end()
	return nil
}

// backward sets the gradient of image i: what each tap met gets its share (col2im).
func (p *convolution) backward(w *convWork, i int) {
	places := area(p.out)
	w.columns = atLeast(w.columns, p.taps()*places)
	w.multiply(dense(w.columns, p.taps(), places), dense(p.weights, p.o, p.taps()).transposed(), dense(p.y[i*p.o*places:], p.o, places), 0)
	image := p.dx[i*p.c*area(p.in):][:p.c*area(p.in)]
	if p.cpu.isa != kernel.Plain && p.step == [2]int{1, 1} {
		p.cpu.isa.Fold(image, w.columns, &p.images, p.pad, &w.folding)
		return
	}
	into := image
	if p.pad != [2]int{} {
		w.padded, w.framed = atLeast(w.padded, p.c*area(p.padded)), frame{}
		into = w.padded
	}
	clear(into)
	p.eachTap(func(tap, to int) {
		from := w.columns[tap*places:][:places]
		if p.step[1] == 1 {
			p.cpu.isa.Rows(&kernel.Rows{To: into[to:], From: from, ToStride: p.step[0] * p.padded[1], FromStride: p.out[1], Width: p.out[1], N: p.out[0], Add: true})
			return
		}
		for k, x := range from {
			into[to+p.place(k)] += x
		}
	})
	if p.pad != [2]int{} {
		p.frame(w.padded, image, true)
	}
}

// sum sets the gradients that are sums over images. Vectors of sums have a channel of the output
// a lane, and come one after the other, each with all taps; plain code has the order of weights.
func (p *convolution) sum(to ConvGrads) {
	taps, each := p.taps(), p.o*p.taps()+p.o
	p.groups = max(1, min(mostGroups, p.n/groupLeast, groupSums/each))
	p.kind, p.lanes = (*convolution).group, p.cpu.isa.TapLanes(p.o)
	if p.lanes > 0 {
		p.kind, each = (*convolution).tapGroup, p.vectors()*taps*p.lanes+p.o
	}
	p.each = each
	p.sums = atLeast(p.sums, p.groups*each)
	p.cpu.pool.run(p, p.groups)
	for g := 1; g < p.groups; g++ {
		p.cpu.isa.Map(&kernel.Map{Op: kernel.Add, Out: p.sums[:each], X: p.sums[:each], Y: p.sums[g*each:]})
	}
	if !to.Bias.IsZero() {
		copy(to.Bias.data[:p.o], p.sums[each-p.o:each])
	}
	switch {
	case to.Weights.IsZero():
	case p.lanes == 0:
		copy(to.Weights.data[:p.o*taps], p.sums)
	default:
		for o := range p.o {
			from := p.sums[o/p.lanes*taps*p.lanes+o%p.lanes:]
			for tap := range taps {
				to.Weights.data[o*taps+tap] = from[tap*p.lanes]
			}
		}
	}
}

// vectors is how many hold a value of each channel of the output.
func (p *convolution) vectors() int { return (p.o + p.lanes - 1) / p.lanes }

// group sums the images of group i.
func (p *convolution) group(w *convWork, i int) {
	places, sums := area(p.out), p.sums[i*p.each:][:p.each]
	clear(sums)
	weights, bias := sums[:p.each-p.o], sums[p.each-p.o:]
	for n := i * p.n / p.groups; n < (i+1)*p.n/p.groups; n++ {
		p.spread(w, n)
		dy := p.y[n*p.o*places:][:p.o*places]
		w.multiply(dense(weights, p.o, p.taps()), dense(dy, p.o, places), dense(w.columns, p.taps(), places).transposed(), kernel.Load)
		p.addBias(bias, dy)
	}
}

// tapGroup does it in vectors, without gathering columns.
func (p *convolution) tapGroup(w *convWork, i int) {
	places, sums := area(p.out), p.sums[i*p.each:][:p.each]
	clear(sums)
	w.columns = atLeast(w.columns, places*p.lanes)
	for n := i * p.n / p.groups; n < (i+1)*p.n/p.groups; n++ {
		image, dy := p.image(w, n), p.y[n*p.o*places:][:p.o*places]
		for v := range p.vectors() {
			o := v * p.lanes
			p.cpu.isa.Pack(w.columns, kernel.Panel{From: dy[o*places:], Line: places, Step: 1, Lines: min(p.lanes, p.o-o), Width: p.lanes, K: places})
			p.cpu.isa.AddTaps(sums[o*p.taps():], image, w.columns, p.lanes, &p.images)
		}
		p.addBias(sums[p.each-p.o:], dy)
	}
}

// addBias adds an image's gradient of the bias.
func (p *convolution) addBias(bias, dy []float32) {
	places := area(p.out)
	for o := range bias {
		bias[o] += p.cpu.isa.Sum(dy[o*places:][:places])
	}
}
