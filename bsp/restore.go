package bsp

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"scalar/bsp/job"
	"scalar/storage"
	"scalar/superstep"
)

// restore loads what the attempt begins with, if it begins with a checkpoint.
func (c *core) restore(ctx context.Context) error {
	from := c.t.start.Restore
	if from == nil {
		return nil
	}
	if len(from.Files) != c.t.n {
		return job.Fail(job.FaultCheckpoint, "the checkpoint of superstep %d has %d files for %d peers", from.Superstep, len(from.Files), c.t.n)
	}
	file := from.Files[c.index]
	f, err := storage.OpenBlob(ctx, file.Path, file.Size, file.CRC, maxCheckpoint)
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return job.Fail(unreadable(ctx, file.Path, err), "checkpoint of superstep %d: %v", from.Superstep, err)
	}
	defer func() { _ = f.Close() }() // it was only read
	k, err := decodeCheckpoint(f, f.Size())
	if err == nil && (k.job != c.t.id || k.peer != c.index || k.peers != c.t.n || k.superstep != from.Superstep) {
		err = fmt.Errorf("%w: it is of peer %d of %d at superstep %d of job %016x", errCheckpoint, k.peer, k.peers, k.superstep, k.job)
	}
	if err == nil && !k.left {
		err = c.inbox.Load(k.inbox, k.inbox.Size())
	}
	switch {
	case err == nil:
	case errors.Is(err, errCheckpoint), errors.Is(err, superstep.ErrInbox):
		return job.Fail(job.FaultCheckpoint, "%s: %v", file.Path, err)
	default:
		return job.Fail(job.FaultGroom, "restore %s: %v", file.Path, err)
	}
	if id, ok := c.inputID(); ok && k.hasInput && k.input.changed(id, k.superstep) != "" {
		return job.Fail(job.FaultInput, "input %s changed while the job ran: %s", c.split.URL, k.input.changed(id, k.superstep))
	}
	c.begin(k)
	return nil
}

// unreadable says whose fault it is that a checkpoint's file was not read. It counts
// as bad if it is damaged or gone, and not if this machine cannot read it, or sees
// nothing where checkpoints are: CHECKPOINTS/EPOCH/SUPERSTEP/peer-N.
func unreadable(ctx context.Context, url string, err error) job.FailureKind {
	if errors.Is(err, storage.ErrCorrupt) {
		return job.FaultCheckpoint
	}
	if errors.Is(err, fs.ErrNotExist) {
		fsys, name, err := storage.Resolve(url)
		for range 4 {
			name = name[:max(strings.LastIndexByte(name, '/'), 0)]
		}
		if err == nil {
			if _, err = fsys.Stat(ctx, name); err == nil {
				return job.FaultCheckpoint
			}
		}
	}
	return job.FaultGroom
}

// begin sets the peer to where a checkpoint was. The state is kept until the program
// asks for it.
func (c *core) begin(k *checkpoint) {
	c.begun = &begun{superstep: k.superstep, hasState: k.hasState, state: k.state, opened: k.opened, position: k.position}
	c.left, c.ended, c.halted = k.left, k.ended, k.halted
	c.shown = k.values
	c.step.Store(int64(k.superstep))
	if k.hasOutput {
		c.out.resumed = &k.output
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counters = k.counters
	for name := range c.counters {
		if err := c.t.names.add(name); err != nil {
			c.odd = err
		}
	}
}
