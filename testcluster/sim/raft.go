package sim

import (
	"maps"
	"math/bits"
	"slices"
	"time"

	"scalar/master/fsm"
)

// The times of the modelled Raft. They are near those of the masters.
const (
	beatEvery   = 120 * time.Millisecond
	electMin    = 500 * time.Millisecond
	electMax    = time.Second
	leaderLease = 500 * time.Millisecond
	hangLimit   = 5 * time.Second // of the watchdog
	maxBatch    = 64              // entries in one message
	snapEvery   = 200             // entries: often, so that masters that were away get one
	trailing    = 10              // entries kept behind a snapshot
	resendSnap  = time.Second
)

// entry is one of the log; cmd is nil in the one that begins a leader's term.
type entry struct {
	term uint64
	cmd  []byte
}

// kept is what a master has on its disk.
type kept struct {
	term     uint64
	vote     int // -1: none in this term
	base     uint64
	baseTerm uint64
	log      []entry // of the indices from base+1
	snap     []byte  // the state at index snapAt; nil: none
	snapAt   uint64
	snapTerm uint64
}

func (d *kept) last() uint64 { return d.base + uint64(len(d.log)) }

func (d *kept) termAt(i uint64) uint64 {
	if i == d.base {
		return d.baseTerm
	}
	return d.log[i-d.base-1].term
}

func (d *kept) truncate(last uint64) { d.log = d.log[:last-d.base] }

type role uint8

const (
	follower role = iota
	preCandidate
	candidate
	leading
)

// raft is one master's part in consensus during one life: Ongaro and Ousterhout, "In
// Search of an Understandable Consensus Algorithm" (2014), with the pre-vote and the
// leader's lease of Ongaro's thesis (2014), 9.6 and 6.4.1. An entry counts here only
// once it is on disk.
type raft struct {
	m       *master
	p       *proc
	d       *kept
	role    role
	leader  int           // as known here, -1: none
	heardAt time.Duration // from a leader
	electAt time.Duration

	commit, applied uint64
	synced          uint64 // entries up to here are on disk
	cuts            uint64 // truncations; a write that began before one says nothing

	votes   uint64 // a bit for each master
	next    []uint64
	match   []uint64
	heard   []time.Duration
	snapped []time.Duration // when a snapshot was last sent
	waiting map[uint64]func(fsm.Result, bool)
	flushes bool // a broadcast is on its way
}

func newRaft(m *master, p *proc) *raft {
	r := &raft{m: m, p: p, d: &m.disk.kept, leader: -1, waiting: map[uint64]func(fsm.Result, bool){}, heardAt: -time.Hour}
	r.synced = r.d.last()
	r.commit, r.applied = r.d.snapAt, r.d.snapAt
	r.rearm()
	r.watch()
	return r
}

func (r *raft) size() int { return len(r.m.w.masters) }

func (r *raft) most(votes uint64) bool { return bits.OnesCount64(votes) > r.size()/2 }

// watch stands for election when no leader is heard.
func (r *raft) watch() {
	r.p.after(max(time.Millisecond, r.electAt-r.m.w.now), func() {
		if r.m.w.now >= r.electAt {
			r.rearm()
			if r.role != leading {
				r.stand(preCandidate)
			}
		}
		r.watch()
	})
}

func (r *raft) rearm() { r.electAt = r.m.w.now + r.m.w.between(electMin, electMax) }

// stand asks the others for their vote, or whether they would give it.
func (r *raft) stand(as role) {
	r.role, r.leader, r.votes = as, -1, 1<<r.m.node
	v := ballot{from: r.m.node, pre: as == preCandidate, term: r.d.term + 1, last: r.d.last(), lastTerm: r.d.termAt(r.d.last())}
	if !v.pre {
		if r.m.disk.broken() {
			return // it could not note its own vote
		}
		r.d.term++
		r.d.vote = r.m.node
		r.m.w.trace("stands", r.m.node, r.d.term, "")
	}
	for i := range r.m.w.masters {
		if i != r.m.node {
			r.m.tell(i, func(to *raft) { to.vote(v) })
		}
	}
}

// ballot asks for a vote.
type ballot struct {
	from           int
	pre            bool
	term           uint64
	last, lastTerm uint64
}

func (r *raft) vote(b ballot) {
	newest := b.lastTerm > r.d.termAt(r.d.last()) || b.lastTerm == r.d.termAt(r.d.last()) && b.last >= r.d.last()
	quiet := r.role != leading && r.m.w.now-r.heardAt >= electMin // a leader is not disturbed
	granted := false
	switch {
	case !quiet:
	case b.pre:
		granted = b.term > r.d.term && newest
	default:
		if b.term > r.d.term {
			r.follow(b.term, -1)
		}
		if b.term == r.d.term && (r.d.vote < 0 || r.d.vote == b.from) && newest && !r.m.disk.broken() {
			granted, r.d.vote = true, b.from
			r.rearm()
		}
	}
	me, term := r.m.node, r.d.term
	r.m.tell(b.from, func(to *raft) { to.voted(me, b, term, granted) })
}

func (r *raft) voted(by int, b ballot, term uint64, granted bool) {
	if term > r.d.term {
		r.follow(term, -1)
		return
	}
	asked := r.role == candidate && !b.pre && b.term == r.d.term || r.role == preCandidate && b.pre && b.term == r.d.term+1
	if !granted || !asked {
		return
	}
	r.votes |= 1 << by
	switch {
	case !r.most(r.votes):
	case b.pre:
		r.stand(candidate)
	default:
		r.lead()
	}
}

func (r *raft) follow(term uint64, leader int) {
	was := r.role
	if term > r.d.term {
		r.d.term, r.d.vote = term, -1
	}
	r.role, r.leader = follower, leader
	if was == leading {
		r.rearm()
		r.deposed()
	}
}

// deposed answers those who wait: what became of their commands is unknown.
func (r *raft) deposed() {
	r.m.w.trace("deposed", r.m.node, r.d.term, "")
	r.m.w.count("leaders deposed")
	for _, i := range slices.Sorted(maps.Keys(r.waiting)) {
		done := r.waiting[i]
		r.p.after(0, func() { done(fsm.Result{}, false) })
	}
	clear(r.waiting)
	r.m.reignEnds()
}

func (r *raft) lead() {
	n := r.size()
	r.role, r.leader = leading, r.m.node
	r.next, r.match, r.heard, r.snapped = make([]uint64, n), make([]uint64, n), make([]time.Duration, n), make([]time.Duration, n)
	for i := range n {
		r.next[i], r.heard[i], r.snapped[i] = r.d.last()+1, r.m.w.now, -time.Hour
	}
	r.m.w.trace("leads", r.m.node, r.d.term, "")
	r.m.w.count("elections won")
	term := r.d.term
	r.propose(nil, func(_ fsm.Result, ok bool) {
		if ok && r.role == leading && r.d.term == term {
			r.m.reignBegins(term)
		}
	})
	r.beat(term)
}

func (r *raft) beat(term uint64) {
	if r.role != leading || r.d.term != term {
		return
	}
	near := uint64(1) << r.m.node
	for i, at := range r.heard {
		if r.m.w.now-at < leaderLease {
			near |= 1 << i
		}
	}
	if !r.most(near) {
		r.follow(r.d.term, -1)
		return
	}
	r.replicate()
	r.p.after(beatEvery, func() { r.beat(term) })
}

// propose appends a command and calls done with its result, or with ok = false when
// this master does not lead any more: then nobody knows.
func (r *raft) propose(cmd []byte, done func(result fsm.Result, ok bool)) {
	if r.role != leading {
		r.p.after(0, func() { done(fsm.Result{}, false) })
		return
	}
	r.d.log = append(r.d.log, entry{r.d.term, cmd})
	r.waiting[r.d.last()] = done
	term := r.d.term
	r.sync(func(ok bool) {
		if r.role != leading || r.d.term != term {
			return
		}
		if !ok {
			r.m.w.trace("disk error", r.m.node, r.d.last(), "")
			r.follow(r.d.term, -1)
			return
		}
		r.advance()
	})
	if !r.flushes {
		r.flushes = true
		r.p.after(200*time.Microsecond, func() { r.flushes = false; r.replicate() })
	}
}

// sync writes the log. What could not be written is dropped from it.
func (r *raft) sync(done func(ok bool)) {
	to, cuts := r.d.last(), r.cuts
	r.m.disk.write(r.p, func(ok bool) {
		switch {
		case cuts != r.cuts: // a later write tells
		case ok:
			r.synced = max(r.synced, to)
		case r.d.last() > r.synced:
			r.cuts++
			r.d.truncate(r.synced)
		}
		done(ok)
	})
}
