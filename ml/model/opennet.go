package model

import (
	"context"

	"scalar/bsp/job"
	"scalar/ml/data"
	"scalar/ml/nn"
)

// A Trained is a model whose net training can go on with.
type Trained struct {
	Encoder *data.Encoder
	Graph   *nn.Graph
	Arena   []float32 // its weights; the caller's own
}

// Target returns what the net has learnt.
func (t *Trained) Target() data.Target {
	if l := t.Encoder.Transform().Label; l != nil {
		return l.Target
	}
	return data.NoTarget
}

// OpenNet opens the folder of a model that is a net.
func OpenNet(ctx context.Context, url string) (*Trained, error) {
	m, tensors, err := Open(ctx, url)
	if err != nil {
		return nil, err
	}
	if m.Net == nil {
		return nil, job.Fail(job.FaultInput, "%s: a %s has no net to train", url, m.Kind)
	}
	t := &Trained{}
	if t.Graph, err = nn.Compile(m.Net); err != nil {
		return nil, err
	}
	if t.Encoder, err = data.NewEncoder(m.Transform); err != nil {
		return nil, err
	}
	t.Arena, err = Arena(t.Graph, tensors)
	return t, err
}
