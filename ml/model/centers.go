package model

import (
	"math"

	"scalar/tensor"
)

// centers finds the nearest of some centres: products in float32 say which ones it may be,
// and distances of these in float64 which one it is. So the answer is that of distances in
// float64 to all centres, at the cost of the products.
type centers struct {
	k, features int
	cosine      bool
	values      []float32      // k×features
	packed      *tensor.Packed // features×k
	squares     []float64      // of the lengths
	lengths     []float64
}

func newCenters(cpu *tensor.CPU, of *Clusters, values []float32) (*centers, error) {
	c := &centers{k: of.K, features: len(values) / of.K, cosine: of.Metric == Cosine, values: values}
	d, err := tensor.From(values, c.k, c.features)
	if err != nil {
		return nil, err
	}
	if c.packed, err = cpu.Pack(nil, d.T()); err != nil {
		return nil, err
	}
	for k := range c.k {
		s := square(c.center(k))
		c.squares, c.lengths = append(c.squares, s), append(c.lengths, math.Sqrt(s))
	}
	return c, nil
}

func (c *centers) center(k int) []float32 { return c.values[k*c.features : (k+1)*c.features] }

func square(x []float32) (s float64) {
	for _, v := range x {
		s += float64(v) * float64(v) // exact, so that fusing changes nothing
	}
	return s
}

// nearest returns the nearest centre of x, the first of equals, and its distance. products
// are those of x with all centres, in float32.
func (c *centers) nearest(x, products []float32) (best int, distance float64) {
	length := math.Sqrt(square(x))
	limit := math.Inf(1)
	for k, p := range products {
		lo, hi := c.bounds(k, float64(p), length)
		if !(hi-lo < math.Inf(1)) { // overflow: all are looked at
			limit = math.Inf(1)
			break
		}
		limit = min(limit, hi)
	}
	best, distance = -1, math.Inf(1)
	for k, p := range products {
		if lo, _ := c.bounds(k, float64(p), length); lo > limit {
			continue
		}
		if d := c.distance(x, k, length); best < 0 || d < distance {
			best, distance = k, d
		}
	}
	if !c.cosine {
		distance = math.Sqrt(distance)
	}
	return best, distance
}

// bounds returns what a number that orders the centres as distances do lies between: for
// euclidean ones |c|² - 2x·c, for cosine ones -x·c/|c|. A product of n numbers, summed in
// float32, is off by at most n·2⁻²⁴·|x|·|c| (Higham, Accuracy and Stability of Numerical
// Algorithms, §3.1, with Cauchy and Schwarz), here with as much again for what is summed in
// float64, for values below the smallest normal one, and for terms of higher order.
func (c *centers) bounds(k int, product, length float64) (lo, hi float64) {
	n := float64(c.features)
	off := n*0x1p-23*length*c.lengths[k] + n*0x1p-148
	if n > 1<<22 {
		off = math.Inf(1)
	}
	if c.cosine {
		if c.lengths[k] == 0 {
			return 0, 0
		}
		return (-product - off) / c.lengths[k], (-product + off) / c.lengths[k]
	}
	at := c.squares[k] - 2*product
	off = 2*off + n*0x1p-50*c.squares[k]
	return at - off, at + off
}

// distance returns the squared euclidean distance from a centre, or the cosine one.
func (c *centers) distance(x []float32, k int, length float64) (d float64) {
	center := c.center(k)
	if !c.cosine {
		for i, v := range x {
			e := float64(v) - float64(center[i])
			d += float64(e * e)
		}
		return d
	}
	if length == 0 || c.lengths[k] == 0 {
		return 1
	}
	for i, v := range x {
		d += float64(v) * float64(center[i])
	}
	return min(max(1-d/(length*c.lengths[k]), 0), 2)
}
