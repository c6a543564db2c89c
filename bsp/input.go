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
	if k := c.begun; k != nil && k.hasInput {
		if err := r.Seek(k.input.Position); err != nil {
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

// position is what a checkpoint keeps of the input.
func (c *core) position() (inputPosition, bool) {
	switch {
	case c.divided != nil:
		return inputPosition{Record: c.divided.taken, Size: c.split.Size}, true
	case c.records != nil:
		return inputPosition{Position: c.records.Pos(), Size: c.split.Size}, true
	case c.begun != nil: // not opened since the restart
		return c.begun.input, c.begun.hasInput
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
		f := job.Fail(job.FaultInput, "%v", err)
		f.Code = job.ExitNotFound
		return f
	case errors.Is(err, storage.ErrMalformed) || errors.Is(err, storage.ErrURL):
		return job.Fail(job.FaultInput, "%v", err)
	}
	return fmt.Errorf("read input: %w", err)
}

// sameInput checks that all tasks have cut the same input: each lists it for
// itself, so that one which grows meanwhile would lose or double lines.
func (c *core) sameInput(ctx context.Context) error {
	if c.split == nil || len(c.t.start.Ranges) == 1 {
		return nil
	}
	sizes, err := c.allGather(ctx, binary.LittleEndian.AppendUint64(nil, uint64(c.split.Size)))
	if err != nil {
		return err
	}
	for peer, b := range sizes {
		if len(b) != 8 {
			return job.Fail(job.FaultInternal, "peer %d sent no size of the input", peer)
		}
		if size := int64(binary.LittleEndian.Uint64(b)); size != c.split.Size {
			return job.Fail(job.FaultInput, "%s changed while the job started: peer %d found %d bytes, peer %d %d; submit again when it is whole",
				c.t.start.Input, c.index, c.split.Size, peer, size)
		}
	}
	return nil
}

// divided is the input after PartitionInput: records of this peer by the peer that
// read them, in its order.
type divided struct {
	from  [][]byte // by reader: u32 length, bytes, …
	taken int64
	peer  int // where next reads
	at    int
}

func (d *divided) rewind() { d.taken, d.peer, d.at = 0, 0, 0 }

func (d *divided) next() ([]byte, bool) {
	for ; d.peer < len(d.from); d.peer, d.at = d.peer+1, 0 {
		if src := d.from[d.peer][d.at:]; len(src) > 0 {
			record, size := frontRecord(src)
			d.at += size
			d.taken++
			return record, true
		}
	}
	return nil, false
}

// seek goes to the record with a number, for a restart.
func (d *divided) seek(record int64) error {
	d.rewind()
	for d.taken < record {
		if _, ok := d.next(); !ok {
			return fmt.Errorf("the input has %d records for this peer, the checkpoint is at %d: the input has changed", d.taken, record)
		}
	}
	return nil
}

// divideBlock is how many bytes a peer reads between two exchanges of
// PartitionInput: large enough for the links, small beside the records kept.
const divideBlock = 8 << 20

// partitionInput reads the split and gives every record to the peer that f names.
func (c *core) partitionInput(ctx context.Context, f func([]byte, int) int) error {
	r, err := storage.OpenRecords(ctx, *c.split)
	if err != nil {
		return inputFailure(err)
	}
	d := &divided{from: make([][]byte, c.t.n)}
	for err == nil {
		var out [][]byte
		if out, err = c.divideBlock(r, f); err != nil {
			break
		}
		var in [][]byte
		if in, err = c.allToAll(ctx, out); err != nil {
			break
		}
		more := false
		for i, b := range in {
			more = more || b[0] == 1
			d.from[i] = append(d.from[i], b[1:]...)
		}
		if !more {
			break
		}
	}
	if err = errors.Join(err, r.Close()); err != nil {
		return err
	}
	c.divided = d
	if k := c.begun; k != nil && k.hasInput {
		return d.seek(k.input.Record)
	}
	return nil
}

// divideBlock sorts the next records by peer. Each slice begins with 1 if more
// records follow.
func (c *core) divideBlock(r *storage.Records, f func([]byte, int) int) ([][]byte, error) {
	out := make([][]byte, c.t.n)
	for i := range out {
		out[i] = []byte{0}
	}
	for size := 0; size < divideBlock; {
		line, ok, err := r.Next()
		if err != nil {
			return nil, inputFailure(err)
		}
		if !ok {
			return out, nil
		}
		to := f(line, c.t.n)
		if to < 0 || to >= c.t.n {
			return nil, fmt.Errorf("PartitionInput: peer %d for the record at %s: there are peers 0 to %d", to, r.Where(), c.t.n-1)
		}
		out[to] = appendRecord(out[to], line)
		size += len(line) + 4
	}
	for i := range out {
		out[i][0] = 1
	}
	return out, nil
}
