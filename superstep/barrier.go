package superstep

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
)

// barrier collects the votes of local peers and what other tasks tell. A superstep is
// over when all local peers have arrived, or left, and all tasks are known to have
// ended it, with all their messages in: either the mark of every other task is there,
// or a verdict, which says how many marks there are, and those; see relay.go. What
// belongs to the next superstep can come early, to the one after it cannot: that needs
// our own part first. So all is kept twice, by parity.
type barrier struct {
	g    *Group
	tree tree
	_    [64]byte
	done atomic.Int64 // completed barriers; alone in its cache line, which ports that wait read again and again
	_    [56]byte
	told atomic.Int64 // barriers whose marks are on their way: others may be in the superstep after

	mu        sync.Mutex // guards the fields below; verdicts are read without it, see Port.sync
	step      int        // the superstep that is ending
	relayed   bool       // it ends by ballots
	arrived   int        // local peers that ended it or have left
	leftLocal int        // local peers that have left
	leftAll   int        // peers of all tasks that have left
	over      bool       // all peers of all tasks have left
	gone      []bool     // by peer: has left
	tally     [2]tally
	verdicts  [2]Verdict
	marked    []bool   // by task: gets a mark in this superstep
	none      [][]byte // by local peer: no values
	scratch   []byte   // the frame under construction
}

// tally sums up what is known of one superstep.
type tally struct {
	sums            // of the tasks whose part is in; with a verdict, of all
	marks  int      // of other tasks
	values [][]byte // by peer
	relay
}

func (b *barrier) init(g *Group) {
	tasks := len(g.cfg.Ranges)
	b.g, b.step, b.gone = g, g.cfg.Superstep, make([]bool, g.peers)
	b.tree, b.relayed = newTree(g.cfg.Task, tasks), treePays(tasks, 0)
	b.marked, b.none = make([]bool, tasks), make([][]byte, g.own.len())
	b.done.Store(int64(b.step))
	b.told.Store(int64(b.step))
	for i := range b.tally {
		b.tally[i].values = make([][]byte, g.peers)
		b.tally[i].await = make([]uint32, tasks)
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
		b.end()
	}
	woken, err := b.advance()
	b.mu.Unlock()
	b.wake(woken, p)
	if err != nil {
		b.g.fail(err)
	}
}

// leave counts a local peer out, now and at every further barrier.
func (b *barrier) leave(p *Port) {
	b.mu.Lock()
	b.leftLocal++
	b.arrived++
	over := b.left(p.index)
	if b.arrived == len(b.g.ports) {
		b.end()
	}
	woken, err := b.advance()
	b.mu.Unlock()
	b.wake(woken, p)
	if err != nil {
		b.g.fail(err)
	}
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
func (b *barrier) mark(superstep int, from Range, m mark) error {
	b.mu.Lock()
	t := &b.tally[superstep&1]
	t.marks++
	t.add(m.sums)
	for i, v := range m.values {
		if v != nil {
			t.values[from.Lo+i] = v
		}
	}
	woken, err := b.advance()
	b.mu.Unlock()
	b.wake(woken, nil)
	return err
}

// advance completes every superstep that can be; mu is held. Where all local peers
// have left, it is this loop that goes on for them. It says whether any completed.
func (b *barrier) advance() (woken bool, err error) {
	for b.arrived == len(b.g.ports) && !b.over {
		t := &b.tally[b.step&1]
		if b.relayed {
			b.pass(t)
		}
		if ok, err := b.complete(t); !ok {
			return woken, err
		}
		b.verdicts[b.step&1] = Verdict{Superstep: b.step + 1, Halted: !t.busy && t.sent == 0, Control: t.control, Values: t.values}
		b.relayed = treePays(len(b.g.links), t.links)
		t.reset()
		b.freeLeft()
		b.step++
		b.arrived = b.leftLocal
		b.done.Store(int64(b.step))
		woken = true
		if b.arrived == len(b.g.ports) {
			b.end()
		}
	}
	return woken, nil
}

// complete says whether all is in; mu is held.
func (b *barrier) complete(t *tally) (bool, error) {
	want := len(b.g.links) - 1
	if b.relayed {
		if !t.decided {
			return false, nil
		}
		want = int(t.await[b.g.cfg.Task])
	}
	if t.marks > want || !b.relayed && t.ballots > 0 {
		return false, fmt.Errorf("%w: %d marks and %d ballots in superstep %d, %d marks were to come", ErrFrame, t.marks, t.ballots, b.step, want)
	}
	return t.marks == want, nil
}

// reset makes room for the superstep after next. The values stay: the peers read them.
func (t *tally) reset() {
	t.sums, t.marks = sums{}, 0
	t.relay.reset()
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

// wake rouses the local peers but the one that runs, self, if it is one that does.
func (b *barrier) wake(woken bool, self *Port) {
	if !woken {
		return
	}
	slept := false
	for _, p := range b.g.ports {
		if p != self && p.rouse() {
			slept = true
		}
	}
	if slept && self != nil {
		spread()
	}
}

// end is called when all local peers have ended the superstep, or left: it tells the
// others; mu is held, which orders marks behind each other. All frames of the superstep
// are in the links' queues by now, so that a mark is the last of them.
func (b *barrier) end() {
	// Nobody reads the values of the superstep before any more, and nothing of the one
	// after can have come.
	clear(b.tally[(b.step+1)&1].values)
	b.told.Store(int64(b.step) + 1)
	if len(b.g.links) == 1 {
		return
	}
	b.sendMarks(b.choose())
	for _, p := range b.g.ports {
		if p.left.Load() {
			clear(p.sent) // the others do so themselves
		}
	}
}

// choose says what the task's mark is, and in marked which links get it.
func (b *barrier) choose() mark {
	t := &b.tally[b.step&1]
	m := mark{values: t.values[b.g.own.Lo:b.g.own.Hi]}
	large := tooLarge(m.values)
	for _, l := range b.g.links {
		if l == nil {
			continue
		}
		need := large || b.carried(l)
		if need {
			m.links++
			t.await[l.task]++
		}
		b.marked[l.task] = need || !b.relayed
	}
	t.links += m.links
	if b.relayed {
		m.sums = sums{}
		if !large {
			m.values = b.none
		}
		return m
	}
	// Early marks may be in busy and control already: everybody ORs them in the end.
	m.busy, m.control = t.busy, t.control
	for _, p := range b.g.ports {
		m.sent += p.sentTotal
	}
	return m
}

// carried says whether messages went over a link in this superstep.
func (b *barrier) carried(l *link) bool {
	for _, p := range b.g.ports {
		for _, n := range p.sent[l.peers.Lo:l.peers.Hi] {
			if n > 0 {
				return true
			}
		}
	}
	return false
}

func (b *barrier) sendMarks(m mark) {
	b.scratch = m.append(b.scratch[:0])
	front := len(b.scratch)
	for _, l := range b.g.links {
		if l == nil || !b.marked[l.task] {
			continue
		}
		b.scratch = b.scratch[:front]
		for _, p := range b.g.ports {
			b.scratch = appendCounts(b.scratch, p.sent[l.peers.Lo:l.peers.Hi])
		}
		l.sendBytes(header{typ: frameMark, superstep: uint32(b.step), source: uint32(b.g.cfg.Task), dest: uint32(l.task)}, b.scratch)
	}
}
