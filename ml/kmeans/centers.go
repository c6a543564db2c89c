package kmeans

import (
	"math"

	"scalar/tensor"
)

// centers are k points, ready for products with rows.
type centers struct {
	k, f   int
	cosine bool
	at     []float64      // k×f, row-major
	packed *tensor.Packed // f×k, rounded to float32
	bias   tensor.Dense[float32]
	single tensor.Dense[float32] // k×f: at, rounded
}

func newCenters(k, f int, cosine bool) *centers {
	return &centers{
		k: k, f: f, cosine: cosine, at: make([]float64, k*f),
		bias: tensor.New[float32](k), single: tensor.New[float32](k, f),
	}
}

// set moves the centres, given k×f, and makes them ready.
func (c *centers) set(cpu *tensor.CPU, at []float64) error {
	copy(c.at, at)
	single, bias := c.single.Values(), c.bias.Values()
	for j := range c.k {
		sum := 0.0
		for i := j * c.f; i < (j+1)*c.f; i++ {
			single[i] = float32(at[i])
			sum += float64(at[i] * at[i])
		}
		bias[j] = 0
		if !c.cosine {
			bias[j] = float32(-sum / 2)
		}
	}
	var err error
	c.packed, err = cpu.Pack(c.packed, c.single.T())
	return err
}

// distance returns the squared distance of a row from centre j, or with cosine 1 less the
// cosine, in float64.
func (c *centers) distance(row []float32, j int) float64 {
	at := c.at[j*c.f : (j+1)*c.f]
	sum := 0.0
	if c.cosine {
		for i, v := range row {
			sum += float64(float64(v) * at[i])
		}
		return max(0, 1-sum)
	}
	for i, v := range row {
		d := float64(v) - at[i]
		sum += float64(d * d)
	}
	return sum
}

// Totals of shards are vectors of k·f sums of members, k counts, and how many rows have
// changed their cluster.
func totalsLen(k, f int) int { return k*f + k + 1 }

func (c *centers) counts(totals []float64) []float64 { return totals[c.k*c.f : c.k*(c.f+1)] }

// means returns where the centres move: to the mean of their members, with cosine to its
// direction. A cluster without members, or whose members cancel out, keeps its centre.
func (c *centers) means(totals []float64) []float64 {
	next := append([]float64(nil), c.at...)
	for j, n := range c.counts(totals) {
		sums, to := totals[j*c.f:(j+1)*c.f], next[j*c.f:(j+1)*c.f]
		if c.cosine {
			length := 0.0
			for _, s := range sums {
				length += float64(s * s)
			}
			n = math.Sqrt(length)
		}
		if n <= 0 {
			continue
		}
		for i, s := range sums {
			to[i] = s / n
		}
	}
	return next
}

// inertia returns the sum of distances of all rows from their centres, from their totals
// and the sum of their squares: float64's rounding of that sum is its error.
func (c *centers) inertia(totals []float64, squares float64) float64 {
	counts := c.counts(totals)
	sum := squares
	if c.cosine {
		sum = 0
		for _, n := range counts {
			sum += n
		}
	}
	for j, n := range counts {
		inner, length := 0.0, 0.0
		for i := j * c.f; i < (j+1)*c.f; i++ {
			inner += float64(c.at[i] * totals[i])
			length += float64(c.at[i] * c.at[i])
		}
		if c.cosine {
			sum -= inner
		} else {
			sum += float64(n*length) - 2*inner
		}
	}
	return max(0, sum)
}

// moved returns the sum of the squared distances by which centres move.
func (c *centers) moved(next []float64) float64 {
	sum := 0.0
	for i, x := range next {
		d := x - c.at[i]
		sum += float64(d * d)
	}
	return sum
}
