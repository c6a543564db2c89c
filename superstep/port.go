package superstep

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
)

// Control bits are ORed over all peers at every barrier: all see the same.
type Control uint32

// Bits that mean the same to everybody; what follows them is the caller's.
const (
	ControlCheckpoint Control = 1 << iota // take a checkpoint at this barrier
	ControlStop                           // end after this barrier
	ControlAbort                          // give up
)

// Vote is what a peer says at a barrier.
type Vote struct {
	Halt    bool    // this peer has nothing more to do
	Control Control // ORed over all peers
	Values  []byte  // aggregator lane: opaque, at most MaxValues bytes, copied
}

// Verdict is what a barrier decided, the same for all peers.
type Verdict struct {
	Superstep int      // completed barriers, this one included
	Halted    bool     // every peer voted Halt or has left, and nobody sent anything on any lane in this superstep
	Control   Control  // of all votes
	Values    [][]byte // by peer, nil where a peer gave none; read-only, valid until the next Sync
}

// Port is a local peer's endpoint, used by one goroutine at a time.
type Port struct {
	g     *Group
	index int
	step  int // completed barriers
	lanes []lane
	err   error // of a lane opened late: returned by the next Sync
	in    inboxes
	wake  chan struct{} // cap 1: the barrier is over, or a collective round is complete
	left  atomic.Bool
	idle  atomic.Bool // it sleeps until wake
	quiet atomic.Bool // takes no part in collectives any more: Retire or Leave

	temper temper

	sent      []uint64  // messages of this superstep by destination, also those cleared later
	sentTotal uint64    // those not cleared, to all
	values    [2][]byte // copies of Vote.Values by superstep
	dests     []dest    // by peer

	messages, bytes int64 // sent in all, see Sent

	round  int  // collective rounds begun
	given  bool // the last of them is to be taken
	rounds collective
	parts  []*chunk // that the last round's parts are in, until Release
}

// dest says where a peer is.
type dest struct {
	port *Port // local, else nil
	link *link // remote, else nil
}

// lane is what a port asks of a Box or a Lane.
type lane interface {
	flush()                      // hand over what was sent in this superstep
	drop()                       // forget it instead
	deliver(superstep int) error // take what was sent in that superstep; called after its barrier
}

func newPort(g *Group, peer int) *Port {
	p := &Port{g: g, index: peer, step: g.cfg.Superstep, wake: make(chan struct{}, 1), sent: make([]uint64, g.peers)}
	p.rounds.init(g.peers)
	return p
}

// Index returns the peer's index in [0, N).
func (p *Port) Index() int { return p.index }

// N returns the number of peers of the job.
func (p *Port) N() int { return p.g.peers }

// Superstep returns the number of completed barriers.
func (p *Port) Superstep() int { return p.step }

// open registers a lane. Lanes are matched between peers by the order in which each
// peer opens them; at most 255.
func (p *Port) open(l lane) uint8 {
	if len(p.lanes) == maxLanes {
		panic("superstep: a peer can open 255 boxes and lanes at most")
	}
	p.lanes = append(p.lanes, l)
	return uint8(len(p.lanes) - 1)
}

// to resolves a destination once.
func (p *Port) to(peer int) dest {
	if p.dests == nil {
		p.dests = make([]dest, p.g.peers)
	}
	d := &p.dests[peer]
	if d.port == nil && d.link == nil {
		if r := p.g.own; peer >= r.Lo && peer < r.Hi {
			d.port = p.g.ports[peer-r.Lo]
		} else {
			d.link = p.g.links[p.g.taskOf(peer)]
		}
	}
	return *d
}

// local says whether a peer is in this process.
func (p *Port) local(peer int) bool { return peer >= p.g.own.Lo && peer < p.g.own.Hi }

// push hands a chunk of messages of this superstep over to the destination.
func (p *Port) push(typ frameType, lane uint8, to int, c *chunk) {
	p.sent[to] += uint64(c.count)
	p.sentTotal += uint64(c.count)
	d := p.to(to)
	switch {
	case d.link != nil:
		d.link.sendChunk(header{typ: typ, lane: lane, superstep: uint32(p.step), source: uint32(p.index), dest: uint32(to)}, c)
	case d.port.left.Load():
		p.g.buffers.pool.put(c)
	default:
		held, err := p.g.buffers.hold(p.step, c)
		if err != nil {
			p.g.fail(err) // the next Sync returns it
			return
		}
		d.port.in.at(p.step, lane, p.g.peers).add(p.index, held)
	}
}

// Sync ends the superstep: it hands over what was sent on all boxes of the port,
// waits until every peer has called it, or has left, and all their messages are
// in. Boxes hold the new inbox afterwards; the old one and the last verdict's
// Values are gone. It returns early when ctx ends, which aborts the group, since
// the superstep can no longer complete; after an error the port is of no more use.
func (p *Port) Sync(ctx context.Context, v Vote) (Verdict, error) { return p.sync(ctx, v, nil) }

// sync is Sync; the exchanging Lane delivers by itself.
func (p *Port) sync(ctx context.Context, v Vote, exchanging lane) (Verdict, error) {
	if err := p.ready(ctx); err != nil {
		return Verdict{}, err
	}
	if len(v.Values) > MaxValues {
		return Verdict{}, fmt.Errorf("values of %d bytes at a barrier, at most %d", len(v.Values), MaxValues)
	}
	if p.err != nil {
		return Verdict{}, p.fault(p.err)
	}
	if !p.quiet.Load() {
		if err := p.in.unopened(p.step-1, len(p.lanes)); err != nil {
			return Verdict{}, p.fault(err)
		}
	}
	p.in.recycle(p.step-1, &p.g.buffers)
	for _, l := range p.lanes {
		l.flush()
	}
	b := &p.g.barrier
	ended := p.step
	b.arrive(p, v)
	if err := p.wait(ctx, func() bool { return b.done.Load() > int64(ended) }); err != nil {
		return Verdict{}, err
	}
	if err := p.g.drain(ctx, p); err != nil {
		return Verdict{}, err
	}
	verdict := b.verdicts[ended&1]
	p.step++
	clear(p.sent)
	p.sentTotal = 0
	for _, l := range p.lanes {
		if l == exchanging {
			continue
		}
		if err := l.deliver(ended); err != nil {
			return Verdict{}, p.fault(err)
		}
	}
	return verdict, nil
}

// ready says why the port cannot be used.
func (p *Port) ready(ctx context.Context) error {
	if p.left.Load() {
		return fmt.Errorf("peer %d: %w", p.index, ErrClosed)
	}
	if err := p.g.err(); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return p.interrupted(ctx)
	}
	return nil
}

// fault ends the group with an error of this peer.
func (p *Port) fault(err error) error {
	err = fmt.Errorf("peer %d, superstep %d: %w", p.index, p.step, err)
	if _, full := errors.AsType[*SpillError](err); !full {
		err = aborted(err)
	}
	p.g.fail(err)
	return p.g.err()
}

func (p *Port) interrupted(ctx context.Context) error {
	err := fmt.Errorf("peer %d waits in superstep %d: %w", p.index, p.step, context.Cause(ctx))
	p.g.fail(aborted(err))
	return err
}

// Leave says that the peer is done: it counts as halted and as empty-handed at
// every further barrier and collective, what it sent in this superstep is dropped,
// and so is what others send to it. The others go on.
func (p *Port) Leave() {
	if p.left.Load() || p.g.err() != nil {
		return
	}
	for _, l := range p.lanes {
		l.drop()
	}
	p.left.Store(true)
	p.quiet.Store(true)
	p.in.recycle(p.step-1, &p.g.buffers) // its own until now; the barrier frees what is under way
	for _, l := range p.g.links {
		if l != nil {
			l.send(outFrame{h: header{typ: frameLeave, superstep: uint32(p.step), source: uint32(p.index)}}, true)
		}
	}
	p.g.barrier.leave(p)
	p.g.leaveRounds(p.index)
}
