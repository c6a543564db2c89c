package model

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"scalar/bsp/job"
)

// Limits on model.json.
const (
	MaxModel   = 64 << 20 // bytes
	maxObjects = 1 << 20  // opening braces: what an object takes in memory is far more than its text
)

// encode returns model.json: the model's JSON in one line, fields in the order of the type
// and keys sorted, with its digest last. Equal models have equal bytes.
func (m *Model) encode() ([]byte, error) {
	c := *m
	c.Digest = ""
	b, err := json.Marshal(&c)
	if err != nil {
		return nil, fmt.Errorf("encode model: %w", err)
	}
	c.Digest = digestOf(b)
	if b, err = json.Marshal(&c); err != nil {
		return nil, fmt.Errorf("encode model: %w", err)
	}
	b = append(b, '\n')
	return b, sizeOK(b)
}

func sizeOK(b []byte) error {
	if n := bytes.Count(b, []byte("{")); len(b) > MaxModel || n > maxObjects {
		return job.Fail(job.FaultInput, "%s has %d bytes and %d objects: want at most %d and %d", ModelFile, len(b), n, MaxModel, maxObjects)
	}
	return nil
}

// Parse reads model.json. Of a newer format the error says which one this reads. What it
// returns has its digest, fits together, and is of this format.
func Parse(b []byte) (*Model, error) {
	bad := func(format string, args ...any) error {
		return job.Fail(job.FaultInput, "%s: %s", ModelFile, fmt.Sprintf(format, args...))
	}
	if err := sizeOK(b); err != nil {
		return nil, err
	}
	var version struct {
		Format json.Number `json:"format"`
	}
	if err := json.Unmarshal(b, &version); err != nil {
		return nil, bad("%v: it is no model", untyped(err))
	}
	switch n, err := version.Format.Int64(); {
	case err != nil || n < 1:
		return nil, bad("its format is %q: it is no model", version.Format)
	case n > Format:
		return nil, bad("it has format %d, and this bsp reads format %d: use a newer bsp", n, Format)
	}
	m := &Model{}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(m); err != nil {
		return nil, bad("%v", untyped(err))
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, bad("there is something after the model")
	}
	c := *m
	c.Digest = ""
	text, err := json.Marshal(&c)
	if err != nil {
		return nil, bad("%v", err)
	}
	if got := digestOf(text); got != m.Digest {
		return nil, bad("its digest is %s and it says %q: it was changed after training", got, m.Digest)
	}
	if _, err := m.check(); err != nil {
		return nil, bad("%v", err)
	}
	if err := m.checkPorts(); err != nil {
		return nil, bad("%v", err)
	}
	return m, nil
}

// untyped returns an error of the decoder without types of Go.
func untyped(err error) error {
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("up to byte %d there is a JSON %s, which does not belong there", e.Offset, e.Value)
	}
	return err
}
