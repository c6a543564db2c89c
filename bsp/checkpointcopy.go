package bsp

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"time"

	"scalar/bsp/job"
	"scalar/storage"
	"scalar/superstep"
)

// checkpoint copies this peer at a barrier.
func (c *core) checkpoint(v superstep.Verdict) error {
	began := time.Now()
	c.want = false
	k := checkpoint{
		job: c.t.id, peer: c.index, peers: c.t.n, superstep: v.Superstep,
		left: c.left, ended: c.ended, halted: c.halted, hasState: c.state != nil && !c.left, values: c.values(),
	}
	k.input, k.hasInput = c.inputID()
	k.position, k.opened = c.position()
	var err error
	if k.output, k.hasOutput, err = c.out.sync(); err != nil {
		c.broke = err
		return err
	}
	k.counters = c.totals()
	b := k.begin(c.copied.start())
	b, err = section(b, func(dst []byte) ([]byte, error) {
		if !k.hasState {
			return dst, nil
		}
		return c.appendState(dst)
	})
	if err != nil {
		c.broke = err
		return err
	}
	if c.broke = c.copied.finish(b, c, &k); c.broke != nil {
		return c.broke
	}
	c.t.ckpt.paused.Add(int64(time.Since(began)))
	c.t.ckpt.handIn(v.Superstep)
	return nil
}

// appendState encodes the state, and in the first checkpoint of an attempt sees that
// it can be read back. No other attempt can mend what cannot be kept.
func (c *core) appendState(dst []byte) ([]byte, error) {
	at := len(dst)
	dst, err := appendState(dst, c.state)
	if err != nil {
		if encodesItself(c.state) {
			return dst, fmt.Errorf("checkpoint: encode the state: %w", err)
		}
		return dst, job.Fail(job.FaultInput, "State: %v", err)
	}
	if !c.proven {
		if err := proveState(dst[at:], c.state); err != nil {
			return dst, job.Fail(job.FaultInput, "%v", err)
		}
		c.proven = true
	}
	return dst, nil
}

// copied is a peer's checkpoint between the barrier and its file: in memory, but for
// an inbox that lies on disk for want of memory. That is copied on disk, into a file
// without a name.
type copied struct {
	buf   []byte   // everything; what comes before the inbox if that is in a file
	inbox *os.File // nil: in buf
	size  int64    // of it
	tail  []byte   // what follows it
	err   error    // the disk did not take it: this checkpoint is not written
}

// start returns where the copy begins.
func (d *copied) start() []byte { return d.buf[:0] }

// finish adds a peer's inbox and the rest to b, which has the state.
func (d *copied) finish(b []byte, c *core, k *checkpoint) error {
	size := int64(0)
	if !c.left {
		size = c.inbox.SavedSize()
	}
	b = binary.LittleEndian.AppendUint64(b, uint64(size))
	if c.left || !c.inbox.OnDisk() {
		w := bytes.NewBuffer(b)
		if !c.left {
			w.Grow(int(size) + 4<<10) // and the rest
			if err := c.inbox.Save(w); err != nil {
				return err
			}
		}
		d.buf = k.finish(w.Bytes(), 0)
		return nil
	}
	d.buf, d.size = b, size
	sum := crc32.New(castagnoli)
	_, _ = sum.Write(b) // never fails
	var broke error
	if d.inbox, d.err = nameless(); d.err == nil {
		broke = d.save(c, sum)
	}
	d.tail = k.finish(d.tail[:0], sum.Sum32())
	return broke
}

// nameless returns a file that the kernel removes with the process.
func nameless() (*os.File, error) {
	f, err := os.CreateTemp("", "checkpoint-")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// save copies an inbox from disk to disk. What the new file does not take is kept in
// d.err, and the job goes on without this checkpoint; what it returns is the inbox's.
func (d *copied) save(c *core, sum io.Writer) error {
	w := bufio.NewWriterSize(noting{d.inbox, &d.err}, 1<<20)
	broke := cmp.Or(c.inbox.Save(io.MultiWriter(w, sum)), w.Flush())
	if d.err == nil {
		return broke
	}
	return nil
}

// noting keeps the error of a file.
type noting struct {
	f   *os.File
	err *error
}

// Write implements io.Writer.
func (n noting) Write(b []byte) (int, error) {
	m, err := n.f.Write(b)
	if err != nil {
		*n.err = err
	}
	return m, err
}

// write makes it a file of the store.
func (d *copied) write(ctx context.Context, url string) (size int64, crc uint32, err error) {
	if d.err != nil {
		return 0, 0, fmt.Errorf("copy an inbox that lies on disk: %w", d.err)
	}
	var r io.Reader = bytes.NewReader(d.buf)
	if d.inbox != nil {
		r = io.MultiReader(r, io.NewSectionReader(d.inbox, 0, d.size), bytes.NewReader(d.tail))
	}
	return storage.WriteBlob(ctx, url, r)
}

// drop removes what is on disk; the memory is kept for the next checkpoint.
func (d *copied) drop() {
	if d.inbox != nil {
		_ = d.inbox.Close() // nothing of it is wanted any more
	}
	d.inbox, d.err = nil, nil
}
