package linear

import (
	"context"
	"fmt"

	"scalar/bsp"
	"scalar/bsp/job"
	"scalar/ml/opt"
)

// maxSearch is the most numbers of a model that L-BFGS looks for: it keeps 26 times as many
// in each peer, 1.7 GB.
const maxSearch = 1 << 23

// The error of a mean of losses, as a share of it: outputs are float32, whose errors are those of
// single rows, or float64, where it is the sum that loses.
const (
	noise      = 3e-8
	logitNoise = 1e-13
)

// precise ends a search whose steps lower the loss by less than that share of it, or of 1: less
// than noise, so that it is the slope that ends most searches.
const precise = 1e-12

// A searching is what a checkpoint holds of a search: peer 0's has it, the others' none, as all
// are the same.
type searching struct {
	Search *opt.LBFGSState
	Status opt.Status
}

// search learns by L-BFGS: a superstep for each evaluation of the loss. All peers take the same
// steps from the same sums.
func (l *learner) search(ctx context.Context) (result, error) {
	if l.form.Size() > maxSearch {
		return result{}, job.Fail(job.FaultInput, "%s: a model of %d features and %d outputs has %d numbers, and L-BFGS takes up to %d: use --optimizer sgd",
			l.rows.URL, l.form.Features, l.form.Free(), l.form.Size(), maxSearch)
	}
	set := l.rows.Set
	sums, err := l.crew.sum(ctx, 2*l.form.Features, func(worker, shard int, sums []float64) error {
		return moments(l.crew.cpus[worker], set, l.crew.rows(shard), sums)
	})
	if err != nil {
		return result{}, err
	}
	goal, shift := newObjective(l.form, sums, len(l.training), l.o.L2, l.form.inSingle(set))
	start := make([]float64, l.form.Size())
	if l.from != nil {
		start = goal.point(l.from, shift)
	}
	state := &searching{}
	search, err := l.begin(ctx, state, start)
	if err != nil {
		return result{}, err
	}
	w := newWeights(l.form, l.form.inSingle(set))
	if err := l.evaluations(ctx, search, state, lens{goal, w, shift}); err != nil {
		return result{}, err
	}
	best, _ := search.X()
	r := result{model: goal.model(w, best, shift), epochs: search.State().Steps, steps: search.State().Evaluations}
	if state.Status == opt.Moved {
		r.stopped = fmt.Sprintf("after %d steps: the slope is still larger than the tolerance", l.o.Iterations)
	}
	r.score, err = l.score(ctx, set, l.training, r.model)
	return r, err
}

// begin starts a search, or takes that of a checkpoint to all peers.
func (l *learner) begin(ctx context.Context, state *searching, start []float64) (*opt.LBFGS, error) {
	c := opt.LBFGSConfig{Gradient: l.o.Tolerance, Decrease: precise, Noise: noise}
	if l.form.isLogit(l.rows.Set) {
		c.Noise = logitNoise
	}
	search, err := opt.NewLBFGS(c, start)
	if err != nil {
		return nil, err
	}
	if l.p.Index() == 0 {
		s := search.State()
		state.Search = &s
	}
	resumed, err := l.p.State(state)
	if err != nil || !resumed {
		return search, err
	}
	at, err := bsp.Broadcast(ctx, l.p, 0, state.Search)
	if err != nil {
		return nil, err
	}
	return opt.ResumeLBFGS(c, *at)
}

// A lens is how a search sees the model.
type lens struct {
	*objective
	w     *weights
	shift []float32
}

// evaluations tells the search what it asks for, to its end.
func (l *learner) evaluations(ctx context.Context, search *opt.LBFGS, state *searching, goal lens) error {
	evaluators := make([]*evaluator, len(l.crew.cpus))
	for i, cpu := range l.crew.cpus {
		evaluators[i] = newEvaluator(cpu, l.rows.Set, l.form, goal.shift)
	}
	gradient := make([]float64, l.form.Size())
	for state.Status == opt.Ask || state.Status == opt.Moved && search.State().Steps < l.o.Iterations {
		goal.set(goal.w, search.Point())
		if err := goal.w.ready(l.crew.cpus[0]); err != nil {
			return err
		}
		sums, err := l.crew.sum(ctx, sumsLen(l.form), func(worker, shard int, sums []float64) error {
			return evaluators[worker].add(l.crew.rows(shard), goal.w, sums)
		})
		if err != nil {
			return err
		}
		loss, wrong := goal.loss(goal.w, sums, gradient)
		if state.Status, err = search.Tell(loss, gradient); err != nil {
			return job.Fail(job.FaultInput, "%s: %v: scale the features, by --scale columns", l.rows.URL, err)
		}
		if l.p.Index() == 0 {
			s := search.State()
			state.Search = &s
		}
		l.show(search.State(), loss, wrong)
		if err := l.p.Sync(ctx); err != nil {
			return err
		}
	}
	return nil
}

// show tells what an evaluation has come to.
func (l *learner) show(s opt.LBFGSState, loss, wrong float64) {
	l.p.Active(int64(l.crew.size()))
	if l.p.Index() == 0 {
		l.p.Plot("loss", loss)
		l.p.Plot("error", wrong)
		l.p.Note(fmt.Sprintf("step %d/%d, loss %.4g, error %.2f %%", s.Steps, l.o.Iterations, loss, 100*wrong))
	}
}
