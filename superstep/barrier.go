package superstep

import (
	"slices"
	"sync"
	"sync/atomic"
)

// barrier collects the votes of local peers and the marks of other tasks. A
// superstep is over when all local peers have arrived, or left, and the mark of
// every other task is in. Marks of the next superstep can come early, those of the
// one after it cannot: they need our own mark first. So all is kept twice, by
// parity.
type barrier struct {
	g    *Group
	done atomic.Int64 // completed barriers
	told atomic.Int64 // barriers whose marks are on their way: others may be in the superstep after

	mu        sync.Mutex // guards the fields below; verdicts are read without it, see Port.sync
	step      int        // the superstep that is ending
	arrived   int        // local peers that ended it or have left
	leftLocal int        // local peers that have left
	leftAll   int        // peers of all tasks that have left
	over      bool       // all peers of all tasks have left
	gone      []bool     // by peer: has left
	tally     [2]tally
	verdicts  [2]Verdict
	scratch   []byte // the mark under construction
}

// tally sums up what is known of one superstep.
type tally struct {
	marks   int // of other tasks
	busy    bool
	control Control
	sent    uint64 // messages, of all tasks whose part is in
	values  [][]byte
}

func (b *barrier) init(g *Group) {
	b.g, b.step, b.gone = g, g.cfg.Superstep, make([]bool, g.peers)
	b.done.Store(int64(b.step))
	b.told.Store(int64(b.step))
	for i := range b.tally {
		b.tally[i].values = make([][]byte, g.peers)
	}
}

// arrive counts a local peer's vote for the superstep that is ending.
func (b *barrier) arrive(p *Port, v Vote) {
	b.mu.Lock()
	t := &b.tally[b.step&1]
	t.busy = t.busy || !v.Halt
	t.control |= v.Control
	t.sent += p.sentTotal
	if len(v.Values) > 0 {
		own := &p.values[b.step&1]
		*own = append((*own)[:0], v.Values...)
		t.values[p.index] = *own
	}
	b.arrived++
	if b.arrived == len(b.g.ports) {
		b.sendMarks()
	}
	woken := b.advance()
	b.mu.Unlock()
	b.wake(woken, p)
}

// leave counts a local peer out, now and at every further barrier.
func (b *barrier) leave(p *Port) {
	b.mu.Lock()
	b.leftLocal++
	b.arrived++
	over := b.left(p.index)
	if b.arrived == len(b.g.ports) {
		b.sendMarks()
	}
	woken := b.advance()
	b.mu.Unlock()
	b.wake(woken, p)
	if over && b.g.closing.Load() {
		b.g.end()
	}
}

// leftRemote counts a peer of another task out; false if it had left before.
func (b *barrier) leftRemote(peer int) bool {
	b.mu.Lock()
	if b.gone[peer] {
		b.mu.Unlock()
		return false
	}
	over := b.left(peer)
	b.mu.Unlock()
	if over && b.g.closing.Load() {
		b.g.end()
	}
	return true
}

// allGone says whether all peers of a task have left.
func (b *barrier) allGone(r Range) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !slices.Contains(b.gone[r.Lo:r.Hi], false)
}

// left counts a peer out and says whether it was the last; mu is held.
func (b *barrier) left(peer int) bool {
	b.gone[peer] = true
	b.leftAll++
	b.over = b.leftAll == b.g.peers
	return b.over
}

// mark counts another task's part of a superstep.
func (b *barrier) mark(superstep int, from Range, m mark) {
	b.mu.Lock()
	t := &b.tally[superstep&1]
	t.marks++
	t.busy = t.busy || m.busy
	t.control |= m.control
	t.sent += m.sent
	copy(t.values[from.Lo:from.Hi], m.values)
	woken := b.advance()
	b.mu.Unlock()
	b.wake(woken, nil)
}

// advance completes every superstep that can be; mu is held. Where all local peers
// have left, it is this loop that goes on for them. It says whether any completed.
func (b *barrier) advance() (woken bool) {
	others := len(b.g.links) - 1
	for b.arrived == len(b.g.ports) && b.tally[b.step&1].marks == others && !b.over {
		t := &b.tally[b.step&1]
		b.verdicts[b.step&1] = Verdict{Superstep: b.step + 1, Halted: !t.busy && t.sent == 0, Control: t.control, Values: t.values}
		t.marks, t.busy, t.control, t.sent = 0, false, 0, 0
		b.freeLeft()
		b.step++
		b.arrived = b.leftLocal
		// Nobody reads the values of the superstep before last any more.
		clear(b.tally[b.step&1].values[b.g.own.Lo:b.g.own.Hi])
		b.done.Store(int64(b.step))
		woken = true
		if b.arrived == len(b.g.ports) {
			b.sendMarks()
		}
	}
	return woken
}

// freeLeft gives back what reached peers of this task while they left; mu is held.
// Nobody writes into the generation of the superstep that is over any more, and
// nothing is added for a peer two supersteps after it left.
func (b *barrier) freeLeft() {
	if b.leftLocal == 0 {
		return
	}
	for _, p := range b.g.ports {
		if p.left.Load() && b.step <= p.step+1 {
			p.in.recycle(b.step, &b.g.buffers)
		}
	}
}

// wake rouses the local peers but the one that runs.
func (b *barrier) wake(woken bool, self *Port) {
	if !woken {
		return
	}
	for _, p := range b.g.ports {
		if p != self {
			p.rouse()
		}
	}
}

// sendMarks tells every other task that this one has ended the superstep; mu is
// held, which orders marks behind each other. All frames of the superstep are in
// the links' queues by now, so that a mark is the last of them.
func (b *barrier) sendMarks() {
	b.told.Store(int64(b.step) + 1)
	if len(b.g.links) == 1 {
		return
	}
	t := &b.tally[b.step&1]
	// Early marks may be in busy and control already: everybody ORs them in the end.
	m := mark{busy: t.busy, control: t.control, values: t.values[b.g.own.Lo:b.g.own.Hi]}
	for _, p := range b.g.ports {
		m.sent += p.sentTotal
	}
	b.scratch = m.append(b.scratch[:0])
	front := len(b.scratch)
	for _, l := range b.g.links {
		if l == nil {
			continue
		}
		b.scratch = b.scratch[:front]
		for _, p := range b.g.ports {
			b.scratch = appendCounts(b.scratch, p.sent[l.peers.Lo:l.peers.Hi])
		}
		l.sendBytes(header{typ: frameMark, superstep: uint32(b.step), source: uint32(b.g.cfg.Task), dest: uint32(l.task)}, b.scratch)
	}
	for _, p := range b.g.ports {
		if p.left.Load() {
			clear(p.sent) // the others do so themselves
		}
	}
}
