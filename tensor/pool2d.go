package tensor

import (
	"fmt"
	"math"
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
// place that it picked.
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
	kind         func(p *pools, small, large []float32, picks []int32)
	small, large []float32
	in, out      [2]int
	planes       int
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
	*p = pools{Pooling: v, cpu: c, small: small.data, large: large.data, planes: large.shape[0] * large.shape[1]}
	p.in, p.out = [2]int{large.shape[2], large.shape[3]}, out
	return p, nil
}

// planesAtOnce is how many planes a worker takes.
const planesAtOnce = 16

func (p *pools) run() {
	p.cpu.pool.run(p, (p.planes+planesAtOnce-1)/planesAtOnce)
	*p = pools{}
}

func (p *pools) unit(_, i int) {
	for n := i * planesAtOnce; n < min((i+1)*planesAtOnce, p.planes); n++ {
		small, large := area(p.out), area(p.in)
		var picks []int32
		if p.picks != nil {
			picks = p.picks[n*small:][:small]
		}
		p.kind(p, p.small[n*small:][:small], p.large[n*large:][:large], picks)
	}
}

// corner is where the window at y, x begins in its plane.
func (p *pools) corner(y, x int) int { return y*p.Stride[0]*p.in[1] + x*p.Stride[1] }

// largest goes through the windows of a row side by side.
func (p *pools) largest(small, large []float32, picks []int32) {
	var most [64]int64
	for y := range p.out[0] {
		for x := 0; x < p.out[1]; x += len(most) {
			row := most[:min(len(most), p.out[1]-x)]
			for k := range row {
				row[k] = math.MinInt64
			}
			for i := range p.Window[0] {
				for j := range p.Window[1] {
					p.larger(row, large, p.corner(y, x)+i*p.in[1]+j)
				}
			}
			at := y*p.out[1] + x
			for k, m := range row {
				pick := int32(^uint32(m))
				small[at+k], picks[at+k] = large[pick], pick
			}
		}
	}
}

// larger takes the value of each window that begins at corner, a stride apart, where it
// is larger. Values become integers of the same order, with the place below them, so that
// one maximum without a branch, which no processor could foresee, finds both.
func (p *pools) larger(most []int64, large []float32, corner int) {
	for k, m := range most {
		x := large[corner]
		order := int32(math.Float32bits(x))
		order ^= int32(uint32(order>>31) >> 1)
		if x != x {
			order = math.MaxInt32
		}
		most[k] = max(m, int64(order)<<32|int64(^uint32(corner)))
		corner += p.Stride[1]
	}
}

func (p *pools) toLargest(small, large []float32, picks []int32) {
	clear(large)
	for k, at := range picks {
		large[at] += small[k]
	}
}

func (p *pools) mean(small, large []float32, _ []int32) {
	n := float32(area(p.Window))
	for k := range small {
		sum, corner := float32(0), p.corner(k/p.out[1], k%p.out[1])
		for y := range p.Window[0] {
			for _, x := range large[corner+y*p.in[1]:][:p.Window[1]] {
				sum += x
			}
		}
		small[k] = sum / n
	}
}

func (p *pools) toMean(small, large []float32, _ []int32) {
	clear(large)
	n := float32(area(p.Window))
	for k, x := range small {
		corner := p.corner(k/p.out[1], k%p.out[1])
		for y := range p.Window[0] {
			row := large[corner+y*p.in[1]:][:p.Window[1]]
			for i := range row {
				row[i] += x / n
			}
		}
	}
}
