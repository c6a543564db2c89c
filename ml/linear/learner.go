package linear

import (
	"context"
	"math"

	"scalar/bsp"
	"scalar/bsp/job"
	"scalar/ml/data"
	"scalar/ml/model"
	"scalar/ml/nn"
	"scalar/ml/reduce"
	"scalar/ml/rows"
	"scalar/ml/train"
)

// Program returns the program that learns a linear model. It writes a model: bsp.Files is its
// option.
func Program(o Options) bsp.Program[struct{}] {
	return func(ctx context.Context, p *bsp.Peer[struct{}]) error {
		l := &learner{o: o, p: p}
		if err := l.load(ctx); err != nil {
			return err
		}
		defer l.crew.close()
		p.Loaded()
		var r result
		var err error
		switch o.Way {
		case Normal:
			r, err = l.normal(ctx)
		case LBFGS:
			r, err = l.search(ctx)
		default:
			r, err = l.descend(ctx)
		}
		if err != nil {
			return err
		}
		return l.write(ctx, r)
	}
}

// A learner is the work of one peer.
type learner struct {
	o Options
	p *bsp.Peer[struct{}]

	rows            *rows.Rows
	test            *rows.Rows // nil: none
	training, valid []uint32
	form            Form
	graph           *nn.Graph
	from            []float64 // the model to go on from; nil: none
	crew            *crew
}

// A result is what has been learnt.
type result struct {
	model   []float64 // as Form has it
	epochs  int
	steps   int
	splits  int         // of the rows; 0: they were read in order
	score   model.Score // of the rows that were trained on
	history []model.Epoch
	stopped string // why it ended before its time
}

// load reads the rows.
func (l *learner) load(ctx context.Context) (err error) {
	in := l.o.Input
	in.URL, in.Target = l.p.Input().URL, target(l.o.Program)
	var from *model.Trained
	if l.o.From != "" {
		if from, err = model.OpenNet(ctx, l.o.From); err != nil {
			return err
		}
		l.rows, err = rows.ReadFor(ctx, l.p, in, from.Encoder)
	} else {
		l.rows, err = rows.Read(ctx, l.p, in)
	}
	if err != nil {
		return err
	}
	if l.o.Test != "" {
		in.URL, in.Part, in.Labels = l.o.Test, l.o.TestPart, ""
		if l.test, err = rows.ReadFor(ctx, l.p, in, l.rows.Encoder); err != nil {
			return err
		}
	}
	if err := l.shape(from); err != nil {
		return err
	}
	if l.training, l.valid, err = train.HoldOut(l.rows, l.o.Validation, l.o.Seed); err != nil {
		return err
	}
	l.crew, err = newCrew(l.p, l.training, l.o.Shards)
	return err
}

// target is what a program learns.
func target(program string) data.Target {
	if program == "linear" {
		return data.Numbers
	}
	return data.Classes
}

// shape finds the form of the model.
func (l *learner) shape(from *model.Trained) (err error) {
	l.form.Features = l.rows.Set.Features()
	if l.form.Outputs, err = train.Outputs(l.rows); err != nil {
		return err
	}
	if l.o.Program == "logistic" {
		if l.form.Outputs != 2 {
			return job.Fail(job.FaultInput, "%s: there are %d classes, and logistic tells two apart: use softmax", l.rows.URL, l.form.Outputs)
		}
		l.form.First = 1
	}
	if from == nil {
		l.graph, err = nn.Compile(l.form.Net())
		return err
	}
	l.graph = from.Graph
	if from.Target() == target(l.o.Program) && l.graph.Outputs() == l.form.Outputs {
		if l.from, err = l.form.Model(l.graph, from.Arena); err == nil {
			return nil
		}
	}
	return job.Fail(job.FaultInput, "--from %s: its net is not that of a %s model of %d outputs", l.o.From, l.o.Program, l.form.Outputs)
}

// score measures a model, in full at all peers, on rows of a set.
func (l *learner) score(ctx context.Context, set *data.Set, rows []uint32, numbers []float64) (model.Score, error) {
	w := newWeights(l.form, l.form.inSingle(set))
	copy(w.w, numbers)
	copy(w.b, numbers[len(w.w):])
	if err := w.ready(l.crew.cpus[0]); err != nil {
		return model.Score{}, err
	}
	evaluators := make([]*evaluator, len(l.crew.cpus))
	for i, cpu := range l.crew.cpus {
		evaluators[i] = newEvaluator(cpu, set, l.form, nil)
	}
	sums, err := l.crew.sum(ctx, 2, func(worker, shard int, sums []float64) error {
		lo, hi := reduce.Part(len(rows), shard, l.crew.tree.Shards())
		return evaluators[worker].score(rows[lo:hi], w, sums)
	})
	return l.form.score(sums, len(rows)), err
}

// score turns sums of losses and of rows that are wrong into means: nats, or squared error.
func (f Form) score(sums []float64, n int) model.Score {
	s := model.Score{Rows: n, Loss: sums[0] / float64(n), Error: sums[1] / float64(n)}
	if f.Outputs == 1 {
		s.Loss *= 2
		s.Error = math.Sqrt(s.Loss)
	}
	return s
}

// write writes the model; peer 0 does.
func (l *learner) write(ctx context.Context, r result) error {
	t := model.Training{
		Program: l.o.Program, Options: l.o.Options, Seed: l.o.Seed, Version: l.o.Version,
		Data:   model.Data{URL: l.rows.URL, Digest: l.rows.Digest, Rows: l.rows.Set.Len(), Dropped: l.rows.Set.Dropped()},
		Epochs: r.epochs, Steps: r.steps, Shards: l.crew.tree.Shards(), Loss: r.score.Loss, Error: r.score.Error,
		History: r.history, Stopped: r.stopped,
	}
	if r.splits > 0 {
		t.Options = train.WithSplits(t.Options, r.splits)
	}
	if l.valid != nil {
		s, err := l.score(ctx, l.rows.Set, l.valid, r.model)
		if err != nil {
			return err
		}
		t.Validation = &s
	}
	if l.test != nil {
		s, err := l.score(ctx, l.test.Set, all(l.test.Set), r.model)
		if err != nil {
			return err
		}
		t.Test = &s
	}
	if l.p.Index() != 0 {
		return nil
	}
	arena, err := l.form.Arena(l.graph, r.model)
	if err != nil {
		return err
	}
	m := model.Model{Kind: l.o.Program, Transform: l.rows.Encoder.Transform(), Net: l.graph.Spec(), Training: t}
	files, err := m.Files(model.Tensors(l.graph, arena))
	if err != nil {
		return job.Fail(job.FaultInput, "%v: scale the features, by --scale columns", err)
	}
	for _, f := range files {
		if err := l.p.WriteFile(ctx, f.Name, f.Content); err != nil {
			return err
		}
	}
	return nil
}
