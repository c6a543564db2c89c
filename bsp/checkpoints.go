package bsp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"scalar/bsp/job"
	"scalar/bsp/wire"
	"scalar/storage"
	"scalar/superstep"
)

// checkpointInterval is how long a job computes between two checkpoints unless
// told otherwise (DESIGN §5).
const checkpointInterval = 30 * time.Second

// controlBusy is raised by a task whose last checkpoint is still being written:
// the next one is put off to the first barrier at which no task raises it. So
// nobody waits for storage, no task writes what another one skips, and at most one
// copy is in memory.
const controlBusy = superstep.Control(1 << 16)

// checkpoints decides when a task's checkpoints are taken and writes them.
type checkpoints struct {
	t     *task
	every int         // supersteps; 0: by time
	due   atomic.Bool // the time has come
	busy  atomic.Bool // from the first peer's copy until the files are written
	timer *time.Timer // sets due; nil when not by time

	mu   sync.Mutex // guards have
	have int        // peers that have handed in their copy

	taken   chan int // supersteps, from the last peer to hand in, to run; cap 1: busy lets no second one come. Closed by close
	written atomic.Int64
}

// newCheckpoints returns one that never is due where the task has no folder for
// them.
func newCheckpoints(t *task) *checkpoints {
	k := &checkpoints{t: t, taken: make(chan int, 1)}
	if !k.on() {
		return k
	}
	k.every = t.cfg.Runner.options().every
	if t.start.CheckpointEvery > 0 {
		k.every = t.start.CheckpointEvery
	}
	if k.every <= 0 {
		k.every = 0
		k.timer = time.AfterFunc(t.interval(), func() { k.due.Store(true) })
	}
	return k
}

func (k *checkpoints) on() bool { return k.t.start.CheckpointDir != "" }

// vote returns the control bits of a peer for the next barrier.
func (k *checkpoints) vote(c *core) (bits superstep.Control) {
	if !k.on() {
		return 0
	}
	if c.state != nil && !c.left {
		switch {
		case c.want:
		case k.every > 0:
			c.want = (c.port.Superstep()+1)%k.every == 0
		default:
			c.want = k.due.Load()
		}
	}
	if c.want {
		bits |= superstep.ControlCheckpoint
	}
	if k.busy.Load() {
		bits |= controlBusy
	}
	return bits
}

// agreed says whether all tasks take a checkpoint at a barrier.
func (k *checkpoints) agreed(bits superstep.Control) bool {
	return bits&superstep.ControlCheckpoint != 0 && bits&controlBusy == 0
}

// handIn says that a peer's copy is made. The last local one gives them to the
// writer: the others cannot have come to the next barrier's end before.
func (k *checkpoints) handIn(at int) {
	k.busy.Store(true)
	k.mu.Lock()
	k.have++
	first, last := k.have == 1, k.have == len(k.t.peers)
	if last {
		k.have = 0
	}
	if first && k.timer != nil { // before any peer can vote again, and want another one
		k.due.Store(false)
		k.timer.Reset(k.t.interval())
	}
	k.mu.Unlock()
	if last {
		k.taken <- at
	}
}

// run writes what is taken until close: a checkpoint that was taken is written,
// unless the attempt has failed, which ends ctx.
func (k *checkpoints) run(ctx context.Context) {
	for at := range k.taken {
		k.write(ctx, at)
		k.busy.Store(false)
	}
}

// close ends run; all peers have ended.
func (k *checkpoints) close() {
	if k.timer != nil {
		k.timer.Stop()
	}
	close(k.taken)
}

// write makes the files durable and tells the groom. A checkpoint that cannot be
// written costs the job nothing but the way back: it is logged and the job goes on.
func (k *checkpoints) write(ctx context.Context, at int) {
	part := wire.CheckpointPart{Superstep: at, Task: k.t.start.Key.Task}
	for _, c := range k.t.peers {
		url := fmt.Sprintf("%s/%d/%d/peer-%d", k.t.start.CheckpointDir, k.t.start.Key.Epoch, at, c.index)
		size, crc, err := storage.WriteBlob(ctx, url, c.buf)
		if err != nil {
			if ctx.Err() == nil {
				k.t.log.Warn("checkpoint was not written, the job goes on", slog.Int("superstep", at), slog.Any("error", err))
			}
			return
		}
		part.Files = append(part.Files, wire.Part{Peer: c.index, Path: url, Size: size, CRC: crc})
	}
	k.written.Add(1)
	k.t.report(wire.FromTask{Checkpoint: &part})
}

// checkpoint copies this peer at a barrier.
func (c *core) checkpoint(v superstep.Verdict) error {
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
	b := k.begin(c.buf[:0])
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
	b, err = section(b, func(dst []byte) ([]byte, error) {
		if c.left {
			return dst, nil
		}
		return c.inbox.Save(dst)
	})
	if err != nil {
		c.broke = err
		return err
	}
	c.buf = k.finish(b, 0)
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
	b, err := storage.ReadBlob(ctx, file.Path, file.Size, file.CRC, maxCheckpoint)
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return job.Fail(unreadable(ctx, file.Path, err), "checkpoint of superstep %d: %v", from.Superstep, err)
	}
	k, err := decodeCheckpoint(b)
	if err == nil && (k.job != c.t.id || k.peer != c.index || k.peers != c.t.n || k.superstep != from.Superstep) {
		err = fmt.Errorf("%w: it is of peer %d of %d at superstep %d of job %016x", errCheckpoint, k.peer, k.peers, k.superstep, k.job)
	}
	if err == nil && !k.left {
		err = c.inbox.Load(k.inbox)
	}
	if err != nil {
		return job.Fail(job.FaultCheckpoint, "%s: %v", file.Path, err)
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

// begin sets the peer to where a checkpoint was. Of the file, which may be large, only
// the state is kept, until the program asks for it.
func (c *core) begin(k *checkpoint) {
	c.begun = &begun{superstep: k.superstep, hasState: k.hasState, state: k.state, opened: k.opened, position: k.position}
	c.left, c.ended, c.halted = k.left, k.ended, k.halted
	c.shown = make([][]byte, len(k.values))
	for i, v := range k.values {
		c.shown[i] = bytes.Clone(v)
	}
	c.step.Store(int64(k.superstep))
	if k.hasOutput {
		old := k.output // a pointer into k would keep the file
		c.out.resumed = &old
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
