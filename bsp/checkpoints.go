package bsp

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"scalar/bsp/wire"
	"scalar/superstep"
)

// checkpointInterval is how long a job computes between two checkpoints unless
// told otherwise by a number of supersteps.
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
	bytes   atomic.Int64 // of those
	paused  atomic.Int64 // nanoseconds that the peers took for their copies
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
	defer func() {
		for _, c := range k.t.peers {
			c.copied.drop()
		}
	}()
	bytes := int64(0)
	for _, c := range k.t.peers {
		url := fmt.Sprintf("%s/%d/%d/peer-%d", k.t.start.CheckpointDir, k.t.start.Key.Epoch, at, c.index)
		size, crc, err := c.copied.write(ctx, url)
		if err != nil {
			if ctx.Err() == nil {
				k.t.log.Warn("checkpoint was not written, the job goes on", slog.Int("superstep", at), slog.Any("error", err))
			}
			return
		}
		bytes += size
		part.Files = append(part.Files, wire.Part{Peer: c.index, Path: url, Size: size, CRC: crc})
	}
	k.written.Add(1)
	k.bytes.Add(bytes)
	k.t.report(wire.FromTask{Checkpoint: &part})
}
