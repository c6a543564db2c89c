package bsp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"scalar/bsp/job"
	"scalar/storage"
	"scalar/superstep"
)

// core is a Peer without its message type.
type core struct {
	t     *task
	port  *superstep.Port
	index int
	inbox inbox
	log   *slog.Logger
	broke error // a barrier or collective failed; returned by all later ones

	// The next barrier.
	state    any // pointer given to State
	halt     bool
	want     bool   // a checkpoint is due and not yet taken
	left     bool   // the program has returned
	barriers int    // of this attempt
	own      []byte // flags, then the program's values
	tooLong  int    // bytes given to SetValues over the limit
	ended    int    // superstep in which the program returned
	odd      error  // a counter too many
	proven   bool   // the state was read back once in this attempt
	stopped  bool   // the last barrier said that all end there

	// The last barrier.
	halted  bool
	raw     [][]byte // with flags; nil before the first one
	shown   [][]byte // without, made when asked for
	stateOn bool     // some peer called State

	begun *begun // what this attempt began with; nil: superstep 0

	split   *storage.Split
	open    func() (*storage.Records, error) // nil without input
	records *storage.Records
	divided *divided // with PartitionInput

	out    *output
	copied copied // the last checkpoint

	step    atomic.Int64 // completed barriers, for progress
	barrier atomic.Int64 // when the last one was over, as task.now gives it
	wrote   atomic.Int64 // when it began to write after its last barrier, or ended; 0: its program runs
	load    atomic.Int64 // when loading was over
	clock   clock        // of the phases

	recorder *recorder // nil: nobody wants a report
	note     atomic.Pointer[string]

	mu       sync.Mutex // guards counters
	counters map[string]int64
}

// begun is what a peer takes from the checkpoint that it began with when the
// program asks for it.
type begun struct {
	superstep int
	hasState  bool
	state     []byte // let go by State
	opened    bool   // the input was, and position is where it stood
	position  inputPosition
}

// inbox is what a checkpoint needs of a superstep.Box.
type inbox interface {
	OnDisk() bool
	SavedSize() int64
	Save(w io.Writer) error
	Load(r io.Reader, size int64) error
}

// Flags lead a peer's values on a mark; without any and without values the mark
// carries nothing for the peer.
const (
	flagLeft  = 1 << iota // the program has returned
	flagState             // State was called
	flagPlain             // State was not called
)

// vote says what the peer tells the others at the next barrier.
func (c *core) vote() (superstep.Vote, error) {
	now := c.clock.pause(c.t)
	if c.recorder != nil {
		c.arrive(now)
	}
	if err := c.ready(); err != nil {
		return superstep.Vote{}, err
	}
	v := superstep.Vote{Halt: c.halt || c.left}
	c.halt = false
	v.Control = c.t.ckpt.vote(c) | c.t.stopVote()
	if len(c.own) == 0 {
		c.own = append(c.own, 0)
	}
	flags := byte(0)
	if c.left {
		flags |= flagLeft
	}
	if c.barriers == 0 {
		switch {
		case c.state != nil:
			flags |= flagState
		case !c.left:
			flags |= flagPlain
		}
	}
	c.own[0] = flags
	if flags != 0 || len(c.own) > 1 {
		v.Values = c.own
	}
	return v, nil
}

// ready says why no barrier can be entered.
func (c *core) ready() error {
	switch {
	case c.broke != nil:
		return c.broke
	case c.out.err != nil:
		return c.out.err
	case c.tooLong > 0:
		return fmt.Errorf("SetValues: %d bytes, at most %d", c.tooLong, MaxValues)
	case c.odd != nil:
		return c.odd
	case c.begun != nil && c.begun.hasState && c.state == nil && !c.left:
		return errors.New("the program called State before the fault and does not now: it must call it before the first Sync each time")
	}
	return nil
}

// passed takes note of a barrier, ends the peer there if anybody was asked to, and
// checkpoints if all agree to.
func (c *core) passed(v superstep.Verdict, err error) error {
	if err != nil {
		c.broke = err
		return err
	}
	c.step.Store(int64(v.Superstep))
	if !c.left {
		now := c.t.now()
		c.barrier.Store(now)
		c.out.since = 0
		if c.recorder != nil {
			c.record(now)
		}
	}
	if v.Control&superstep.ControlStop != 0 {
		c.stopped, c.broke = true, errStopping
		return errStopping
	}
	c.halted, c.raw = v.Halted, v.Values
	c.own = c.own[:0]
	c.barriers++
	if c.barriers == 1 {
		if err := c.agree(); err != nil {
			c.broke = err
			return err
		}
	}
	if c.t.ckpt.agreed(v.Control) && !c.fileless() {
		if err := c.checkpoint(v); err != nil || c.left {
			return err
		}
		c.clock.resume(c.t.now())
	} else if !c.left {
		c.clock.resume(c.barrier.Load())
	}
	return nil
}

// fileless says whether no checkpoint may be taken at the last barrier, because it would
// need files that a peer which has returned may have written. All peers say the same.
func (c *core) fileless() bool {
	return c.t.cfg.Runner.options().files && slices.ContainsFunc(c.raw, func(v []byte) bool { return len(v) > 0 && v[0]&flagLeft != 0 })
}

// agree compares what the peers said about State at their first barrier.
func (c *core) agree() error {
	with, without := -1, -1
	for peer, v := range c.raw {
		switch {
		case len(v) == 0:
		case v[0]&flagState != 0 && with < 0:
			with = peer
		case v[0]&flagPlain != 0 && without < 0:
			without = peer
		}
	}
	c.stateOn = with >= 0
	if with >= 0 && without >= 0 {
		return fmt.Errorf("peer %d called State before the first Sync and peer %d did not: all must, or none", with, without)
	}
	return nil
}

func (c *core) setValues(b []byte) {
	if len(b) > MaxValues {
		c.tooLong = len(b)
		return
	}
	c.own = append(append(c.own[:0], 0), b...)
}

func (c *core) values() [][]byte {
	if c.raw == nil {
		return c.shown
	}
	if c.shown == nil {
		c.shown = make([][]byte, c.t.n)
	}
	for i, v := range c.raw {
		c.shown[i] = nil
		if len(v) > 1 {
			c.shown[i] = v[1:]
		}
	}
	return c.shown
}

func (c *core) setState(v any) (bool, error) {
	switch {
	case c.broke != nil:
		return false, c.broke
	case c.barriers > 0:
		return false, errors.New("State must be called before the first Sync")
	case c.state != nil:
		return false, errors.New("State was called twice: put all into one struct")
	}
	if err := checkState(v); err != nil {
		return false, err
	}
	c.state = v
	if c.begun == nil || !c.begun.hasState {
		return false, nil
	}
	if err := decodeState(c.begun.state, v); err != nil {
		return false, fmt.Errorf("State: the checkpoint of superstep %d does not fit the program: %w", c.begun.superstep, err)
	}
	c.begun.state = nil
	return true, nil
}

// finish keeps a returned peer in the barriers until all have returned, so that it
// has its part in their checkpoints.
func (c *core) finish(ctx context.Context) error {
	if c.broke != nil {
		return c.broke
	}
	if c.odd != nil {
		return c.odd
	}
	c.out.writes() // if it wrote nothing, it ends here
	if err := c.close(); err != nil {
		return err
	}
	c.wrote.Store(c.out.since)
	c.clock.end(c.t, c.out.since)
	// What it set for a barrier that it does not come to goes the way of what it sent.
	c.own, c.tooLong = c.own[:0], 0
	if !c.left {
		c.left, c.ended = true, c.port.Superstep()
	}
	if c.stays() {
		c.port.Retire()
	}
	for next := 0; c.stays(); {
		v, err := c.vote()
		if err != nil {
			return err
		}
		verdict, err := c.port.Sync(ctx, v)
		if err := c.passed(verdict, err); err != nil {
			return err
		}
		for next < len(c.raw) && len(c.raw[next]) > 0 && c.raw[next][0]&flagLeft != 0 {
			next++
		}
		if next == len(c.raw) {
			break
		}
	}
	c.port.Leave()
	return nil
}

// errStopping is what Sync returns at the barrier at which all peers end because the
// job is being stopped, and what all that needs the others returns after it.
var errStopping = errors.New("the job is being stopped")

// depart ends a peer whose last barrier was the one at which all stop, whatever its
// program has made of that. What it has written is of no output.
func (c *core) depart() {
	_ = c.closeRecords() // nobody reads what was read any more
	c.out.abandon()
	c.ended = c.port.Superstep()
	c.port.Leave()
}

// stays reports whether a checkpoint may still come: before the first barrier
// nobody knows whether the others called State.
func (c *core) stays() bool {
	return c.t.ckpt.on() && (c.barriers == 0 || c.stateOn)
}

// close ends input and output.
func (c *core) close() error {
	if err := c.closeRecords(); err != nil {
		return err
	}
	return c.out.close()
}

func (c *core) count(name string, delta int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.counters[name]; !known {
		if err := c.t.names.add(name); err != nil {
			c.odd = err
			return
		}
	}
	c.counters[name] += delta
}

// counted returns a copy of the counters.
func (c *core) counted() map[string]int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.counters)
}

// setNote keeps what the live line shows.
func (c *core) setNote(text string) {
	text = job.CleanNote(text)
	if old := c.note.Load(); old == nil || *old != text {
		c.note.Store(&text)
	}
}

// loaded marks the end of loading.
func (c *core) loaded() {
	now := c.t.now()
	c.load.Store(now)
	c.clock.start(now)
	if c.recorder != nil {
		c.recorder.began, c.recorder.spent = now, 0
	}
}
