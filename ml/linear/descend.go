package linear

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"scalar/bsp"
	"scalar/bsp/job"
	"scalar/ml/model"
	"scalar/ml/reduce"
	"scalar/ml/train"
)

// A descending is what a checkpoint holds of gradient descent: of the numbers of the model a
// peer's own range, of all else the same at all peers.
type descending struct {
	Part    []float64 // the weights are Scale times them
	Scale   float64
	Kept    []float64 // the model that is kept: the weights themselves
	Sums    []float64 // of this epoch: losses, rows that were wrong
	History []model.Epoch
	Splits  int    // of the rows: those of the first attempt, whatever memory a later one has
	Best    int    // the epoch whose model is kept, from 1; 0: none yet
	Stopped string // why it ended before its last epoch; empty: it did not
}

// A descent is gradient descent on sparse rows: a superstep a step. Peers exchange the
// gradients of the columns that their shards touch, and add them in the order of shards; each
// has all weights. The penalty shrinks them through one scale, as Bottou's stochastic gradient
// descent does (Stochastic Gradient Descent Tricks, 2012, section 5.1), so that a step costs
// what its rows have, not what the model has.
type descent struct {
	*learner
	plan   *train.Plan
	state  descending
	size   int       // of the weights
	w      *weights  // w.w and w.b are parts of all
	all    []float64 // weights over scale, intercepts
	kept   []float64
	lo, hi int // the own range of all
	eval   *evaluator
	tell   *train.Teller
	shard  *touched
	step   *touched
	out    [2][]byte // in turns: what a call has given away is read until the next has returned
}

// smallest is the least scale before the weights are multiplied by it.
const smallest = 1e-6

// descend learns by gradient descent.
func (l *learner) descend(ctx context.Context) (result, error) {
	if !l.rows.Set.Sparse() {
		return result{}, errors.New("linear: dense rows are trained as a net")
	}
	d := &descent{learner: l, plan: train.NewPlan(l.training, l.o.Batch, l.o.Seed)}
	if n := l.crew.tree.Shards(); n > d.plan.Batch() {
		return result{}, job.Fail(job.FaultInput, "%d shards: a step has %d rows, and each shard needs one: use fewer peers or shards, or a larger --batch", n, d.plan.Batch())
	}
	var err error
	if d.state.Splits, err = d.plan.Splits(l.rows, l.o.Splits); err != nil {
		return result{}, err
	}
	if err := d.begin(ctx); err != nil {
		return result{}, err
	}
	for {
		step := l.p.Superstep()
		stop, err := d.between(ctx, step)
		if err != nil {
			return result{}, err
		}
		if stop {
			break
		}
		if err := d.take(ctx, step); err != nil {
			return result{}, err
		}
		if err := l.p.Sync(ctx); err != nil {
			return result{}, err
		}
	}
	best := d.state.History[d.state.Best-1]
	return result{
		model: d.kept, epochs: best.Epoch, steps: best.Epoch * d.plan.Steps(), splits: d.state.Splits, history: d.state.History, stopped: d.state.Stopped,
		score: model.Score{Loss: best.Loss, Error: best.Error},
	}, nil
}

// begin takes the first weights, or those of a checkpoint.
func (d *descent) begin(ctx context.Context) error {
	f := d.form
	d.size = f.Features * f.Free()
	d.all, d.kept = make([]float64, f.Size()), make([]float64, f.Size())
	first, err := d.first()
	if err != nil {
		return err
	}
	copy(d.all, first)
	d.w = newWeights(f, false)
	d.w.w, d.w.b = d.all[:d.size], d.all[d.size:]
	d.eval = newEvaluator(d.crew.cpus[0], d.rows.Set, f, nil)
	d.shard, d.step = newTouched(f), newTouched(f)
	d.lo, d.hi = reduce.Part(f.Size(), d.p.Index(), d.p.N())
	d.state = descending{Part: d.all[d.lo:d.hi], Scale: 1, Splits: d.state.Splits, Kept: d.kept[d.lo:d.hi], Sums: make([]float64, 2)}
	resumed, err := d.p.State(&d.state)
	if err != nil {
		return err
	}
	d.tell = train.NewTeller(d.p, d.plan, d.o.Epochs, f.Outputs == 1)
	if d.plan.Divide(d.state.Splits, d.rows.Ahead); !resumed {
		return nil
	}
	if err := d.whole(ctx, d.all, d.state.Part); err != nil {
		return err
	}
	if err := d.whole(ctx, d.kept, d.state.Kept); err != nil {
		return err
	}
	d.state.Part, d.state.Kept = d.all[d.lo:d.hi], d.kept[d.lo:d.hi]
	return nil
}

// first returns the numbers to begin with: those of --from, or of a net that has learnt
// nothing.
func (d *descent) first() ([]float64, error) {
	if d.from != nil {
		return d.from, nil
	}
	arena := make([]float32, d.graph.Size())
	d.graph.Init(arena, d.o.Seed)
	return d.form.Model(d.graph, arena)
}

// whole sets all, of which each peer has its own part.
func (d *descent) whole(ctx context.Context, all, part []float64) error {
	b := appendFloats(make([]byte, 0, 8*len(part)), part...)
	out := make([][]byte, d.p.N())
	for i := range out {
		out[i] = b
	}
	parts, err := bsp.HandOver(ctx, d.p, out)
	if err != nil {
		return err
	}
	at := 0
	for _, b := range parts {
		for ; len(b) >= 8 && at < len(all); b = b[8:] {
			all[at] = math.Float64frombits(binary.LittleEndian.Uint64(b))
			at++
		}
	}
	if at != len(all) {
		return fmt.Errorf("linear: peers have %d of %d numbers of the model", at, len(all))
	}
	return nil
}

// between looks, before a step, at what the last one has come to. What it finds is a function
// of the state, the same at all peers.
func (d *descent) between(ctx context.Context, step int) (stop bool, err error) {
	st := &d.state
	if !finite(st.Sums[0]) {
		return true, d.giveUp(step - 1)
	}
	if epoch := step / d.plan.Steps(); step%d.plan.Steps() == 0 && epoch > len(st.History) {
		now := d.model()
		if slices.ContainsFunc(now, func(x float64) bool { return !finite(float64(float32(x))) }) { // as the model has them
			return true, d.giveUp(step - 1)
		}
		if err := d.epoch(ctx, epoch, now); err != nil {
			return false, err
		}
	}
	return step == d.o.Epochs*d.plan.Steps() || st.Stopped != "", nil
}

// giveUp ends training whose loss is no number any more: with the model of the last epoch that
// was whole, or with an error if there is none.
func (d *descent) giveUp(superstep int) error {
	const advice = "the loss is not a number any more: use a smaller --lr or --clip 1" // sparse rows cannot be scaled
	st := &d.state
	if st.Best == 0 {
		return job.Fail(job.FaultInput, "superstep %d of epoch 1: %s", superstep, advice)
	}
	if st.Stopped = "diverged"; d.p.Index() == 0 {
		d.p.Log().Warn("training has diverged: the model is that of the last good epoch", "superstep", superstep, "epoch", st.Best, "advice", advice)
	}
	return nil
}

// model returns the numbers of the model as they are.
func (d *descent) model() []float64 {
	now := slices.Clone(d.all)
	for i := range d.size {
		now[i] *= d.state.Scale
	}
	return now
}

// epoch ends an epoch, which has come to the model now.
func (d *descent) epoch(ctx context.Context, epoch int, now []float64) error {
	st := &d.state
	s := d.form.score(st.Sums, d.plan.Steps()*d.plan.Batch())
	e := model.Epoch{Epoch: epoch, Loss: s.Loss, Error: s.Error}
	clear(st.Sums)
	if d.valid != nil {
		v, err := d.score(ctx, d.rows.Set, d.valid, now)
		if err != nil {
			return err
		}
		e.Validation = &v
	}
	if d.test != nil {
		v, err := d.score(ctx, d.test.Set, all(d.test.Set), now)
		if err != nil {
			return err
		}
		e.Test = &v
	}
	st.History = append(st.History, e)
	if e.Validation == nil || st.Best == 0 || e.Validation.Loss < st.History[st.Best-1].Validation.Loss {
		st.Best = epoch
		copy(d.kept, now)
	}
	if d.o.EarlyStop > 0 && epoch-st.Best >= d.o.EarlyStop {
		st.Stopped = fmt.Sprintf("early: %d epochs without a smaller validation loss", d.o.EarlyStop)
	}
	d.tell.Epoch(e, st.Stopped != "")
	return nil
}

// take takes a step.
func (d *descent) take(ctx context.Context, step int) error {
	d.w.scale = d.state.Scale
	b, rows := d.out[step%2][:0], 0
	for s := d.crew.lo; s < d.crew.hi; s++ {
		mine, _ := d.plan.Shard(step, s, d.crew.tree)
		d.shard.reset()
		sums := make([]float64, 2)
		err := d.eval.blocks(mine, d.w, func(rows []uint32, z array) error {
			if err := d.eval.slopes(rows, z, sums); err != nil {
				return err
			}
			d.eval.touch(d.shard, rows, z.Values())
			return nil
		})
		if err != nil {
			return err
		}
		d.shard.loss, d.shard.wrong = sums[0], sums[1]
		b = d.shard.append(b)
		rows += len(mine)
	}
	d.out[step%2] = b
	out := make([][]byte, d.p.N())
	for i := range out {
		out[i] = b
	}
	parts, err := bsp.HandOver(ctx, d.p, out)
	if err != nil {
		return err
	}
	d.p.Active(int64(rows))
	return d.update(step, parts)
}

// update changes the weights by the gradients of all shards.
func (d *descent) update(step int, parts [][]byte) error {
	d.step.reset()
	for _, b := range parts {
		for len(b) > 0 {
			var err error
			if b, err = d.step.addEncoded(b); err != nil {
				return err
			}
		}
	}
	st := &d.state
	st.Sums[0] += d.step.loss
	st.Sums[1] += d.step.wrong
	if loss := d.form.score([]float64{d.step.loss, 0}, d.plan.Batch()).Loss; finite(loss) {
		d.tell.Step(step, loss)
	}
	rate := d.o.Optimizer.Rate(step, d.o.Epochs*d.plan.Steps())
	st.Scale *= 1 - float64(rate*d.o.L2)
	if st.Scale < smallest {
		for i := range d.size {
			d.all[i] *= st.Scale
		}
		st.Scale = 1
	}
	by := rate / float64(d.plan.Batch())
	free := d.form.Free()
	for i, j := range d.step.columns {
		w := d.w.w[int(j)*free : int(j)*free+free]
		for c := range w {
			w[c] -= float64(by * d.step.values[i*free+c] / st.Scale)
		}
	}
	for c := range d.w.b {
		d.w.b[c] -= float64(by * d.step.bias[c])
	}
	return nil
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
