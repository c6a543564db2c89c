package train

import (
	"context"
	"math"
	"slices"

	"scalar/bsp"
	"scalar/bsp/job"
	"scalar/ml/data"
	"scalar/ml/model"
	"scalar/ml/nn"
	"scalar/ml/opt"
	"scalar/ml/reduce"
	"scalar/ml/rows"
	"scalar/tensor"
)

// Program returns the program that trains a net. It writes a model: bsp.Files is its option.
func Program(o Options) bsp.Program[struct{}] {
	return func(ctx context.Context, p *bsp.Peer[struct{}]) error {
		cpu, err := tensor.NewCPU(tensor.Config{Cores: p.Cores()})
		if err != nil {
			return err
		}
		defer cpu.Close()
		t := &trainer{o: o, p: p, cpu: cpu}
		if err := t.load(ctx); err != nil {
			return err
		}
		if err := t.prepare(ctx); err != nil {
			return err
		}
		p.Loaded()
		if err := t.run(ctx); err != nil {
			return err
		}
		return t.write(ctx)
	}
}

// trainer is the work of one peer.
type trainer struct {
	o   Options
	p   *bsp.Peer[struct{}]
	cpu *tensor.CPU

	rows  *rows.Rows
	test  *rows.Rows // nil: none
	valid []uint32   // rows of validation
	plan  *Plan
	// splits is how many the plan has, if there is no checkpoint that says otherwise.
	splits int
	tree   reduce.Tree
	graph  *nn.Graph
	opt    *opt.Optimizer

	exec    *nn.Executor
	arena   *reduce.Arena
	weights []float32 // all; peers of one process share it, see [reduce.Arena.Place]
	base    []float32 // that most rows are like, or nil; where there is one, weights and gradients are turned
	lo, hi  int       // the own range
	state   *state
	batch   batch // of a shard
	tell    *Teller
}

// load reads the rows and makes the net.
func (t *trainer) load(ctx context.Context) (err error) {
	if t.o.Input.URL == "" {
		t.o.Input.URL = t.p.Input().URL
	}
	if err := t.read(ctx); err != nil {
		return err
	}
	if t.o.Begin != nil {
		if err := t.o.Begin(t.graph, t.weights); err != nil {
			return job.Fail(job.FaultInput, "%s: %v", t.rows.URL, err)
		}
	}
	if t.plan, t.valid, err = MakePlan(t.rows, t.o.Validation, t.o.Batch, t.o.Seed); err != nil {
		return err
	}
	if t.splits, err = t.plan.Splits(t.rows, t.o.Splits); err != nil {
		return err
	}
	t.tree, err = t.shards()
	return err
}

// read reads the rows, and makes the net with the weights that training begins with.
func (t *trainer) read(ctx context.Context) (err error) {
	if t.o.From != "" {
		from, err := model.OpenNet(ctx, t.o.From)
		if err != nil {
			return err
		}
		if t.rows, err = rows.ReadFor(ctx, t.p, t.o.Input, from.Encoder); err != nil {
			return err
		}
		t.graph, t.weights = from.Graph, from.Arena
		if err := t.likeOwn(from.Target()); err != nil {
			return err
		}
		return t.readTest(ctx)
	}
	var file *nn.Spec
	if t.o.NetFile != "" {
		if file, err = netFile(ctx, t.o.NetFile); err != nil {
			return err
		}
		if file.Loss == nn.Squared {
			t.o.Input.Target = data.Numbers
		}
	}
	if t.rows, err = rows.Read(ctx, t.p, t.o.Input); err != nil {
		return err
	}
	if t.graph, err = t.net(file); err != nil {
		return err
	}
	t.weights = tensor.New[float32](t.graph.Size()).Values()
	t.graph.Init(t.weights, t.o.Seed)
	return t.readTest(ctx)
}

// readTest reads the rows to test on.
func (t *trainer) readTest(ctx context.Context) (err error) {
	if t.o.Test == "" {
		return nil
	}
	in := t.o.Input
	in.URL, in.Part, in.Labels = t.o.Test, t.o.TestPart, ""
	t.test, err = rows.ReadFor(ctx, t.p, in, t.rows.Encoder)
	return err
}

// shards makes the tree of as many shards as are asked for.
func (t *trainer) shards() (reduce.Tree, error) {
	n := t.o.Shards
	if n == 0 {
		n = t.p.N()
	}
	tree, err := reduce.NewTree(n, t.p.N())
	if err == nil && n > t.plan.batch {
		err = job.Fail(job.FaultInput, "%d shards: a step has %d rows, and each shard needs one: use fewer peers or shards, or a larger --batch", n, t.plan.batch)
	} else if err != nil {
		err = job.Usage("--shards: %v", err)
	}
	return tree, err
}

// prepare makes what a step needs, from the start or from a checkpoint.
func (t *trainer) prepare(ctx context.Context) (err error) {
	if t.opt, err = opt.New(t.o.Optimizer); err != nil {
		return err
	}
	t.base = t.findBase()
	if t.exec = nn.NewExecutor(t.graph, t.cpu); t.base != nil {
		t.graph.Turn(t.weights)
		t.exec = nn.NewTurned(t.graph, t.cpu)
	}
	t.arena = reduce.NewArena(t.tree, reduce.Of(t.p), t.cpu, t.graph.Size())
	if t.weights, err = t.arena.Place(ctx, t.weights); err != nil {
		return err
	}
	t.lo, t.hi = t.arena.Range(t.p.Index())
	first, last := t.tree.Owned(t.p.Index())
	t.state = newState(t.weights[t.lo:t.hi], t.opt.Slots(), last-first)
	t.state.Told.Splits, t.state.Told.Turned = t.splits, t.base != nil
	resumed, err := t.p.State(t.state)
	if err == nil && t.state.Told.Turned != (t.base != nil) { // written by another version
		err = errState
	}
	if err != nil {
		return err
	}
	t.plan.Divide(t.state.Told.Splits, t.rows.Ahead)
	if resumed {
		if err := t.arena.Gather(ctx, t.state.weights, t.weights); err != nil {
			return err
		}
	}
	t.batch.init(t.cpu, t.rows.Set, t.graph, t.base)
	t.tell = NewTeller(t.p, t.plan, t.o.Epochs, t.graph.Loss() == nn.Squared)
	return nil
}

// run trains until the last epoch or until there is a reason to stop.
func (t *trainer) run(ctx context.Context) error {
	for {
		step := t.p.Superstep()
		stop, err := t.between(ctx, step)
		if stop || err != nil {
			return err
		}
		if err := t.step(ctx, step); err != nil {
			return err
		}
		if err := t.p.Sync(ctx); err != nil {
			return err
		}
		if err := t.arena.Take(ctx, t.weights); err != nil {
			return err
		}
	}
}

// between looks, before a step, at what all peers have found in the last one, and at the end
// of an epoch at what it came to. What it finds out is a function of the state and of
// Values, so that it finds the same after a restart.
func (t *trainer) between(ctx context.Context, step int) (stop bool, err error) {
	ended := step%t.plan.steps == 0 && step/t.plan.steps > len(t.state.Told.History)
	if step > 0 && (t.diverged() || ended && !finite(t.weights)) {
		return true, t.giveUp(step - 1)
	}
	if ended {
		if err := t.epochEnd(ctx); err != nil {
			return false, err
		}
	}
	return step == t.o.Epochs*t.plan.steps || t.state.Told.Stopped != "", nil
}

// step is one step of training, up to its barrier, at which the weights change hands.
func (t *trainer) step(ctx context.Context, step int) error {
	first, _ := t.tree.Owned(t.p.Index())
	lost, finite := 0.0, true
	err := t.arena.Sum(func(shard int, gradient []float32) error {
		indices, row := t.plan.Shard(step, shard, t.tree)
		b := t.batch.take(t.rows.Set, indices)
		b.Arena, b.Grads, b.Same = t.weights, gradient, shard > first
		b.Scale, b.Seed, b.Step, b.Row = 1/float32(t.plan.batch), t.o.Seed, uint64(step), row
		loss, err := t.exec.Train(b)
		t.state.sums[2*(shard-first)] += loss.Sum
		lost += loss.Sum
		t.state.sums[2*(shard-first)+1] += float64(loss.Wrong)
		finite = finite && loss.Finite
		if t.o.Hold != nil {
			t.o.Hold(t.graph, gradient)
		}
		return err
	})
	if err != nil {
		return err
	}
	err = t.arena.Scatter(ctx, func(gradient reduce.Total) error { return t.update(ctx, step, gradient) })
	if err != nil {
		return err
	}
	if err := t.arena.Give(ctx, t.state.weights); err != nil {
		return err
	}
	if !finite {
		t.p.SetValues([]byte{1})
	}
	t.show(step, lost)
	return nil
}

// update changes the own range of the weights.
func (t *trainer) update(ctx context.Context, step int, g reduce.Total) error {
	own := t.weights[t.lo:t.hi]
	learnt := min(max(t.graph.Weights()-t.lo, 0), len(own)) // statistics lie behind
	clip := t.opt.Config().Clip > 0
	if clip || learnt < len(own) {
		if err := t.arena.Add(&g); err != nil {
			return err
		}
	}
	if clip {
		if err := t.clip(ctx, g.X, learnt); err != nil {
			return err
		}
	}
	r := opt.Range{Weights: own[:learnt], Grads: g.X[:learnt], Plus: g.Y}
	for _, s := range t.state.slots {
		r.Slots = append(r.Slots, s[:learnt])
	}
	if err := t.opt.Update(t.cpu, r, step, t.o.Epochs*t.plan.steps); err != nil {
		return err
	}
	t.graph.MoveStatistics(t.lo, own, g.X)
	return nil
}

// clip scales the gradient of the weights in the own range, so many, if that of all is too long.
func (t *trainer) clip(ctx context.Context, gradient []float32, learnt int) error {
	length, err := t.arena.Norm(ctx, gradient, t.graph.Weights())
	if err != nil {
		return err
	}
	f := t.opt.ClipFactor(length)
	if f == 1 {
		return nil
	}
	g, err := tensor.From(gradient[:learnt], learnt)
	if err != nil {
		return err
	}
	return t.cpu.Scale(g, g, f)
}

// diverged reports whether any peer has seen a loss that is no number.
func (t *trainer) diverged() bool {
	for _, v := range t.p.Values() {
		if len(v) > 0 && v[0] != 0 {
			return true
		}
	}
	return false
}

// finite reports whether all weights are numbers.
func finite(weights []float32) bool {
	return !slices.ContainsFunc(weights, func(x float32) bool { return x-x != 0 })
}

// giveUp ends training whose loss is no number any more: with the model of the last epoch
// that was whole, or with an error if there is none.
func (t *trainer) giveUp(superstep int) error {
	const advice = "the loss is not a number any more: use a smaller --lr, --clip 1 or --scale columns"
	if t.state.Told.Kept == 0 {
		return job.Fail(job.FaultInput, "superstep %d of epoch 1: %s", superstep, advice)
	}
	t.state.Told.Stopped = "diverged"
	if t.p.Index() > 0 {
		return nil // one peer says it
	}
	t.p.Log().Warn("training has diverged: the model is that of the last good epoch", "superstep", superstep, "epoch", t.state.Told.Kept, "advice", advice)
	return nil
}

// mean is a sum over so many rows, as numbers that JSON can hold.
func mean(sum float64, rows int) float64 {
	m := sum / float64(max(rows, 1))
	if math.IsNaN(m) || math.IsInf(m, 0) {
		return math.MaxFloat64
	}
	return m
}
