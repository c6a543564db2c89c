package superstep

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Range is the peers [Lo, Hi) of one task.
type Range struct{ Lo, Hi int }

func (r Range) has(peer uint32) bool { return int64(peer) >= int64(r.Lo) && int64(peer) < int64(r.Hi) }
func (r Range) len() int             { return r.Hi - r.Lo }

// Config says which part of a job's peers a group holds.
type Config struct {
	Job       uint64     // hash of the job's id; in every frame
	Epoch     uint32     // the attempt; in every frame
	Task      int        // own index in Ranges
	Ranges    []Range    // the peers of every task: ascending, contiguous from 0, none empty
	Conns     []net.Conn // to every task but the own one, from Mesh; the Group owns and closes them. May be nil for one task
	TLS       bool       // Conns are TLS: frames are gathered in record-sized buffers instead of writev, and payloads have no checksum
	Superstep int        // the superstep to begin with; 0, or more after a restart

	// Compress says how what this task sends is packed. Frames in one process are not.
	Compress Compression

	// MemoryBudget is how many bytes of messages the inboxes and queues of the task may
	// hold in memory. What is more waits in files without a name in SpillDir, of
	// SpillLimit bytes a superstep at most. 0: no limit, of either. Accumulators of
	// lanes and what collectives carry are memory in any case.
	MemoryBudget, SpillLimit int64
	SpillDir                 string // "": os.TempDir
}

func (c Config) check() error {
	if c.Task < 0 || c.Task >= len(c.Ranges) {
		return fmt.Errorf("task %d of %d", c.Task, len(c.Ranges))
	}
	lo := 0
	for t, r := range c.Ranges {
		if r.Lo != lo || r.Hi <= r.Lo {
			return fmt.Errorf("task %d has peers [%d,%d), expected them to begin at %d and not to be empty", t, r.Lo, r.Hi, lo)
		}
		lo = r.Hi
	}
	if int64(lo) > 1<<31 || c.Superstep < 0 || int64(c.Superstep) > 1<<31 {
		return fmt.Errorf("%d peers, superstep %d", lo, c.Superstep)
	}
	if c.Compress > CompressAuto {
		return fmt.Errorf("compression %d", c.Compress)
	}
	if c.MemoryBudget < 0 || c.SpillLimit < 0 {
		return fmt.Errorf("memory budget %d, spill limit %d", c.MemoryBudget, c.SpillLimit)
	}
	for t := range c.Ranges {
		if t != c.Task && (t >= len(c.Conns) || c.Conns[t] == nil) {
			return fmt.Errorf("no connection to task %d", t)
		}
	}
	return nil
}

// Stats are running totals of a group's local peers; they may be read at any time.
type Stats struct {
	Messages     int64 // sent, before combining; counted at each barrier
	MessageBytes int64 // encoded, after combining; the same for every placement
	WireBytes    int64 // written to links, headers included
	SpilledBytes int64 // written to disk, beyond the memory budget
}

// Group is one task's part of a job: its local peers, the links to the other tasks
// and the barrier between them all.
type Group struct {
	cfg     Config
	own     Range
	peers   int
	ports   []*Port // local ones
	patient bool    // they ask on before they sleep
	wakers  []waker // what they ask besides
	links   []*link // by task; nil for the own one
	buffers buffers
	areas   areas

	barrier  barrier
	draining atomic.Int32 // ports that wait for the writers

	dead    chan struct{} // closed by fail
	ended   chan struct{} // closed when Close was called and all peers of all tasks have left
	failing sync.Once
	ending  sync.Once
	cause   error // why dead was closed; written before
	closing atomic.Bool

	messages, messageBytes, wireBytes atomic.Int64
}

// NewGroup makes the group. The links move once Run is called; a group of one task
// works without Run.
func NewGroup(cfg Config) (*Group, error) {
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("superstep group: %w", err)
	}
	g := &Group{
		cfg: cfg, own: cfg.Ranges[cfg.Task], peers: cfg.Ranges[len(cfg.Ranges)-1].Hi,
		dead: make(chan struct{}), ended: make(chan struct{}),
	}
	g.wakers, g.patient = cfg.wakers()
	g.buffers.dir, g.buffers.budget, g.buffers.limit = cmp.Or(cfg.SpillDir, os.TempDir()), cfg.MemoryBudget, cfg.SpillLimit
	g.barrier.init(g)
	for peer := g.own.Lo; peer < g.own.Hi; peer++ {
		g.ports = append(g.ports, newPort(g, peer))
	}
	g.links = make([]*link, len(cfg.Ranges))
	for t := range cfg.Ranges {
		if t != cfg.Task {
			g.links[t] = newLink(g, t, cfg.Conns[t])
		}
	}
	return g, nil
}

// Port returns the endpoint of a local peer; it panics for any other. A port is
// used by one goroutine at a time.
func (g *Group) Port(peer int) *Port {
	if peer < g.own.Lo || peer >= g.own.Hi {
		panic(fmt.Sprintf("superstep: peer %d is not in [%d,%d) of task %d", peer, g.own.Lo, g.own.Hi, g.cfg.Task))
	}
	return g.ports[peer-g.own.Lo]
}

// Stats returns the totals so far.
func (g *Group) Stats() Stats {
	return Stats{Messages: g.messages.Load(), MessageBytes: g.messageBytes.Load(), WireBytes: g.wireBytes.Load(), SpilledBytes: g.buffers.spills.Load()}
}

// Run moves frames until the group ends: nil after Close when every task has said
// goodbye, else the first error, a *LinkError where a link broke. The end of ctx
// aborts the group. When Run returns, its goroutines have ended and the
// connections are closed.
func (g *Group) Run(ctx context.Context) error {
	var links, watch sync.WaitGroup
	for _, l := range g.links {
		if l != nil {
			links.Go(l.read)
			links.Go(l.write)
		}
	}
	over := make(chan struct{}) // closed here when the links are done
	watch.Go(func() {
		select {
		case <-ctx.Done():
			g.fail(aborted(context.Cause(ctx)))
		case <-g.dead:
		case <-over:
		}
	})
	select {
	case <-g.dead:
	case <-g.ended:
	}
	links.Wait()
	close(over)
	watch.Wait()
	g.buffers.close()
	return g.err()
}

// Close ends the group in order. All local peers must have left. The other tasks
// are told goodbye when all their peers have left too, so that the end of the
// connection is no fault; Run returns then.
func (g *Group) Close() error {
	if err := g.err(); err != nil {
		return err
	}
	g.barrier.mu.Lock()
	left, over := g.barrier.leftLocal, g.barrier.over
	g.closing.Store(true)
	g.barrier.mu.Unlock()
	if left != len(g.ports) {
		g.closing.Store(false)
		return fmt.Errorf("superstep group: %d of %d local peers have not left", len(g.ports)-left, len(g.ports))
	}
	if over {
		g.end()
	}
	if len(g.links) == 1 { // else Run does, when nothing is queued any more
		g.buffers.close()
	}
	return nil
}

// Abort ends the group with an error: every blocked call returns an error that
// wraps ErrAborted and err, in the other tasks ErrAborted with its text.
func (g *Group) Abort(err error) { g.fail(aborted(err)) }

func aborted(err error) error {
	switch {
	case err == nil:
		return ErrAborted
	case errors.Is(err, ErrAborted):
		return err
	}
	return fmt.Errorf("%w: %w", ErrAborted, err)
}

// abortGrace is how long the links may take to tell the others why a group ends.
const abortGrace = time.Second

// fail ends the group; only the first error counts.
func (g *Group) fail(err error) {
	g.failing.Do(func() {
		g.cause = err
		close(g.dead)
		for _, l := range g.links {
			if l != nil {
				// A write that hangs must not hold up the end. An error means that the
				// connection is gone already.
				_ = l.conn.SetWriteDeadline(time.Now().Add(abortGrace))
			}
		}
	})
}

// err returns why the group is dead, or nil.
func (g *Group) err() error {
	select {
	case <-g.dead:
		return g.cause
	default:
		return nil
	}
}

// end says goodbye on all links, once.
func (g *Group) end() {
	g.ending.Do(func() {
		for _, l := range g.links {
			if l != nil {
				l.send(outFrame{h: header{typ: frameGoodbye, dest: uint32(l.task)}}, true)
			}
		}
		close(g.ended)
	})
}

// taskOf returns the task that holds a peer.
func (g *Group) taskOf(peer int) int {
	lo, hi := 0, len(g.cfg.Ranges)-1
	for lo < hi {
		mid := (lo + hi) / 2
		if peer < g.cfg.Ranges[mid].Hi {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return lo
}
