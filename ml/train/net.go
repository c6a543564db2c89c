package train

import (
	"context"
	"fmt"
	"reflect"

	"scalar/bsp/job"
	"scalar/bsp/scan"
	"scalar/ml/data"
	"scalar/ml/nn"
	"scalar/ml/rows"
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

// Outputs returns how many outputs a net for the rows has: one for each class, or 1 for numbers. Rows of one class are an error.
func Outputs(r *rows.Rows) (int, error) {
	if r.Set.Target() != data.Classes {
		return 1, nil
	}
	classes := r.Set.Classes()
	if len(classes) < 2 {
		return 0, job.Fail(job.FaultInput, "%s: all rows have the label %q: there is nothing to tell apart", r.URL, classes[0])
	}
	return len(classes), nil
}

// net makes the net for the rows; file is that of NetFile, or nil.
func (t *trainer) net(file *nn.Spec) (*nn.Graph, error) {
	outputs, err := Outputs(t.rows)
	if err != nil {
		return nil, err
	}
	e := t.rows.Encoder
	shape := e.Transform().Shape
	if len(shape) == 0 {
		shape = []int{e.Features()}
	}
	if file != nil {
		spec, err := file.WithOutputs(shape, outputs)
		if err != nil {
			return nil, job.Fail(job.FaultInput, "%s: %v", t.o.NetFile, err)
		}
		return nn.Compile(spec)
	}
	spec, err := t.o.Net(shape, outputs)
	if err != nil {
		return nil, err
	}
	return nn.Compile(spec)
}

// likeOwn refuses a net to go on from that is none of the program's, or has learnt something else.
func (t *trainer) likeOwn(target data.Target) error {
	if t.o.Net == nil {
		return nil
	}
	if target == t.o.Input.Target {
		own, err := t.net(nil)
		if err != nil || reflect.DeepEqual(own.Spec(), t.graph.Spec()) {
			return err
		}
	}
	return job.Fail(job.FaultInput, "--from %s: its net is not that of a %s model; mlp goes on from any", t.o.From, t.o.Program)
}
