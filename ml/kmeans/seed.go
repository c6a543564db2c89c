package kmeans

import (
	"math"

	"scalar/tensor"
)

// Constants of k-means‖ (Bahmani, Moseley, Vattani, Kumar and Vassilvitskii, Scalable
// k-means++, VLDB 2012, algorithm 2), as its section 5 advises.
const (
	oversample = 2  // ℓ: candidates a round, times k
	seedRounds = 5  // rounds
	mostRounds = 25 // until there are more than k candidates
)

// A seeding is what a shard knows while candidates are chosen.
type seeding struct {
	*shard
	nearest []float64 // distance of each row from the nearest candidate so far
}

func newSeeding(s *shard) *seeding {
	d := &seeding{shard: s, nearest: make([]float64, s.len())}
	for i := range d.nearest {
		d.nearest[i] = math.Inf(1)
	}
	return d
}

// approach takes in new candidates, numbered from first on, and returns the sum of the
// distances from the nearest.
func (d *seeding) approach(w *worker, c *centers, first int) (float64, error) {
	err := w.blocks(d.shard, c, func(lo int, nearest []int32) error {
		for i, j := range nearest {
			if distance := c.distance(d.row(lo+i), int(j)); distance < d.nearest[lo+i] {
				d.nearest[lo+i], d.labels[lo+i] = distance, int32(first)+j
			}
		}
		return nil
	})
	return d.sum(), err
}

// sum returns the sum of the distances from the nearest candidates.
func (d *seeding) sum() float64 {
	sum := 0.0
	for _, x := range d.nearest {
		sum += x
	}
	return sum
}

// sample returns the rows that become candidates in a round, one after the other: each with
// probability many·distance/sum, by its own number of the generator.
func (d *seeding) sample(seed uint64, round int, many, sum float64) []float32 {
	var rows []float32
	for i, x := range d.nearest {
		if x > 0 && draw(seed, round, d.first+i)*sum < many*x {
			rows = append(rows, d.row(i)...)
		}
	}
	return rows
}

// weigh adds each candidate's rows to weights.
func (d *seeding) weigh(weights []float64) {
	for _, j := range d.labels {
		weights[j]++
	}
}

// recluster chooses k of the candidates, m×f, by k-means++ (Arthur and Vassilvitskii, SODA
// 2007) with their weights: each with a probability by its weight times the squared distance
// from the nearest that is chosen, the best of 2 + ln k draws. It returns them as k×f. There
// are at least k candidates.
func recluster(cpu *tensor.CPU, candidates []float32, weights []float64, k int, seed uint64) ([]float64, error) {
	m := len(weights)
	x, err := tensor.From(candidates, m, len(candidates)/m)
	if err != nil {
		return nil, err
	}
	p := &plusPlus{
		cpu: cpu, x: x, weights: weights, seed: seed, squares: make([]float64, m), near: make([]float64, m),
		trials: 2 + int(math.Log(float64(k))),
	}
	for i := range m {
		p.near[i] = 1 // the first is drawn by its weight alone
		p.squares[i] = dot(p.row(i), p.row(i))
	}
	var out []float64
	for round := range k {
		i, err := p.choose(round)
		if err != nil {
			return nil, err
		}
		for _, v := range p.row(i) {
			out = append(out, float64(v))
		}
	}
	return out, nil
}

type plusPlus struct {
	cpu     *tensor.CPU
	x       tensor.Dense[float32] // m×f
	weights []float64
	squares []float64 // ‖x‖² of each row
	near    []float64 // squared distance from the nearest that is chosen
	seed    uint64
	trials  int
}

func (p *plusPlus) row(i int) []float32 {
	f := p.x.Dim(1)
	return p.x.Values()[i*f : (i+1)*f]
}

// choose draws candidates, and takes the one that leaves the least to the others.
func (p *plusPlus) choose(round int) (int, error) {
	trials := p.trials
	if round == 0 {
		trials = 1
	}
	f := p.x.Dim(1)
	picks, drawn := make([]int, trials), tensor.New[float32](trials, f)
	for t := range picks {
		picks[t] = p.draw(draw(p.seed, -2-round, t))
		copy(drawn.Values()[t*f:], p.row(picks[t]))
	}
	inner := tensor.New[float32](len(p.near), trials)
	if err := p.cpu.MatMul(inner, p.x, drawn.T(), tensor.Epilogue{}); err != nil {
		return 0, err
	}
	best, least, bestNear := 0, math.Inf(1), []float64(nil)
	for t, pick := range picks {
		near, sum := make([]float64, len(p.near)), 0.0
		for i := range near {
			d := max(0, p.squares[i]+p.squares[pick]-2*float64(inner.Values()[i*trials+t]))
			if i == pick {
				d = 0
			}
			if round > 0 {
				d = min(d, p.near[i])
			}
			near[i] = d
			sum += float64(p.weights[i] * d)
		}
		if sum < least {
			best, least, bestNear = pick, sum, near
		}
	}
	p.near = bestNear
	return best, nil
}

// draw returns the candidate at u, in [0, 1), of what all weigh together. Where all are
// chosen already, it is any of them.
func (p *plusPlus) draw(u float64) int {
	total := 0.0
	for i, w := range p.weights {
		total += float64(w * p.near[i])
	}
	if total <= 0 {
		return min(int(u*float64(len(p.weights))), len(p.weights)-1)
	}
	left, last := u*total, 0
	for i, w := range p.weights {
		x := float64(w * p.near[i])
		if x <= 0 {
			continue
		}
		if last = i; left < x {
			return i
		}
		left -= x
	}
	return last
}
