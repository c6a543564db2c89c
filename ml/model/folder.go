package model

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"

	"scalar/bsp/job"
	"scalar/bsp/scan"
	"scalar/ml/nn"
	"scalar/storage"
)

// A File is a file of a model's folder.
type File struct {
	Name    string
	Content []byte
}

// Files returns the files of a model's folder, which is whole with both or nothing: they
// are to become visible at once. It fills in the model's Format, Inputs, Outputs, Weights and
// Digest, and what Net leaves out; names of files become UTF-8. Tensors have the names and shapes that the net or the clusters have, in any order;
// numbers that are not finite are an error.
func (m *Model) Files(tensors []Tensor) ([]File, error) {
	wants, err := m.check()
	if err != nil {
		return nil, err
	}
	if tensors, err = arrange(wants, tensors); err != nil {
		return nil, err
	}
	weights, digest, err := Encode(tensors)
	if err != nil {
		return nil, err
	}
	m.Format, m.Weights = Format, FileRef{digest, int64(len(weights))}
	if m.Net != nil {
		g, err := nn.Compile(m.Net)
		if err != nil {
			return nil, err
		}
		m.Net = g.Spec()
	}
	m.ports()
	m.Training.legible()
	text, err := m.encode()
	if err != nil {
		return nil, err
	}
	parsed, err := Parse(text)
	if err != nil {
		return nil, err
	}
	m.Digest = parsed.Digest
	return []File{{ModelFile, text}, {WeightsFile, weights}}, nil
}

// legible puts U+FFFD for what is no UTF-8 in names of files, which may have any bytes: JSON
// would not give them back as they were, and the digest would be another.
func (t *Training) legible() {
	t.Data.URL = strings.ToValidUTF8(t.Data.URL, "\uFFFD")
	for name, v := range t.Options {
		t.Options[name] = strings.ToValidUTF8(v, "\uFFFD")
	}
}

// Open opens the folder of a model, and returns its tensors in the order of the arena. A
// folder that is not there is an error with exit code 3.
func Open(ctx context.Context, url string) (*Model, []Tensor, error) {
	m, err := OpenModel(ctx, url)
	if err != nil {
		return nil, nil, err
	}
	wants, err := m.check()
	if err != nil {
		return nil, nil, err
	}
	if err := m.Whole(ctx, url); err != nil {
		return nil, nil, err
	}
	file := within(url, WeightsFile)
	tensors, err := Read(ctx, file, m.Weights.Digest)
	if err != nil {
		return nil, nil, scan.InputFailure(err)
	}
	if tensors, err = arrange(wants, tensors); err != nil {
		return nil, nil, job.Fail(job.FaultInput, "%s: %v", file, err)
	}
	return m, tensors, nil
}

// Whole checks that the weights are in the model's folder and have their size; what they are, Open checks.
func (m *Model) Whole(ctx context.Context, url string) error {
	file := within(url, WeightsFile)
	at, name, err := storage.Resolve(file)
	if err != nil {
		return scan.InputFailure(err)
	}
	info, err := at.Stat(ctx, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return job.Fail(job.FaultInput, "%s: there is no %s in it, which goes with %s: copy the whole folder", url, WeightsFile, ModelFile)
	case err != nil:
		return scan.InputFailure(err)
	case info.Size != m.Weights.Bytes:
		return job.Fail(job.FaultInput, "%s has %d bytes and the model wants %d: it is not whole, or another model's", file, info.Size, m.Weights.Bytes)
	}
	return nil
}

// OpenModel opens model.json alone.
func OpenModel(ctx context.Context, url string) (*Model, error) {
	at, name, err := storage.Resolve(url)
	if err != nil {
		return nil, scan.InputFailure(err)
	}
	info, err := at.Stat(ctx, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, job.Fail(job.FaultInput, "there is no model at %s", url).WithCode(job.ExitNotFound)
	case err != nil:
		return nil, scan.InputFailure(err)
	case !info.Dir:
		return nil, job.Fail(job.FaultInput, "%s is a file: a model is a folder with %s in it", url, ModelFile)
	}
	b, err := storage.ReadFile(ctx, within(url, ModelFile), MaxModel)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, job.Fail(job.FaultInput, "%s is no model: there is no %s in it", url, ModelFile)
	case err != nil:
		return nil, scan.InputFailure(err)
	}
	m, err := Parse(b)
	if err != nil {
		return nil, job.Fail(job.FaultInput, "%s: %v", url, err)
	}
	return m, nil
}

func within(folder, name string) string { return strings.TrimRight(folder, "/") + "/" + name }

// arrange returns the tensors in the order in which they are wanted.
func arrange(wants []want, tensors []Tensor) ([]Tensor, error) {
	have := make(map[string]Tensor, len(tensors))
	for _, t := range tensors {
		if _, again := have[t.Name]; again {
			return nil, job.Fail(job.FaultInput, "two tensors are named %q", t.Name)
		}
		have[t.Name] = t
	}
	sorted := make([]Tensor, 0, len(wants))
	for _, w := range wants {
		t, ok := have[w.name]
		switch {
		case !ok:
			return nil, job.Fail(job.FaultInput, "there is no tensor %q, of the shape %v", w.name, w.shape)
		case !slices.Equal(t.Shape, w.shape):
			return nil, job.Fail(job.FaultInput, "tensor %q has the shape %v, and the model wants %v", w.name, t.Shape, w.shape)
		}
		for i, x := range t.Data {
			if x-x != 0 {
				return nil, job.Fail(job.FaultInput, "tensor %q has %v at number %d: want finite numbers", w.name, x, i)
			}
		}
		delete(have, w.name)
		sorted = append(sorted, t)
	}
	for _, t := range tensors {
		if _, left := have[t.Name]; left {
			return nil, job.Fail(job.FaultInput, "tensor %q belongs to no layer of the model", t.Name)
		}
	}
	return sorted, nil
}
