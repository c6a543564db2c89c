package train

import (
	"context"
	"fmt"

	"scalar/bsp/job"
	"scalar/bsp/scan"
	"scalar/ml/data"
	"scalar/ml/nn"
	"scalar/storage"
)

// netFile reads the net of a file.
func netFile(ctx context.Context, url string) (*nn.Spec, error) {
	b, err := storage.ReadFile(ctx, url, nn.MaxNetFile)
	if err != nil {
		return nil, scan.InputFailure(fmt.Errorf("--net: %w", err))
	}
	s, err := nn.Parse(b)
	if err != nil {
		return nil, job.Fail(job.FaultInput, "%s: %v", url, err)
	}
	return s, nil
}

// net makes the net for the rows; file is that of NetFile, or nil.
func (t *trainer) net(file *nn.Spec) (*nn.Graph, error) {
	e, outputs := t.rows.Encoder, 1
	if t.rows.Set.Target() == data.Classes {
		outputs = len(t.rows.Set.Classes())
	}
	shape := e.Transform().Shape
	if len(shape) == 0 {
		shape = []int{e.Features()}
	}
	build := t.o.Net
	if file != nil {
		build = file.WithOutputs
	}
	spec, err := build(shape, outputs)
	if err != nil {
		return nil, err
	}
	return nn.Compile(spec)
}
