package train

import (
	"context"
	"fmt"
	"math"

	"scalar/ml/data"
	"scalar/ml/model"
	"scalar/ml/nn"
	"scalar/ml/reduce"
)

// epochEnd adds up what an epoch has come to, and decides which model is kept and whether
// training goes on.
func (t *trainer) epochEnd(ctx context.Context) error {
	shards := make([][]float64, len(t.state.sums)/2)
	for i := range shards {
		shards[i] = []float64{t.state.sums[2*i], t.state.sums[2*i+1]}
	}
	sums, err := t.tree.Sums(ctx, reduce.Of(t.p), shards)
	if err != nil {
		return err
	}
	clear(t.state.sums)
	told := &t.state.Told
	score := t.score(sums, t.plan.steps*t.plan.batch)
	e := model.Epoch{Epoch: len(told.History) + 1, Loss: score.Loss, Error: score.Error}
	if t.valid != nil {
		if e.Validation, err = t.evaluate(ctx, t.rows.Set, t.valid); err != nil {
			return err
		}
	}
	if t.test != nil {
		if e.Test, err = t.evaluate(ctx, t.test.Set, nil); err != nil {
			return err
		}
	}
	told.History = append(told.History, e)
	if e.Validation == nil || told.Kept == 0 || e.Validation.Loss < told.History[told.Kept-1].Validation.Loss {
		told.Kept = e.Epoch
		copy(t.state.kept, t.state.weights)
	}
	if t.o.EarlyStop > 0 && e.Epoch-told.Kept >= t.o.EarlyStop {
		told.Stopped = fmt.Sprintf("early: %d epochs without a smaller validation loss", t.o.EarlyStop)
	}
	t.tell.Epoch(e, told.Stopped != "")
	return nil
}

// score turns sums of losses and of wrong rows into means.
func (t *trainer) score(sums []float64, rows int) model.Score {
	s := model.Score{Rows: rows, Loss: t.meanLoss(sums[0], rows), Error: mean(sums[1], rows)}
	if t.graph.Loss() == nn.Squared {
		s.Error = math.Sqrt(s.Loss)
	}
	return s
}

// evalRows is how many rows are evaluated at a time.
const evalRows = 1024

// evaluate runs the net over rows of a set, all of them if indices is nil. Each shard has a
// range of the rows.
func (t *trainer) evaluate(ctx context.Context, set *data.Set, indices []uint32) (*model.Score, error) {
	n := len(indices)
	if indices == nil {
		n = set.Len()
	}
	first, last := t.tree.Owned(t.p.Index())
	shards := make([][]float64, 0, last-first)
	for shard := first; shard < last; shard++ {
		lo, hi := reduce.Part(n, shard, t.tree.Shards())
		sums := make([]float64, 2)
		for ; lo < hi; lo += evalRows {
			if err := t.evaluateSome(set, pick(indices, lo, min(lo+evalRows, hi)), sums); err != nil {
				return nil, err
			}
		}
		shards = append(shards, sums)
	}
	sums, err := t.tree.Sums(ctx, reduce.Of(t.p), shards)
	if err != nil {
		return nil, err
	}
	s := t.score(sums, n)
	return &s, nil
}

// pick returns the indices from lo to hi, of nil the numbers themselves.
func pick(indices []uint32, lo, hi int) []uint32 {
	if indices != nil {
		return indices[lo:hi]
	}
	all := make([]uint32, 0, hi-lo)
	for i := lo; i < hi; i++ {
		all = append(all, uint32(i))
	}
	return all
}

// evaluateSome adds losses and wrong rows to sums.
func (t *trainer) evaluateSome(set *data.Set, indices []uint32, sums []float64) error {
	b := t.batch.take(set, indices)
	out, err := t.exec.Infer(t.weights, b.X)
	if err != nil {
		return err
	}
	if t.graph.Loss() == nn.Squared {
		for i, y := range out.Values() {
			d := float64(y) - float64(b.Targets[i])
			sums[0] += float64(d*d) / 2
		}
		return nil
	}
	sums[1] += float64(nn.Wrong(out, b.Labels))
	loss, err := t.cpu.CrossEntropy(out, out, b.Labels, 0)
	sums[0] += loss
	return err
}
