package train

import (
	"context"

	"scalar/ml/model"
)

// write makes the model of what is kept; peer 0 does.
func (t *trainer) write(ctx context.Context) error {
	if err := t.arena.Gather(ctx, t.state.kept, t.weights); err != nil {
		return err
	}
	if t.p.Index() != 0 {
		return nil
	}
	if t.base != nil { // no other peer reads the weights any more
		t.graph.TurnBack(t.weights)
	}
	told := t.state.Told
	kept := told.History[told.Kept-1]
	m := model.Model{
		Kind: t.o.Program, Transform: t.rows.Encoder.Transform(), Net: t.graph.Spec(),
		Training: model.Training{
			Program: t.o.Program, Options: WithSplits(t.o.Options, told.Splits), Seed: t.o.Seed, Version: t.o.Version,
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
