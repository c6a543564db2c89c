package tensor

import (
	"fmt"

	"scalar/tensor/internal/kernel"
)

// A Pooling is over windows of images, n×c×h×w without gaps. Windows lie whole inside.
type Pooling struct {
	Window, Stride [2]int // down and across, from 1
}

// Out returns the shape of what the pooling makes of images of a shape, or a [ShapeError].
func (v Pooling) Out(in []int) ([]int, error) {
	if err := checkShape(in); err != nil {
		return nil, err
	}
	x, _ := layout[float32](in)
	out, err := v.sizes(x)
	if err != nil {
		return nil, err
	}
	return []int{in[0], in[1], out[0], out[1]}, nil
}

// sizes returns how many windows images x, of which it looks at the shape, have.
func (v Pooling) sizes(x Dense[float32]) (out [2]int, err error) {
	if x.rank != 4 {
		return out, poolError("images %s: want n×c×h×w", x.dims())
	}
	for d := range 2 {
		if v.Window[d] < 1 || v.Stride[d] < 1 || v.Window[d] > x.shape[2+d] {
			return out, poolError("windows %v with strides %v on images of %d×%d", v.Window, v.Stride, x.shape[2], x.shape[3])
		}
		out[d] = (x.shape[2+d]-v.Window[d])/v.Stride[d] + 1
	}
	return out, nil
}

// MaxPool sets out to the largest value of each window of x, NaN where one is, and picks
// to which place of its channel's plane it lay at, the first of equals; picks has one
// place per value of out.
func (c *CPU) MaxPool(out Dense[float32], picks []int32, x Dense[float32], v Pooling) error {
	p, err := c.pooling(v, out, x)
	if err != nil {
		return err
	}
	if len(picks) != out.Len() {
		return poolError("%d picks for %s", len(picks), out.dims())
	}
	p.picks, p.kind = picks, (*pools).largest
	p.run()
	return nil
}

// MaxPoolGrad sets dx to the gradient of what picks say of x: each window's goes to the
// place that it picked. Picks are those of [CPU.MaxPool].
func (c *CPU) MaxPoolGrad(dx, dy Dense[float32], picks []int32, v Pooling) error {
	p, err := c.pooling(v, dy, dx)
	if err != nil {
		return err
	}
	if len(picks) != dy.Len() {
		return poolError("%d picks for %s", len(picks), dy.dims())
	}
	p.picks, p.kind = picks, (*pools).toLargest
	p.run()
	return nil
}

// AvgPool sets out to the mean of each window of x: the sum row by row, divided.
func (c *CPU) AvgPool(out, x Dense[float32], v Pooling) error {
	p, err := c.pooling(v, out, x)
	if err != nil {
		return err
	}
	p.kind = (*pools).mean
	p.run()
	return nil
}

// AvgPoolGrad sets dx to the gradient: each window's is shared out evenly.
func (c *CPU) AvgPoolGrad(dx, dy Dense[float32], v Pooling) error {
	p, err := c.pooling(v, dy, dx)
	if err != nil {
		return err
	}
	p.kind = (*pools).toMean
	p.run()
	return nil
}

func poolError(format string, args ...any) error {
	return &ShapeError{"pool", fmt.Sprintf(format, args...)}
}

// pools is a pooling that runs: small is what a window has one value of, large the
// images.
type pools struct {
	Pooling
	cpu          *CPU
	kind         func(p *pools, part planes)
	small, large []float32
	in, out      [2]int
	n            int // planes
	picks        []int32
}

func (c *CPU) pooling(v Pooling, small, large Dense[float32]) (*pools, error) {
	out, err := v.sizes(large)
	if err != nil {
		return nil, err
	}
	if want := [MaxRank]int{large.shape[0], large.shape[1], out[0], out[1]}; small.rank != 4 || small.shape != want || !small.Contiguous() || !large.Contiguous() {
		return nil, poolError("images %s give %d×%d of each channel, not %s, all without gaps", large.dims(), out[0], out[1], small.dims())
	}
	p := &c.pools
	*p = pools{Pooling: v, cpu: c, small: small.data, large: large.data, n: large.shape[0] * large.shape[1]}
	p.in, p.out = [2]int{large.shape[2], large.shape[3]}, out
	return p, nil
}

// planesAtOnce is how many planes a worker takes.
const planesAtOnce = 16

func (p *pools) run() {
	p.cpu.pool.run(p, (p.n+planesAtOnce-1)/planesAtOnce)
	*p = pools{}
}

func (p *pools) unit(_, i int) {
	small, large := area(p.out), area(p.in)
	from, to := i*planesAtOnce, min((i+1)*planesAtOnce, p.n)
	part := planes{n: to - from, small: p.small[from*small : to*small], large: p.large[from*large : to*large]}
	if p.picks != nil {
		part.picks = p.picks[from*small : to*small]
	}
	p.kind(p, part)
}

// planes are some of the planes of a pooling.
type planes struct {
	n            int
	small, large []float32
	picks        []int32
}

func (p *pools) windows(part planes) kernel.Windows {
	return kernel.Windows{Planes: part.n, Size: p.in, Out: p.out, Window: p.Window, Stride: p.Stride}
}

func (p *pools) largest(part planes) {
	p.cpu.isa.MaxPool(part.small, part.picks, part.large, p.windows(part))
}

func (p *pools) mean(part planes) {
	p.cpu.isa.MeanPool(part.small, part.large, p.windows(part))
}

func (p *pools) toLargest(part planes) {
	p.cpu.isa.MaxPoolGrad(part.large, part.small, part.picks, p.windows(part))
}

func (p *pools) toMean(part planes) {
	p.cpu.isa.MeanPoolGrad(part.large, part.small, p.windows(part))
}
