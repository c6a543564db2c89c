package superstep

import "fmt"

// relay is a superstep's part of a tally while it ends by ballots. A task's ballot goes
// up the tree once its own peers and all tasks right below have said theirs; the root
// makes it the verdict, which goes down. A mark goes only over links that carried
// messages, straight to where they went: the ballots count them, and the verdict tells
// every task how many to await.
type relay struct {
	await   []uint32 // by task: marks that it has to await, of the tasks in the sums
	ballots int      // of the tasks right below
	passed  bool     // the own ballot is on its way
	decided bool     // the verdict is in
}

func (r *relay) reset() {
	clear(r.await)
	r.ballots, r.passed, r.decided = 0, false, false
}

// ballot counts what a task right below has said.
func (b *barrier) ballot(superstep int, v *ballot) error {
	b.mu.Lock()
	t := &b.tally[superstep&1]
	t.ballots++
	t.add(v.sums)
	t.count(v)
	woken, err := b.advance()
	b.mu.Unlock()
	b.wake(woken, nil)
	return err
}

// count adds what is not in the sums.
func (t *tally) count(v *ballot) {
	for i, n := range v.await {
		t.await[i] += n
	}
	for _, p := range v.values {
		t.values[p.peer] = p.bytes
	}
}

// verdict takes what all tasks have said and passes it on.
func (b *barrier) verdict(superstep int, v *ballot, payload []byte) error {
	b.mu.Lock()
	t := &b.tally[superstep&1]
	if superstep != b.step || !t.passed || t.decided {
		defer b.mu.Unlock()
		return fmt.Errorf("%w: verdict of superstep %d before our ballot", ErrFrame, superstep)
	}
	if b.over { // goodbye may be queued already, and nothing follows that; those below know it too
		b.mu.Unlock()
		return nil
	}
	t.sums = v.sums
	clear(t.await)
	t.count(v)
	b.decide(t, payload)
	woken, err := b.advance()
	b.mu.Unlock()
	b.wake(woken, nil)
	return err
}

// pass sends the ballot up, once it is whole; mu is held.
func (b *barrier) pass(t *tally) {
	if t.passed || t.ballots < len(b.tree.below) {
		return
	}
	t.passed = true
	b.scratch = b.appendBallot(b.scratch[:0], t)
	if b.tree.above < 0 {
		b.decide(t, b.scratch)
		return
	}
	b.sendRelay(frameBallot, b.tree.above, b.scratch)
}

// appendBallot encodes what the task and those below it have said.
func (b *barrier) appendBallot(dst []byte, t *tally) []byte {
	values := t.values[b.g.own.Lo:b.g.own.Hi]
	if tooLarge(values) {
		values = b.none
	}
	n := 0
	for _, v := range values {
		if len(v) > 0 {
			n++
		}
	}
	for _, r := range b.tree.below {
		n += len(b.g.links[r.Lo].in.ballots[b.step&1].values)
	}
	dst = appendBallot(dst, t.sums, t.await, n)
	for i, v := range values {
		if len(v) > 0 {
			dst = appendValues(dst, peerValues{b.g.own.Lo + i, v})
		}
	}
	for _, r := range b.tree.below {
		for _, v := range b.g.links[r.Lo].in.ballots[b.step&1].values {
			dst = appendValues(dst, v)
		}
	}
	return dst
}

// decide ends the superstep for this task, but for the marks that it awaits, and tells
// those below; mu is held.
func (b *barrier) decide(t *tally, payload []byte) {
	t.decided = true
	for _, r := range b.tree.below {
		b.sendRelay(frameVerdict, r.Lo, payload)
	}
}

func (b *barrier) sendRelay(typ frameType, task int, payload []byte) {
	b.g.links[task].sendBytes(header{typ: typ, superstep: uint32(b.step), source: uint32(b.g.cfg.Task), dest: uint32(task)}, payload)
}
