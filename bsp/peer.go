package bsp

import (
	"context"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"runtime"

	"scalar/bsp/arena"
	"scalar/bsp/job"
	"scalar/storage"
	"scalar/superstep"
)

// A Peer is one BSP processor. It is used by the goroutine that runs the Program,
// and no other.
type Peer[M any] struct {
	c   *core
	box *superstep.Box[M]
}

// Index returns the peer's number, in [0, N()).
func (p *Peer[M]) Index() int { return p.c.index }

// N returns the number of peers of the job.
func (p *Peer[M]) N() int { return p.c.t.n }

// Superstep returns the number of completed barriers, also after a restart.
func (p *Peer[M]) Superstep() int { return p.c.port.Superstep() }

// Host returns the name of the machine that peer i is on.
func (p *Peer[M]) Host(i int) string { return p.c.t.host(i) }

// Args returns the program's own arguments: what came after "--".
func (p *Peer[M]) Args() []string { return p.c.t.start.Args }

// Log returns a logger to the task's standard error with the peer's index.
func (p *Peer[M]) Log() *slog.Logger { return p.c.log }

// Send gives m to peer to, for the next superstep. m is copied, or encoded at once.
// It panics if there is no such peer. It never waits for another peer.
func (p *Peer[M]) Send(to int, m M) { p.box.Send(to, m) }

// Clear drops what was sent by Send in this superstep.
func (p *Peer[M]) Clear() { p.box.Clear() }

// Messages gives the inbox: by sender, then sending order, or in the order of
// WithCompare. It can be read more than once; it is valid until the next Sync.
func (p *Peer[M]) Messages() iter.Seq[M] { return p.box.Messages() }

// NumMessages returns the number of messages in the inbox.
func (p *Peer[M]) NumMessages() int { return p.box.Len() }

// Sync ends the superstep: it waits until all peers have called it and all
// messages are in. After an error the peer can do nothing more but return.
func (p *Peer[M]) Sync(ctx context.Context) error {
	v, err := p.c.vote()
	if err != nil {
		return err
	}
	verdict, err := p.c.port.Sync(ctx, v)
	return p.c.passed(verdict, err)
}

// Vote says whether this peer has nothing more to do, for the next barrier only.
func (p *Peer[M]) Vote(halt bool) { p.c.halt = halt }

// AllHalted reports whether at the last barrier every peer voted to halt, or had
// returned, and nothing was sent in the superstep that it ended.
func (p *Peer[M]) AllHalted() bool { return p.c.halted }

// MaxValues is the most bytes that SetValues takes.
const MaxValues = superstep.MaxValues - 1

// SetValues gives b, of at most MaxValues bytes, to all peers with the next
// barrier; it is copied. More bytes make the next Sync fail. A program that returns
// instead gives nothing.
func (p *Peer[M]) SetValues(b []byte) { p.c.setValues(b) }

// Values returns what each peer set before the last barrier, by peer; empty where
// it set nothing. Read-only, valid until the next Sync.
func (p *Peer[M]) Values() [][]byte { return p.c.values() }

// State gives the checkpoints v, a pointer, and restores it after a fault: resumed
// is true then, and *v is as it was at the barrier that ended the superstep before
// Superstep(). It is called once, before the first Sync, by all peers or by none.
// v is encoded at barriers while the program waits in Sync.
//
// A type with AppendBinary or MarshalBinary encodes itself, and its UnmarshalBinary
// gets *v as the program has made it. Of all others msgpack keeps values, slices,
// maps, pointers (to a copy each) and exported fields, nested 32 deep at most.
// Unexported fields and those tagged msgpack:"-", of *v and of structs that are a
// part of it, stay as the program has set them; all else is replaced. What is in an
// interface must have one of the types bool, int8, float32, float64, string, []byte,
// []any, map[string]any and time.Time: others would come back as another one. The
// first checkpoint of an attempt is read back and fails the job where the state could
// not go on from it; states over 16 MiB only as far as interfaces go.
func (p *Peer[M]) State(v any) (resumed bool, err error) { return p.c.setState(v) }

// Arena returns memory for what is large, of the whole task: what does not fit half of
// the task's memory lies in a file on the local disk that is mapped. It is valid until all
// peers of the task have returned.
func (p *Peer[M]) Arena() *arena.Arena { return p.c.t.arena }

// Count adds to a counter of the job; the job's is the sum over peers. The peers of a
// task can have 249 counters together, with names of at most 256 bytes: one more
// makes the next Sync fail.
func (p *Peer[M]) Count(name string, delta int64) { p.c.count(name, delta) }

// Active says that so many things, such as vertices, are computed in this superstep,
// for the report of the job (bsp job submit --report). Calls add up.
func (p *Peer[M]) Active(n int64) {
	if r := p.c.recorder; r != nil {
		r.active += n
	}
}

// Plot records the point y of a curve at this superstep, for the report of the job (bsp
// job submit --report): the page has a chart of it. A name such as loss/test shares its
// chart with all others that begin with "loss/". It may be called in some supersteps and
// by some peers only: where there are several points of a curve in a superstep, or where
// supersteps are put together because there are more than 512 points, their mean is
// drawn. NaN and infinities are left out of it, and are a gap where there is nothing
// else. A task has 16 names of at most 64 bytes; others are left out, with a line in its
// log. Without a report Plot does nothing.
func (p *Peer[M]) Plot(name string, y float64) {
	if p.c.recorder != nil {
		p.c.plot(name, y)
	}
}

// Note gives a line that people see beside the superstep while the job runs, such as
// "epoch 2/3, loss 0.0912": in the live line of bsp job submit and wait, and in bsp job
// status and inspect. Of several peers' notes that of the lowest-numbered peer that has
// given one in this attempt is shown, its newest; so one peer is enough. An empty text
// takes the peer's note back. It is cut to job.MaxNote (200) bytes and made one line, see
// job.CleanNote. It is looked at every 100 ms at most, is in no checkpoint and no result,
// and gone when the job has ended.
func (p *Peer[M]) Note(text string) { p.c.setNote(text) }

// Loaded marks the end of loading in the job's times; by default that is the entry
// of the program. The last peer's call counts.
func (p *Peer[M]) Loaded() { p.c.loaded() }

// Fail returns an error of this peer with a kind of its own: job.FaultInput ends
// the job without another attempt.
func (p *Peer[M]) Fail(kind job.FailureKind, format string, args ...any) error {
	f := job.Fail(kind, format, args...)
	f.Task, f.Peer = p.c.t.start.Key.Task, p.c.index
	return f
}

// Input returns this peer's part of the input; nil without input.
func (p *Peer[M]) Input() *storage.Split { return p.c.split }

// Next returns the next line of the peer's part of the input; it is valid until
// the next call. ok is false at the end, and without input. The position is part
// of checkpoints.
func (p *Peer[M]) Next() (line []byte, ok bool, err error) { return p.c.next() }

// Lines gives what Next does; after an error it ends.
func (p *Peer[M]) Lines() iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for {
			line, ok, err := p.c.next()
			if err != nil {
				yield(nil, err)
				return
			}
			if !ok || !yield(line, nil) {
				return
			}
		}
	}
}

// Rewind goes back to the first line of the peer's input.
func (p *Peer[M]) Rewind() error { return p.c.rewind() }

// Records returns the reader behind Next, for fast parsers: its position is the
// input position. nil without input or with PartitionInput, and when the input
// cannot be opened: Next gives the error then. After a restart it stands where the
// checkpoint says; a program that loads everything anew calls Rewind first.
func (p *Peer[M]) Records() *storage.Records {
	r, err := p.c.openRecords()
	if err != nil {
		return nil
	}
	return r
}

// Output returns the writer of the peer's part of the output, which is there before
// the program starts. It becomes visible when the job succeeds. Errors also come back
// from the next Sync.
func (p *Peer[M]) Output() io.Writer { return p.c.out }

// Write adds the line key TAB value to the output: floats in their shortest
// round-trip form, other types as fmt.Print has them. A number costs the caller an
// allocation of 8 bytes, for the interface; Emit has none. An error comes back from
// the next Sync, or ends the job when the program returns.
func (p *Peer[M]) Write(key, value any) { p.c.out.line(key, value) }

// WriteFile adds a file to the output of a program with the option Files, whole and
// synced; it becomes visible when the job succeeds. A name has 1 to 255 bytes, has no
// slash, and does not begin with a dot, "_" or "part-"; peers give different names. At
// most 16 files can be written by a peer.
func (p *Peer[M]) WriteFile(ctx context.Context, name string, content []byte) error {
	return p.c.out.file(ctx, name, content)
}

// Together returns the peers [lo, hi) that run in this peer's process. What the program
// computes must not depend on it: it is there to share memory.
func (p *Peer[M]) Together() (lo, hi int) { return p.c.t.own.Lo, p.c.t.own.Hi }

// Cores returns how many cores this peer may compute on at once, 1 at least: its share of those
// that its process has (GOMAXPROCS), and no more than its share of its machine's among the
// job's peers there. What the program computes must not depend on it.
func (p *Peer[M]) Cores() int {
	lo, hi := p.Together()
	at := placeOf(p.c.t.start)
	own := share(runtime.GOMAXPROCS(0), p.Index()-lo, hi-lo)
	return max(min(own, share(runtime.NumCPU(), at.before+p.Index()-lo, at.here)), 1)
}

// share is how many of n things part i of parts has.
func share(n, i, parts int) int { return (i+1)*n/parts - i*n/parts }

// String names the peer in messages.
func (p *Peer[M]) String() string { return fmt.Sprintf("peer %d of %d", p.c.index, p.c.t.n) }
