package sim

import (
	"maps"
	"slices"
	"time"

	"scalar/bsp/wire"
	"scalar/internal/pack"
)

// The times of a groom's link, as package groom has them.
const (
	heartbeat    = 400 * time.Millisecond
	replyTimeout = 2 * time.Second
	soonDelay    = 100 * time.Millisecond
	minPatience  = 300 * time.Millisecond
	maxPatience  = 3 * time.Second
	minBackoff   = 20 * time.Millisecond
	maxBackoff   = 500 * time.Millisecond
)

// link finds the leader and reports to it, in the way of groom's link.go.
type link struct {
	g        *groom
	p        *proc
	seq      uint64
	session  uint64 // to the leader; 0: searching
	to       *session
	tries    map[uint64]*session // of the search under way
	round    uint64              // of searches
	patience time.Duration
	backoff  time.Duration
	waits    bool // a report is not answered yet
	soon     bool // progress waits to be told
}

// connect opens a connection; the master knows it from the first report on.
func (k *link) connect(to *master) *session {
	k.g.w.lastID++
	return &session{m: to, at: to.p, id: k.g.w.lastID, g: k.g, life: k.p}
}

// search asks all masters at once. The first that says it is the leader wins.
func (k *link) search() {
	k.session, k.to, k.waits = 0, nil, false
	k.patience = min(max(minPatience, 2*k.patience), maxPatience)
	k.round++
	round := k.round
	k.tries = map[uint64]*session{}
	open := len(k.g.w.masters)
	failed := func(s *session) {
		if k.tries[s.id] == nil || k.round != round {
			return
		}
		delete(k.tries, s.id)
		k.close(s)
		if open--; open == 0 {
			k.rest()
		}
	}
	for _, m := range k.g.w.masters {
		s := k.connect(m)
		k.tries[s.id] = s
		k.send(s, false, func(r wire.ReportReply, ok bool) {
			switch {
			case k.round != round || k.tries[s.id] == nil: // too late
			case ok && r.Leader == "" && r.Term > 0:
				delete(k.tries, s.id)
				k.found(s)
			default:
				failed(s)
			}
		})
	}
	k.p.after(k.patience, func() {
		if k.round == round && k.session == 0 && open > 0 {
			k.giveUp()
			k.rest()
		}
	})
}

func (k *link) giveUp() {
	for _, id := range slices.Sorted(maps.Keys(k.tries)) {
		k.close(k.tries[id])
	}
	k.tries = nil
}

// rest waits before the next search.
func (k *link) rest() {
	k.round++
	round := k.round
	k.backoff = min(max(minBackoff, 2*k.backoff), maxBackoff)
	k.p.after(k.backoff/2+k.g.w.between(0, k.backoff), func() {
		if k.round == round {
			k.search()
		}
	})
}

func (k *link) found(s *session) {
	k.giveUp()
	k.round++
	k.session, k.to, k.patience, k.backoff = s.id, s, 0, 0
	k.g.w.trace("connected", k.g.node, s.id, "")
	k.kick()
}

// close tells a master that the connection is gone.
func (k *link) close(s *session) { s.toMaster(s.hangUp) }

// end closes all connections, as the system does for a dead process.
func (k *link) end() {
	k.round++
	k.giveUp()
	if k.to != nil {
		k.close(k.to)
	}
	k.session, k.to = 0, nil
}

// closed takes the end of a connection from the other side.
func (k *link) closed(session uint64) {
	if k.session == session {
		k.search()
		return
	}
	delete(k.tries, session)
}

func (k *link) beat() {
	k.p.after(heartbeat, func() {
		k.report()
		k.beat()
	})
}

// kick reports if the table says that there is news.
func (k *link) kick() {
	if k.session == 0 || k.waits {
		return
	}
	select {
	case <-k.g.tb.Changed():
		k.report()
		return
	default:
	}
	select {
	case <-k.g.tb.Moved():
	default:
		return
	}
	if !k.soon {
		k.soon = true
		k.p.after(soonDelay, func() { k.soon = false; k.report() })
	}
}

// report tells the leader all, unless an answer is awaited: the news stays in the
// table until then.
func (k *link) report() {
	if k.session == 0 || k.waits {
		return
	}
	s := k.to
	k.waits = true
	answered := false
	k.send(s, false, func(r wire.ReportReply, ok bool) {
		if answered || k.session != s.id {
			return
		}
		answered, k.waits = true, false
		if !ok || r.Leader != "" || r.Term == 0 {
			k.close(s)
			k.search()
			return
		}
		k.kick()
	})
	k.p.after(replyTimeout, func() {
		if !answered && k.session == s.id {
			answered = true
			k.g.w.count("reports not answered")
			k.close(s)
			k.search()
		}
	})
}

// farewell is the last report.
func (k *link) farewell() {
	if k.to != nil {
		k.send(k.to, true, func(wire.ReportReply, bool) {})
	}
}

// send sends a report over a connection, and brings its answer or ok = false.
func (k *link) send(s *session, leaving bool, answer func(r wire.ReportReply, ok bool)) {
	k.seq++
	r := wire.Report{
		Groom: k.g.name, Incarnation: k.g.incarnation, Seq: k.seq, Addr: k.g.name,
		Slots: slotsEach, Cores: slotsEach, Memory: slotsEach << 30, Version: theName, Leaving: leaving,
	}
	k.g.tb.Fill(&r)
	body, err := pack.Marshal(r)
	if err != nil {
		k.g.w.fail("a report cannot be encoded: %v", err)
		return
	}
	m, w := s.m, k.g.w
	w.net.send(k.g.node, m.node, func() {
		if m.p == nil || m.p != s.at {
			s.toGroom(func() { answer(wire.ReportReply{}, false) }) // refused
			return
		}
		m.p.run(func() {
			if s.closed {
				return
			}
			m.sessions[s.id] = s
			reply, ok := m.report(s, body)
			s.toGroom(func() { answer(reply, ok) })
		})
	})
}
