package tensor

import (
	"fmt"

	"scalar/tensor/internal/kernel"
)

// A Conv is a convolution of images, as most frameworks have it (a correlation): with
// weights o×c×h×w,
//
//	out[n][o][y][x] = φ(Bias[o] + Σ Weights[o][c][i][j] · in[n][c][y·Stride+i-Pad][x·Stride+j-Pad])
//
// summed by c, then i, then j, as one chain of fused multiply-adds that starts from the
// bias. Outside of an image is 0. All arrays have no gaps.
type Conv struct {
	Weights Dense[float32]
	Bias    Dense[float32] // [o]; the zero Dense is none
	Stride  [2]int         // down and across, from 1
	Pad     [2]int         // rows above and below, columns left and right
	ReLU    bool           // φ is the larger of 0 and its argument
}

// Out returns the shape of what the convolution makes of images of a shape, n×c×h×w, or a
// [ShapeError].
func (v Conv) Out(in []int) ([]int, error) {
	if err := checkShape(in); err != nil {
		return nil, err
	}
	x, _ := layout[float32](in)
	g, err := v.geometry(x)
	if err != nil {
		return nil, err
	}
	return []int{g.n, g.o, g.out[0], g.out[1]}, nil
}

func convError(format string, args ...any) error {
	return &ShapeError{"conv", fmt.Sprintf(format, args...)}
}

// A geometry is what sizes a convolution works with. Pairs are down and across.
type geometry struct {
	n, c, o           int
	in, padded, out   [2]int
	window, step, pad [2]int
}

// geometry returns the sizes for images x, of which it looks at the shape.
func (v Conv) geometry(x Dense[float32]) (g geometry, err error) {
	w := v.Weights
	fail := func(format string, args ...any) (geometry, error) {
		return geometry{}, convError(format, args...)
	}
	switch {
	case x.rank != 4 || w.rank != 4 || !w.Contiguous():
		return fail("images %s and weights %s: want n×c×h×w and o×c×h×w without gaps", x.dims(), w.dims())
	case w.shape[1] != x.shape[1]:
		return fail("images have %d channels, weights %s are for %d", x.shape[1], w.dims(), w.shape[1])
	case !v.Bias.IsZero() && (v.Bias.rank != 1 || v.Bias.shape[0] != w.shape[0] || !v.Bias.Contiguous()):
		return fail("bias %s: want [%d]", v.Bias.dims(), w.shape[0])
	}
	g = geometry{n: x.shape[0], c: x.shape[1], o: w.shape[0], step: v.Stride, pad: v.Pad}
	for d := range 2 {
		g.in[d], g.window[d] = x.shape[2+d], w.shape[2+d]
		if g.step[d] < 1 || g.pad[d] < 0 || g.window[d] < 1 {
			return fail("stride %v, padding %v, weights %s: want strides and windows from 1, padding from 0", v.Stride, v.Pad, w.dims())
		}
		if g.padded[d] = g.in[d] + 2*g.pad[d]; g.padded[d] < g.window[d] {
			return fail("images of %d×%d, padded by %v, are smaller than the weights' %d×%d", x.shape[2], x.shape[3], v.Pad, w.shape[2], w.shape[3])
		}
		g.out[d] = (g.padded[d]-g.window[d])/g.step[d] + 1
	}
	return g, nil
}

// taps is how many products a value is the sum of.
func (g geometry) taps() int { return g.c * g.window[0] * g.window[1] }

// area is the number of places of an image of one channel.
func area(size [2]int) int { return size[0] * size[1] }

// check returns what is wrong with arrays of images; names are for the error.
func (g geometry) check(x, out Dense[float32]) error {
	if out.rank != 4 || out.shape != [MaxRank]int{g.n, g.o, g.out[0], g.out[1]} || !out.Contiguous() || !x.Contiguous() {
		return convError("images %s give %d×%d×%d×%d, not %s, all without gaps", x.dims(), g.n, g.o, g.out[0], g.out[1], out.dims())
	}
	return nil
}

// Conv computes out = the convolution of the images x. Workers take images each.
func (c *CPU) Conv(out, x Dense[float32], v Conv) error {
	g, err := v.geometry(x)
	if err != nil {
		return err
	}
	if err := g.check(x, out); err != nil {
		return err
	}
	p := c.convolve(g, v)
	p.x, p.y, p.kind = x.data, out.data, (*convolution).forward
	if p.slides() {
		p.kind = (*convolution).slide
		p.panels = atLeast(p.panels, g.o*g.taps())
		packRows(c.isa, p.panels, dense(p.weights, g.o, g.taps()), c.isa.FilterRows(g.o))
	}
	c.pool.run(p, g.n)
	p.end()
	return nil
}

// A convolution is a call that runs.
type convolution struct {
	geometry
	cpu           *CPU
	kind          func(p *convolution, w *convWork, unit int)
	weights, bias []float32
	relu          bool
	x, y, dx      []float32
	images        kernel.Images
	panels        []float32 // the weights, packed
	groups        int       // of images, for the sums over all
	sums          []float32 // one group after the other: gradients of weights, then of the bias
	each          int       // sums of a group
	lanes         int       // of vectors of sums; 0: none
	own           []convWork
}

// A convWork is what one worker needs.
type convWork struct {
	padded  []float32 // one image with its padding
	framed  frame     // what the padding of padded is zero for
	columns []float32 // taps × places of out: what each tap meets; or a packed gradient
	product product
	folding kernel.Folding
	worker  int
}

// convolve prepares a call.
func (c *CPU) convolve(g geometry, v Conv) *convolution {
	p := &c.conv
	if p.own == nil {
		p.own = make([]convWork, len(c.work))
		for i := range p.own {
			p.own[i].worker = i
			p.own[i].product.cpu = c
		}
	}
	p.geometry, p.cpu, p.weights, p.bias, p.relu = g, c, v.Weights.data, nil, v.ReLU
	if !v.Bias.IsZero() {
		p.bias = v.Bias.data
	}
	p.images.Channels, p.images.Size, p.images.Window, p.images.Out, p.images.Step = g.c, g.padded, g.window, g.out, g.step
	p.images.Lay(c.isa)
	return p
}

// end lets go of the arrays.
func (p *convolution) end() {
	p.weights, p.bias, p.x, p.y, p.dx = nil, nil, nil, nil, nil
	for i := range p.own {
		q := &p.own[i].product
		q.out, q.a, q.operand = matrix{}, matrix{}, operand{}
	}
}

func (p *convolution) unit(worker, i int) { p.kind(p, &p.own[worker], i) }

// forward computes image i.
func (p *convolution) forward(w *convWork, i int) {
	p.spread(w, i)
	places := area(p.out)
	out := p.y[i*p.o*places:][:p.o*places]
	flags := 0
	if p.bias != nil {
		flags = kernel.Load
		for o, b := range p.bias[:p.o] {
			plane := out[o*places:][:places]
			for k := range plane {
				plane[k] = b
			}
		}
	}
	if p.relu {
		flags |= kernel.ReLU
	}
	w.multiply(dense(out, p.o, places), dense(p.weights, p.o, p.taps()), dense(w.columns, p.taps(), places), flags)
}

// dense is a matrix without gaps.
func dense(s []float32, rows, cols int) matrix { return matrix{s, rows, cols, cols, 1} }

func (m matrix) transposed() matrix {
	return matrix{m.data, m.cols, m.rows, m.colStep, m.rowStep}
}

// multiply computes a product on this worker alone.
func (w *convWork) multiply(out, a, b matrix, flags int) {
	q := &w.product
	q.out, q.a, q.b, q.flags = out, a, b, flags
	q.lay()
	q.grid = grid{rows: out.rows, cols: out.cols, across: 1, cells: 1}
	q.unit(w.worker, 0)
}

// gatherCost is what gathering and packing a vector of columns costs, in the time of so many
// multiplications of one.
const gatherCost = 16

// slides reports whether kernels take images as they lie. Where rows are so short that vectors
// stay half empty, and are used for many channels, it pays to gather columns.
func (p *convolution) slides() bool {
	vectors := (area(p.out) + p.cpu.isa.Lanes() - 1) / p.cpu.isa.Lanes()
	n := len(p.images.Spans)
	return n > 0 && n*p.o <= vectors*(p.o+gatherCost)
}

// slide computes image i without gathering columns.
func (p *convolution) slide(w *convWork, i int) {
	size := p.o * area(p.out)
	p.cpu.isa.Convolve(p.y[i*size:][:size], p.image(w, i), kernel.Filters{Panels: p.panels, Bias: p.bias, ReLU: p.relu}, &p.images)
}

// A frame is where an image lies in its padding.
type frame struct {
	c       int
	in, pad [2]int
}

// image returns image i with its padding.
func (p *convolution) image(w *convWork, i int) []float32 {
	image := p.x[i*p.c*area(p.in):][:p.c*area(p.in)]
	if p.pad == [2]int{} {
		return image
	}
	w.padded = atLeast(w.padded, p.c*area(p.padded))
	if f := (frame{p.c, p.in, p.pad}); w.framed != f {
		clear(w.padded)
		w.framed = f
	}
	p.frame(w.padded, image, false)
	return w.padded
}

// spread fills columns from image i (im2col).
func (p *convolution) spread(w *convWork, i int) {
	image := p.image(w, i)
	w.columns = atLeast(w.columns, p.taps()*area(p.out))
	p.eachTap(func(tap, from int) {
		to := w.columns[tap*area(p.out):][:area(p.out)]
		if p.step[1] == 1 {
			p.cpu.isa.Rows(&kernel.Rows{To: to, From: image[from:], FromStride: p.step[0] * p.padded[1], Width: p.out[1], ToStride: p.out[1], N: p.out[0]})
			return
		}
		for k := range to {
			to[k] = image[from+p.place(k)]
		}
	})
}

// place is where, in a padded image, the first tap of place k of out lies.
func (p *convolution) place(k int) int {
	return k/p.out[1]*p.step[0]*p.padded[1] + k%p.out[1]*p.step[1]
}

// eachTap calls f with every tap and where in a padded image it begins.
func (p *convolution) eachTap(f func(tap, from int)) {
	tap := 0
	for c := range p.c {
		for y := range p.window[0] {
			for x := range p.window[1] {
				f(tap, c*area(p.padded)+y*p.padded[1]+x)
				tap++
			}
		}
	}
}

// frame copies an image's channels into a padded one, or back.
func (p *convolution) frame(padded, image []float32, back bool) {
	for c := range p.c {
		inner := padded[c*area(p.padded)+p.pad[0]*p.padded[1]+p.pad[1]:]
		plane := image[c*area(p.in):][:area(p.in)]
		r := kernel.Rows{To: inner, From: plane, ToStride: p.padded[1], FromStride: p.in[1], Width: p.in[1], N: p.in[0]}
		if back {
			r = kernel.Rows{To: plane, From: inner, ToStride: p.in[1], FromStride: p.padded[1], Width: p.in[1], N: p.in[0]}
		}
		p.cpu.isa.Rows(&r)
	}
}
