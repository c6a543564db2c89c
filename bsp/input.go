package bsp

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"

	"scalar/bsp/job"
	"scalar/storage"
)

// next returns the next input record.
func (c *core) next() ([]byte, bool, error) {
	if c.divided != nil {
		line, ok := c.divided.next()
		return line, ok, nil
	}
	r, err := c.openRecords()
	if err != nil || r == nil {
		return nil, false, err
	}
	line, ok, err := r.Next()
	return line, ok, inputFailure(err)
}

// openRecords opens the split when it is first asked for, at the checkpoint's
// position.
func (c *core) openRecords() (*storage.Records, error) {
	if c.records != nil || c.open == nil || c.divided != nil {
		return c.records, nil
	}
	r, err := c.open()
	if err != nil {
		return nil, inputFailure(err)
	}
	if c.begun != nil && c.begun.opened {
		if err := r.Seek(c.begun.position.Position); err != nil {
			return nil, errors.Join(inputFailure(err), r.Close())
		}
	}
	c.records = r
	return r, nil
}

func (c *core) rewind() error {
	if c.divided != nil {
		c.divided.rewind()
		return nil
	}
	r, err := c.openRecords()
	if err != nil || r == nil {
		return err
	}
	return inputFailure(r.Rewind())
}

// position is where the next record starts; false if the input was not opened.
func (c *core) position() (inputPosition, bool) {
	switch {
	case c.divided != nil:
		return inputPosition{Record: c.divided.taken}, true
	case c.records != nil:
		return inputPosition{Position: c.records.Pos()}, true
	case c.begun != nil: // not opened since the restart
		return c.begun.position, c.begun.opened
	}
	return inputPosition{}, false
}

func (c *core) closeRecords() error {
	if c.records == nil {
		return nil
	}
	err := c.records.Close()
	c.records = nil
	return inputFailure(err)
}

// inputFailure gives an error of the input its kind: what no second attempt can
// mend is the input's fault, the rest is the program's.
func inputFailure(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return job.Fail(job.FaultInput, "%v", err).WithCode(job.ExitNotFound)
	case errors.Is(err, storage.ErrMalformed), errors.Is(err, storage.ErrURL), errors.Is(err, storage.ErrChanged):
		return job.Fail(job.FaultInput, "%v", err)
	}
	return fmt.Errorf("read input: %w", err)
}

// inputID names the input as this task found it; false without input.
func (c *core) inputID() (inputID, bool) {
	if c.split == nil {
		return inputID{}, false
	}
	return inputID{c.split.Size, c.split.Listing, c.split.Times, hash(c.t.host(c.index))}, true
}

// sameInput checks that all tasks have cut the same input: each lists it for
// itself, so that one which grows meanwhile would lose or double lines.
func (c *core) sameInput(ctx context.Context) error {
	own, ok := c.inputID()
	if !ok || len(c.t.start.Ranges) == 1 {
		return nil
	}
	b := binary.LittleEndian.AppendUint64(nil, uint64(own.size))
	all, err := c.allGather(ctx, binary.LittleEndian.AppendUint64(b, own.listing))
	if err != nil {
		return err
	}
	for peer, b := range all {
		if len(b) != 16 {
			return job.Fail(job.FaultInternal, "peer %d does not say what it found as input", peer)
		}
		switch size := int64(binary.LittleEndian.Uint64(b)); {
		case size != own.size:
			return job.Fail(job.FaultInput, "%s changed while the job started: peer %d found %d bytes, peer %d %d; submit again when it is whole",
				c.t.start.Input, c.index, own.size, peer, size)
		case binary.LittleEndian.Uint64(b[8:]) != own.listing:
			return job.Fail(job.FaultInput, "%s changed while the job started: peers %d and %d found other names or sizes of its files; submit again when it is whole",
				c.t.start.Input, c.index, peer)
		}
	}
	return nil
}
