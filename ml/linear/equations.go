package linear

import (
	"context"

	"scalar/bsp/job"
)

// normal learns by normal equations, in one superstep: means of the columns, then products
// of them less their means, each one sum over all shards.
func (l *learner) normal(ctx context.Context) (result, error) {
	set, f, n := l.rows.Set, l.form.Features, len(l.training)
	if f > MaxNormal {
		return result{}, job.Fail(job.FaultInput, "%s: rows have %d features, and normal equations take up to %d: use --optimizer sgd", l.rows.URL, f, MaxNormal)
	}
	means, err := l.crew.sum(ctx, f+1, func(_, shard int, sums []float64) error {
		row := make([]float32, f)
		for _, i := range l.crew.rows(shard) {
			set.Row(row, int(i))
			for j, v := range row {
				sums[j] += float64(v)
			}
			sums[f] += set.Value(int(i))
		}
		return nil
	})
	if err != nil {
		return result{}, err
	}
	for j := range means {
		means[j] /= float64(n)
	}
	sums, err := l.crew.sum(ctx, GramLen(f), func(worker, shard int, sums []float64) error {
		g, row := NewGram(l.crew.cpus[worker], means), make([]float32, f)
		for _, i := range l.crew.rows(shard) {
			set.Row(row, int(i))
			if err := g.Add(row, set.Value(int(i))); err != nil {
				return err
			}
		}
		all, err := g.Sums()
		copy(sums, all)
		return err
	})
	if err != nil {
		return result{}, err
	}
	fit, err := Solve(sums, means, n, l.o.L2)
	if err != nil {
		return result{}, job.Fail(job.FaultInput, "%s: %v", l.rows.URL, err)
	}
	if fit.Dependent > 0 && l.p.Index() == 0 {
		l.p.Log().Warn("some features are constant, or sums of others: equal ones share their weight", "features", fit.Dependent)
	}
	r := result{model: append(fit.Weights, fit.Intercept), epochs: 1, steps: 1}
	r.score, err = l.score(ctx, set, l.training, r.model)
	return r, err
}
