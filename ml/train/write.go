package train

import (
	"context"

	"scalar/bsp/job"
	"scalar/ml/data"
	"scalar/ml/model"
	"scalar/ml/nn"
)

// write makes the model of what is kept; peer 0 does.
func (t *trainer) write(ctx context.Context) error {
	copy(t.weights[t.lo:t.hi], t.state.kept)
	if err := t.arena.Gather(ctx, t.weights); err != nil {
		return err
	}
	if t.p.Index() != 0 {
		return nil
	}
	told := t.state.Told
	kept := told.History[told.Kept-1]
	m := model.Model{
		Kind: t.o.Program, Transform: t.rows.Encoder.Transform(), Net: t.graph.Spec(),
		Training: model.Training{
			Program: t.o.Program, Options: t.o.Options, Seed: t.o.Seed, Version: t.o.Version,
			Data:   model.Data{URL: t.rows.URL, Digest: t.rows.Digest, Rows: t.rows.Set.Len(), Dropped: t.rows.Set.Dropped()},
			Epochs: kept.Epoch, Steps: kept.Epoch * t.plan.steps, Shards: t.tree.Shards(),
			Loss: kept.Loss, Error: kept.Error, Validation: kept.Validation, Test: kept.Test,
			History: told.History, Stopped: told.Stopped,
		},
	}
	files, err := m.Files(model.Tensors(t.graph, t.weights))
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := t.p.WriteFile(ctx, f.Name, f.Content); err != nil {
			return err
		}
	}
	return nil
}

// trained is a model that training goes on from.
type trained struct {
	encoder *data.Encoder
	graph   *nn.Graph
	weights []float32
}

// from opens the model of --from; nil: there is none.
func (t *trainer) from(ctx context.Context) (*trained, error) {
	if t.o.From == "" {
		return nil, nil //nolint:nilnil // none is no error
	}
	m, tensors, err := model.Open(ctx, t.o.From)
	if err != nil {
		return nil, err
	}
	if m.Net == nil {
		return nil, job.Fail(job.FaultInput, "--from %s: a %s has no net to train", t.o.From, m.Kind)
	}
	g, err := nn.Compile(m.Net)
	if err != nil {
		return nil, err
	}
	e, err := data.NewEncoder(m.Transform)
	if err != nil {
		return nil, err
	}
	weights, err := model.Arena(g, tensors)
	if err != nil {
		return nil, err
	}
	return &trained{e, g, weights}, nil
}
