package sim

import (
	"bytes"
	"maps"
	"slices"
	"strconv"
	"time"

	"scalar/bsp/wire"
	"scalar/internal/pack"
	"scalar/master/control"
	"scalar/master/fsm"
)

// master is a node that masters run on, one life after another. Of one only what is
// kept on its disk comes into the next.
type master struct {
	w    *World
	node int
	skew time.Duration // of its clock
	disk disk

	p        *proc // nil: down
	raft     *raft
	state    *fsm.State
	sessions map[uint64]*session

	core    *control.Core            // nil: not serving as the leader
	term    uint64                   // of core
	began   time.Duration            // when core began
	origin  time.Time                // what the clock of the state showed then
	awake   bool                     // a decision is on its way
	wakeAt  time.Duration            // when the next one is due; 0: on events only
	asked   map[string]time.Duration // proposals on their way
	refused map[string]time.Duration // those that were refused, and when
}

const (
	leaseTime = 3 * time.Second
	graceTime = time.Second
	storeURL  = "file:///store"
)

func newMaster(w *World, node int) *master {
	m := &master{w: w, node: node, skew: w.between(-20*time.Minute, 20*time.Minute)}
	m.disk = disk{w: w, m: m, kept: kept{vote: -1}}
	return m
}

// start begins a life.
func (m *master) start() {
	if m.p != nil {
		return
	}
	m.p = &proc{w: m.w}
	m.sessions = map[uint64]*session{}
	m.state = fsm.New()
	if m.disk.snap != nil {
		m.state = decode(m.w, m.disk.snap)
	}
	m.disk.freeAt = 0
	m.awake, m.wakeAt = false, 0
	m.raft = newRaft(m, m.p)
	m.w.trace("master starts", m.node, m.raft.d.term, "")
}

// crash ends the life at once. What was not on disk is lost; the system closes its
// connections.
func (m *master) crash() {
	if m.p == nil {
		return
	}
	m.w.trace("master dies", m.node, m.raft.d.term, "")
	m.p.dead = true
	m.p = nil
	if m.disk.last() > m.raft.synced {
		m.disk.truncate(m.raft.synced)
	}
	m.core, m.raft = nil, nil
	for _, id := range slices.Sorted(maps.Keys(m.sessions)) {
		m.sessions[id].hangUp()
	}
}

// tell has f called by another master's Raft.
func (m *master) tell(to int, f func(*raft)) {
	m.w.net.send(m.node, to, func() {
		if target := m.w.masters[to]; target.p != nil {
			target.p.run(func() { f(target.raft) })
		}
	})
}

// wall is what the machine's clock shows.
func (m *master) wall() time.Time { return epochStart.Add(m.w.now + m.skew) }

// clock is the clock of the state while this master leads, as package master has it:
// it begins at the state's time or the machine's, whichever is later.
func (m *master) clock() time.Time { return m.origin.Add(m.w.now - m.began) }

// reignBegins makes this master serve: all that was committed before is applied.
func (m *master) reignBegins(term uint64) {
	m.origin, m.began = m.wall(), m.w.now
	if m.state.Now.After(m.origin) {
		m.origin = m.state.Now
	}
	if m.state.Cluster == "" {
		m.propose(fsm.Command{Now: m.clock(), Bootstrap: &fsm.Bootstrap{Cluster: theName}}, func(_ fsm.Result, ok bool) {
			if ok && m.raft.role == leading && m.raft.d.term == term {
				m.reignBegins(term)
			}
		})
		return
	}
	m.term, m.asked, m.refused = term, map[string]time.Duration{}, map[string]time.Duration{}
	m.core = control.NewCore(control.CoreConfig{Term: term, Store: storeURL, Plane: wire.PlaneTLS, Lease: leaseTime, Grace: graceTime}, m.clock())
	m.w.check.reigns(m)
	m.w.trace("reigns", m.node, term, "")
	m.wake()
}

func (m *master) reignEnds() {
	m.core = nil
	m.wakeAt = 0
}

func (m *master) propose(c fsm.Command, done func(fsm.Result, bool)) {
	b, err := c.Encode()
	if err != nil {
		m.w.fail("a command cannot be encoded: %v", err)
		return
	}
	m.raft.propose(b, done)
}

// wake has the leader decide soon.
func (m *master) wake() {
	if m.core == nil || m.awake {
		return
	}
	m.awake = true
	m.p.after(m.w.between(10*time.Microsecond, 300*time.Microsecond), func() { m.awake = false; m.decide() })
}

// decide does what control.Plane's loop does once.
func (m *master) decide() {
	core := m.core
	if core == nil {
		return
	}
	now := m.clock()
	todo := core.Decide(now, m.state)
	m.w.check.decided(m, todo)
	for _, o := range todo.Orders {
		if s := m.sessions[o.Session]; s != nil {
			s.give(o.Orders)
		}
	}
	for _, p := range todo.Commands {
		m.carry(core, p)
	}
	for _, p := range todo.Probes {
		m.probe(core, p)
	}
	if todo.Wake.IsZero() {
		return
	}
	at := m.w.now + max(0, todo.Wake.Sub(now))
	if m.wakeAt > m.w.now && m.wakeAt <= at {
		return
	}
	m.wakeAt = at
	m.p.after(at-m.w.now, func() {
		if m.wakeAt == at {
			m.wakeAt = 0
		}
		m.wake()
	})
}

// carry proposes one command; a placement gets its certificates first.
func (m *master) carry(core *control.Core, p control.Proposal) {
	sent := p.Cmd
	if p.Cmd.Place != nil {
		place := *p.Cmd.Place
		place.CA = []byte("CA " + string(place.Job) + " " + m.w.serial())
		keys := make([]wire.Credentials, len(place.Tasks))
		for i := range keys {
			keys[i] = wire.Credentials{CA: place.CA, Cert: []byte{1}, Key: []byte{2}}
		}
		core.HasKeys(place.Job, place.CA, keys)
		sent.Place = &place
	}
	m.propose(sent, func(r fsm.Result, ok bool) {
		if m.core != core {
			return
		}
		delete(m.asked, p.Key)
		if !ok || r.Err() != nil {
			m.refused[p.Key] = m.w.now
		}
		core.Settled(m.clock(), p, ok && r.Err() == nil)
		m.wake()
	})
}

// session is a groom's connection as a master has it.
type session struct {
	m      *master
	at     *proc // of the master
	id     uint64
	g      *groom
	life   *proc // of the groom
	closed bool  // here
	orders *wire.Orders
	calls  bool // orders are on their way
}

const pushTimeout, probeTimeout = 10 * time.Second, 5 * time.Second

// hangUp closes the connection from here.
func (s *session) hangUp() {
	s.closed = true
	delete(s.m.sessions, s.id)
	if s.m.core != nil {
		s.m.core.Closed(s.m.clock(), s.id)
		s.m.wake()
	}
	s.toGroom(func() { s.g.link.closed(s.id) })
}

func (s *session) toGroom(do func()) {
	s.m.w.net.send(s.m.node, s.g.node, func() { s.life.run(do) })
}

// toMaster has do called in the master's process, if the connection is still there.
func (s *session) toMaster(do func()) {
	s.m.w.net.send(s.g.node, s.m.node, func() {
		if s.at != nil {
			s.at.run(func() {
				if s.m.sessions[s.id] == s {
					do()
				}
			})
		}
	})
}

// give replaces the orders to be pushed, and pushes unless some are on their way.
func (s *session) give(o wire.Orders) {
	s.orders = &o
	if !s.calls {
		s.push()
	}
}

func (s *session) push() {
	if s.orders == nil {
		return
	}
	body, err := pack.Marshal(*s.orders)
	if err != nil {
		s.m.w.fail("orders cannot be encoded: %v", err)
		return
	}
	s.orders, s.calls = nil, true
	answered := false
	s.toGroom(func() {
		s.g.order(body)     // what was on its way when the connection closed is served too
		s.toMaster(func() { // refused or not: stale orders are no reason to part
			if !answered {
				answered, s.calls = true, false
				s.push()
			}
		})
	})
	s.m.p.after(pushTimeout, func() {
		if !answered && s.m.sessions[s.id] == s {
			answered = true
			s.m.w.count("orders not taken")
			s.hangUp()
		}
	})
}

// serial returns a number that was never used before.
func (w *World) serial() string {
	w.lastID++
	return strconv.FormatUint(w.lastID, 10)
}

// probe asks a groom for an input.
func (m *master) probe(core *control.Core, p control.ProbeAsk) {
	answered := false
	answer := func(present bool) {
		if !answered && m.core == core {
			core.Probed(m.clock(), p.Key, present)
			m.wake()
		}
		answered = true
	}
	m.p.after(probeTimeout, func() { answer(false) })
	if s := m.sessions[p.Session]; s != nil {
		s.toGroom(func() {
			present := s.g.sees(p.Key.Input)
			s.toMaster(func() { answer(present) })
		})
	}
}

// report takes a groom's report and answers it, as control.Plane does.
func (m *master) report(s *session, body []byte) (reply wire.ReportReply, ok bool) {
	var r wire.Report
	if err := pack.Unmarshal(body, &r); err != nil {
		m.w.fail("a report cannot be read: %v", err)
		return reply, false
	}
	if m.core == nil {
		if leader := m.raft.leader; leader >= 0 && leader != m.node {
			return wire.ReportReply{Cluster: m.state.Cluster, Leader: string(rune('0' + leader))}, true
		}
		return reply, false
	}
	if err := m.core.Report(m.clock(), s.id, r); err != nil {
		return reply, false
	}
	m.w.check.heard(m, r)
	m.wake()
	return wire.ReportReply{Cluster: m.state.Cluster, Term: m.term}, true
}

func encode(w *World, s *fsm.State) []byte {
	var b bytes.Buffer
	if err := s.Encode(&b); err != nil {
		w.fail("a state cannot be encoded: %v", err)
	}
	return b.Bytes()
}

func decode(w *World, b []byte) *fsm.State {
	s, err := fsm.Restore(bytes.NewReader(b))
	if err != nil {
		w.fail("a snapshot cannot be read: %v", err)
		return fsm.New()
	}
	return s
}
