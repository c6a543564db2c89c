package train

import (
	"context"
	"errors"
	"fmt"
	"io"

	"scalar/bsp/job"
	"scalar/bsp/scan"
	"scalar/ml/data"
	"scalar/ml/nn"
	"scalar/storage"
)

// netFile reads the net of a file.
func netFile(ctx context.Context, url string) (*nn.Spec, error) {
	b, err := readSome(ctx, url, nn.MaxNetFile)
	if err != nil {
		return nil, scan.InputFailure(fmt.Errorf("--net: %w", err))
	}
	s, err := nn.Parse(b)
	if err != nil {
		return nil, job.Fail(job.FaultInput, "%s: %v", url, err)
	}
	return s, nil
}

// readSome reads a file of up to so many bytes.
func readSome(ctx context.Context, url string, limit int64) (b []byte, err error) {
	at, name, err := storage.Resolve(url)
	if err != nil {
		return nil, err
	}
	f, err := at.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if f.Size() > limit {
		return nil, fmt.Errorf("%s has %d bytes, more than %d", url, f.Size(), limit)
	}
	b = make([]byte, f.Size())
	_, err = io.ReadFull(io.NewSectionReader(f, 0, f.Size()), b)
	return b, err
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
