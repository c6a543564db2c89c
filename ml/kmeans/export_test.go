package kmeans

import (
	"context"

	"scalar/tensor"
)

// A Fit is a fit of one peer that has all shards, which it adds in order.
type Fit struct{ *fit }

// FitConfig is k clusters of rows in some shards.
type FitConfig struct {
	Rows      [][]float32
	K, Shards int
	Metric    Metric
}

// NewFit returns a fit.
func NewFit(ctx context.Context, cpu *tensor.CPU, c FitConfig) (Fit, error) {
	rows, metric := c.Rows, c.Metric
	t := &fit{
		crowd: crowd{
			sum: func(_ context.Context, mine [][]float64) ([]float64, error) {
				out := make([]float64, len(mine[0]))
				for _, v := range mine {
					for i, x := range v {
						out[i] += x
					}
				}
				return out, nil
			},
			gather: func(_ context.Context, b []byte) ([][]byte, error) { return [][]byte{b}, nil },
		},
		n: len(rows), k: c.K, f: len(rows[0]), metric: metric, workers: []*worker{{cpu: cpu}},
	}
	for s := range c.Shards {
		lo, hi := s*t.n/c.Shards, (s+1)*t.n/c.Shards
		sh := newShard(lo, hi-lo, t.f)
		for i := range hi - lo {
			copy(sh.row(i), rows[lo+i])
			if metric == Cosine {
				unit(sh.row(i))
			}
		}
		t.shards = append(t.shards, sh)
	}
	return Fit{t}, t.prepare(ctx)
}

// A Round is what an iteration has found.
type Round struct {
	Inertia float64
	Changed int
	Next    []float64
}

// Iterate assigns all rows to centres, and says where these move.
func (f Fit) Iterate(ctx context.Context, at []float64) (Round, error) {
	r, err := f.iterate(ctx, at)
	return Round{r.inertia, r.changed, r.next}, err
}

// Measure returns the sum of the distances of rows from the nearest of centres.
func (f Fit) Measure(ctx context.Context, at []float64) (float64, error) { return f.measure(ctx, at) }

// Start chooses centres by k-means‖.
func (f Fit) Start(ctx context.Context, seed uint64) ([]float64, error) {
	f.seed = seed
	return f.start(ctx)
}

// Given takes centres in the units of the data.
func (f Fit) Given(at []float32) ([]float64, error) { return f.given(at) }

// Shift returns what was taken from rows.
func (f Fit) Shift() []float32 { return f.spread.shift }

// Labels returns the clusters of all rows.
func (f Fit) Labels() (all []int32) {
	for _, s := range f.shards {
		all = append(all, s.labels...)
	}
	return all
}

// Unit makes a vector one of length 1.
func Unit(x []float32) { unit(x) }
