package sim

import (
	"slices"

	"scalar/master/fsm"
)

// appended is a leader's message: entries after prev, and how far all is committed.
type appended struct {
	from           int
	term           uint64
	prev, prevTerm uint64
	entries        []entry
	commit         uint64
}

func (r *raft) replicate() {
	if r.role != leading {
		return
	}
	for i := range r.size() {
		if i != r.m.node {
			r.send(i)
		}
	}
}

// send tells one follower what it lacks, as far as is known.
func (r *raft) send(to int) {
	if r.next[to] <= r.d.base {
		r.sendSnapshot(to)
		return
	}
	prev := r.next[to] - 1
	a := appended{from: r.m.node, term: r.d.term, prev: prev, prevTerm: r.d.termAt(prev), commit: r.commit}
	a.entries = slices.Clone(r.d.log[prev-r.d.base : min(uint64(len(r.d.log)), prev-r.d.base+maxBatch)])
	r.m.tell(to, func(f *raft) { f.append(a) })
}

func (r *raft) sendSnapshot(to int) {
	if r.m.w.now-r.snapped[to] < resendSnap {
		return
	}
	r.snapped[to] = r.m.w.now
	me, term, snap, at, snapTerm := r.m.node, r.d.term, r.d.snap, r.d.snapAt, r.d.snapTerm
	r.m.w.count("snapshots sent")
	r.m.tell(to, func(f *raft) { f.install(me, term, snap, entryID{at, snapTerm}) })
}

// entryID names an entry.
type entryID struct{ index, term uint64 }

// hears takes a leader's message, unless its term is over.
func (r *raft) hears(from int, term uint64) bool {
	if term < r.d.term {
		r.answer(from, term, false, 0)
		return false
	}
	if r.role == leading && term == r.d.term {
		r.m.w.fail("masters %d and %d both lead in term %d", r.m.node, from, term)
		return false
	}
	r.follow(term, from)
	r.heardAt = r.m.w.now
	r.rearm()
	return true
}

// append takes entries of the leader and answers once they are on disk.
func (r *raft) append(a appended) {
	if !r.hears(a.from, a.term) {
		return
	}
	if a.prev < r.d.base { // the beginning is in the snapshot
		skip := r.d.base - a.prev
		if skip > uint64(len(a.entries)) {
			return
		}
		a.prev, a.prevTerm, a.entries = r.d.base, r.d.baseTerm, a.entries[skip:]
	}
	if a.prev > r.d.last() || r.d.termAt(a.prev) != a.prevTerm {
		r.answer(a.from, a.term, false, min(r.d.last(), a.prev-1))
		return
	}
	matched := a.prev + uint64(len(a.entries))
	added := r.take(a)
	confirm := func() {
		on := min(matched, r.synced)
		r.commitTo(min(a.commit, on))
		r.answer(a.from, a.term, true, on)
	}
	if !added {
		confirm()
		return
	}
	r.sync(func(ok bool) {
		if ok && r.role == follower && r.d.term == a.term {
			confirm()
		}
	})
}

// take puts entries into the log and drops what contradicts them.
func (r *raft) take(a appended) (added bool) {
	for i, e := range a.entries {
		at := a.prev + uint64(i) + 1
		if at <= r.d.last() {
			if r.d.termAt(at) == e.term {
				continue
			}
			if at <= r.commit {
				r.m.w.fail("master %d would drop the committed entry %d", r.m.node, at)
				return false
			}
			r.d.truncate(at - 1)
			r.synced = min(r.synced, at-1)
			r.cuts++
		}
		r.d.log = append(r.d.log, e)
		added = true
	}
	return added
}

// answer tells the leader how far this log is like its own, or, not ok, where it may be.
func (r *raft) answer(to int, term uint64, ok bool, at uint64) {
	me, now := r.m.node, r.d.term
	r.m.tell(to, func(l *raft) { l.answered(me, now, term, ok, at) })
}

func (r *raft) answered(by int, term, asked uint64, ok bool, at uint64) {
	if term > r.d.term {
		r.follow(term, -1)
		return
	}
	if r.role != leading || asked != r.d.term {
		return
	}
	r.heard[by] = r.m.w.now
	if !ok {
		if at+1 > r.match[by] { // else it is an old answer
			r.next[by] = max(r.match[by]+1, min(r.next[by]-1, at+1))
			r.send(by)
		}
		return
	}
	further := at > r.match[by] // a disk that hangs, or a message that comes twice, is sent no more for it
	r.match[by] = max(r.match[by], at)
	r.next[by] = max(r.next[by], r.match[by]+1)
	r.advance()
	if further && r.next[by] <= r.d.last() && at+1 == r.next[by] && uint64(len(r.d.log)) > maxBatch {
		r.send(by)
	}
}

// advance commits what most masters have on disk, if it is of this term.
func (r *raft) advance() {
	all := slices.Clone(r.match)
	all[r.m.node] = r.synced
	slices.Sort(all)
	to := min(all[(len(all)-1)/2], r.synced)
	if to > r.commit && r.d.termAt(to) == r.d.term {
		r.commitTo(to)
	}
}

// commitTo applies what is committed.
func (r *raft) commitTo(to uint64) {
	r.commit = max(r.commit, to)
	for r.applied < r.commit && r.m.w.err == nil {
		r.applied++
		e := r.d.log[r.applied-r.d.base-1]
		result := r.m.apply(r.applied, e)
		if done := r.waiting[r.applied]; done != nil {
			delete(r.waiting, r.applied)
			r.p.after(0, func() { done(result, true) })
		}
	}
	if r.applied-r.d.snapAt >= snapEvery {
		r.snapshot()
	}
}

// snapshot writes the state down and shortens the log.
func (r *raft) snapshot() {
	snap := encode(r.m.w, r.m.state)
	r.m.w.count("snapshots")
	r.d.snap, r.d.snapAt, r.d.snapTerm = snap, r.applied, r.d.termAt(r.applied)
	base := max(r.d.base, r.applied-trailing)
	if base > r.synced { // what is not on disk yet stays
		return
	}
	term := r.d.termAt(base)
	r.d.log = slices.Clone(r.d.log[base-r.d.base:])
	r.d.base, r.d.baseTerm = base, term
}

// install replaces this state and log by a leader's snapshot.
func (r *raft) install(from int, term uint64, snap []byte, at entryID) {
	if !r.hears(from, term) {
		return
	}
	if at.index <= r.commit || at.index <= r.d.last() && r.d.termAt(at.index) == at.term { // a late message: what is here stays
		r.answer(from, term, true, min(max(r.commit, at.index), r.synced))
		return
	}
	if r.m.disk.broken() {
		return
	}
	r.d.snap, r.d.snapAt, r.d.snapTerm = snap, at.index, at.term
	r.d.base, r.d.baseTerm, r.d.log = at.index, at.term, nil
	r.synced, r.commit, r.applied = at.index, at.index, at.index
	r.cuts++
	r.m.state = decode(r.m.w, snap)
	r.m.w.count("snapshots installed")
	r.m.w.trace("snapshot installed", r.m.node, at.index, "")
	r.answer(from, term, true, at.index)
}

// apply applies one entry to the master's state.
func (m *master) apply(index uint64, e entry) fsm.Result {
	before := m.state
	var result fsm.Result
	if e.cmd != nil {
		m.state, result = fsm.ApplyEncoded(before, index, e.cmd)
	}
	m.w.check.applied(m, index, e, before, result)
	if m.state != before {
		m.wake()
	}
	return result
}
