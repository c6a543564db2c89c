package control

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"scalar/bsp/job"
	"scalar/bsp/wire"
	"scalar/master/fsm"
	"scalar/master/sched"
)

// Core decides what the leader does next. It has no clock, I/O or
// goroutine: events (Report, Closed, Probed, Settled, HasKeys) tell it what
// happened, Decide compares that with the replicated state and says what to do.
// The same events and states give the same Actions. It holds what one leader
// knows and Raft does not: the last report and lease of each groom, the keys of
// attempts, which groom does which work on storage. Not safe for concurrent use.
type Core struct {
	cfg   CoreConfig
	began time.Time // of this leadership

	grooms   map[string]*liveGroom
	attempts map[job.ID]*liveAttempt
	keys     map[job.ID]attemptKeys
	chores   map[choreKey]*liveChore
	dropped  map[choreKey]string  // folders of superseded checkpoints still to be removed
	strays   map[job.ID]job.Epoch // jobs with tasks that may have outlived them, and the number of the chore; 0: none yet
	late     job.Epoch            // numbers of such chores given away
	inputs   map[InputKey]inputSeen

	inflight map[string]bool      // commands proposed and not settled
	placing  int                  // of those, how many place jobs
	retry    map[string]time.Time // when a refused or failed command may be proposed again

	dirty bool       // the queue must be scheduled again
	seen  *fsm.State // the last state
	work  []*fsm.Job // of seen: the active jobs, but for those that only wait in the queue
	back  []*fsm.Job // of seen: the queued jobs that recover from a fault
	wake  time.Time  // when Decide asked to be called again, at the latest
	again time.Time  // when the queue is scheduled again though nothing has changed; zero: never
}

// CoreConfig says what a Core works with. Term, Store, Plane and the times are required.
type CoreConfig struct {
	Term  uint64 // of this leadership, in the orders
	Store string // URL without a trailing slash
	Plane wire.DataPlane

	Compression wire.Compression
	Lease       time.Duration // of a groom, from its last report, while it is connected
	Grace       time.Duration // of a lease after its connection closed
	Absence     time.Duration // of a groom that has not reported to this leader, or only in another incarnation
}

// Delays of the control loop.
const (
	linkWait   = time.Second            // for the real cause behind a lost link
	retryWait  = 200 * time.Millisecond // before a refused command is proposed again
	cleanWait  = 10 * time.Second       // for tasks to end before their folders are removed all the same
	probeAgain = 5 * time.Second        // before a groom is asked again for an input that it did not see
	oversleep  = 500 * time.Millisecond // a loop that wakes this late was asleep itself: leases start anew
)

// liveGroom is what this leader knows of a groom.
type liveGroom struct {
	session uint64 // of its connection; 0: none
	heard   bool   // it has reported to this leader
	report  wire.Report
	tasks   map[wire.TaskKey]*wire.TaskStatus // of report
	seen    time.Time                         // when report came
	lease   time.Time                         // it is lost at this time
	since   time.Time                         // when this incarnation was first heard of

	wants   groomWants    // what it should do by the last orders
	sent    map[item]bool // what of it they listed, and whether with addresses
	partial bool          // not all of it
	told    uint64        // session that they went to
	seq     uint64        // of the last orders
	seqFor  uint64        // incarnation that they were for
}

// current reports whether the groom is connected in this incarnation.
func (g *liveGroom) current(incarnation uint64) bool {
	return g != nil && g.heard && g.session != 0 && g.report.Incarnation == incarnation && !g.report.Leaving
}

// attemptKeys are the credentials of one attempt. They are nowhere else.
type attemptKeys struct {
	ca    string
	tasks []wire.Credentials
}

// Proposal is a command for Raft. Its key names the effect: while one is in
// flight, no other of its key is proposed.
type Proposal struct {
	Key string
	Cmd fsm.Command
}

// GroomOrders are new orders for the groom behind a session.
type GroomOrders struct {
	Session uint64
	Orders  wire.Orders
}

// ProbeAsk asks the groom behind a session whether it sees an input.
type ProbeAsk struct {
	Session uint64
	Key     InputKey
}

// Actions is what decide wants done.
type Actions struct {
	Commands []Proposal
	Orders   []GroomOrders
	Probes   []ProbeAsk
	Wake     time.Time // call Decide again then, at the latest; zero: on events only
}

// NewCore returns the core of a leadership that begins now and has heard of no groom.
func NewCore(cfg CoreConfig, now time.Time) *Core {
	return &Core{
		cfg: cfg, began: now,
		grooms: map[string]*liveGroom{}, attempts: map[job.ID]*liveAttempt{}, keys: map[job.ID]attemptKeys{},
		chores: map[choreKey]*liveChore{}, dropped: map[choreKey]string{}, strays: map[job.ID]job.Epoch{}, inputs: map[InputKey]inputSeen{},
		inflight: map[string]bool{}, retry: map[string]time.Time{}, dirty: true,
	}
}

// Report takes a groom's report. Reports may be repeated and come late.
func (c *Core) Report(now time.Time, session uint64, r wire.Report) error {
	g := c.grooms[r.Groom]
	if g == nil {
		g = &liveGroom{}
		c.grooms[r.Groom] = g
	}
	if g.heard && r.Incarnation < g.report.Incarnation && g.session != 0 {
		return fmt.Errorf("groom %s reports in a newer incarnation %d: stop the older process", r.Groom, g.report.Incarnation)
	}
	g.seen, g.lease = now, now.Add(c.cfg.Lease)
	if g.heard && r.Incarnation == g.report.Incarnation && r.Seq < g.report.Seq {
		return nil // it lives, but what it says here is old
	}
	if !g.current(r.Incarnation) || g.session != session {
		c.dirty = true
	}
	if !g.heard || g.report.Incarnation != r.Incarnation {
		g.since = now
	}
	g.session, g.heard, g.report = session, true, r
	g.tasks = make(map[wire.TaskKey]*wire.TaskStatus, len(r.Tasks))
	for i := range r.Tasks {
		t := &g.report.Tasks[i]
		g.tasks[t.Key] = t
		c.stray(t)
		c.collect(t)
	}
	return nil
}

// Closed says that a groom's connection is gone.
func (c *Core) Closed(now time.Time, session uint64) {
	for _, g := range c.grooms {
		if g.session == session {
			g.session = 0
			if end := now.Add(c.cfg.Grace); end.Before(g.lease) {
				g.lease = end
			}
		}
	}
}

// Settled says how a Proposal ended.
func (c *Core) Settled(now time.Time, p Proposal, ok bool) {
	delete(c.inflight, p.Key)
	if p.Cmd.Place != nil {
		c.placing--
		c.dirty = true
		if !ok {
			delete(c.keys, p.Cmd.Place.Job)
		}
	}
	if !ok {
		c.retry[p.Key] = now.Add(retryWait)
	}
}

// HasKeys stores the credentials of an attempt that is about to be proposed.
func (c *Core) HasKeys(id job.ID, ca []byte, tasks []wire.Credentials) {
	c.keys[id] = attemptKeys{string(ca), tasks}
}

// turn is one call of Decide.
type turn struct {
	*Core
	now   time.Time
	state *fsm.State
	out   Actions
	wants map[string]*groomWants
}

// Decide says what to do now.
func (c *Core) Decide(now time.Time, state *fsm.State) Actions {
	t := &turn{Core: c, now: now, state: state, wants: map[string]*groomWants{}}
	if state != c.seen {
		c.dirty, c.seen, c.work, c.back = true, state, c.work[:0], c.back[:0]
		for j := range state.Active() {
			if j.State != job.Queued || j.Spec.Timeout > 0 {
				c.work = append(c.work, j)
			}
			if j.State == job.Queued && j.Epoch > 0 {
				c.back = append(c.back, j)
			}
		}
	}
	t.checkGrooms()
	for _, j := range c.work {
		t.checkJob(j)
	}
	t.cleanStrays()
	t.forget()
	t.schedule()
	t.makeOrders()
	c.wake = t.out.Wake
	return t.out
}

// at asks to be called again at a time.
func (t *turn) at(when time.Time) {
	if t.out.Wake.IsZero() || when.Before(t.out.Wake) {
		t.out.Wake = when
	}
}

// Bounds on the commands that wait for Raft at once. Placements have one of their own:
// the scheduler waits until all of a plan have settled, so that few at a time would
// have it look at the whole cluster for each few; and however many there are, a lost
// groom does not wait behind them.
const (
	maxInflight = 64 // without placements
	maxPlacing  = 512
)

// propose asks for a command unless one of its key is on its way or was just refused.
func (t *turn) propose(key string, cmd fsm.Command) {
	if until, ok := t.retry[key]; ok {
		if t.now.Before(until) {
			t.at(until)
			return
		}
		delete(t.retry, key)
	}
	full := len(t.inflight)-t.placing >= maxInflight
	if cmd.Place != nil {
		full = t.placing >= maxPlacing
	}
	if t.inflight[key] || full { // a command that settles calls decide
		return
	}
	t.inflight[key] = true
	if cmd.Place != nil {
		t.placing++
	}
	cmd.Now = t.now
	t.out.Commands = append(t.out.Commands, Proposal{key, cmd})
}

// checkGrooms registers grooms and ends leases.
func (t *turn) checkGrooms() {
	late := !t.wake.IsZero() && t.now.Sub(t.wake) > oversleep
	for _, name := range slices.Sorted(maps.Keys(t.grooms)) {
		g := t.grooms[name]
		if late && g.session != 0 {
			g.lease = t.now.Add(t.cfg.Lease)
		}
		if !g.heard || g.session == 0 || g.report.Leaving || !t.now.Before(g.lease) {
			continue // a silent one is registered again when it reports again
		}
		facts := factsOf(g.report)
		if known, ok := t.state.Groom(name); !ok || known.Lost || known.Facts != facts {
			t.propose("register/"+name, fsm.Command{RegisterGroom: &fsm.RegisterGroom{Facts: facts}})
		}
	}
	for known := range t.state.Grooms() {
		if !known.Lost {
			t.checkLease(known.Facts.Name, known.Facts.Incarnation)
		}
	}
}

func (t *turn) checkLease(name string, incarnation uint64) {
	g := t.grooms[name]
	if g == nil {
		g = &liveGroom{lease: t.began.Add(t.cfg.Absence)} // as if it had reported when we took over
		t.grooms[name] = g
	}
	leaving := g.heard && g.report.Leaving && g.report.Incarnation == incarnation
	end := g.lease
	if g.heard && g.report.Incarnation < incarnation {
		end = g.since.Add(t.cfg.Absence) // what reports is not it: a clock went back
	}
	if !leaving && t.now.Before(end) {
		t.at(end)
		return
	}
	if g.session != 0 && g.report.Incarnation > incarnation {
		return // it is being registered
	}
	t.propose("lost/"+name, fsm.Command{GroomLost: &fsm.GroomLost{Groom: name, Incarnation: incarnation}})
}

func factsOf(r wire.Report) fsm.Facts {
	return fsm.Facts{
		Name: r.Groom, Incarnation: r.Incarnation, Addr: r.Addr, Slots: r.Slots, Cores: r.Cores,
		Memory: r.Memory, GPUs: r.GPUs, Version: r.Version,
	}
}

// checkJob advances one job.
func (t *turn) checkJob(j *fsm.Job) {
	if limit := j.Spec.Timeout; limit > 0 && j.State < job.Committing {
		end := j.Submitted.Add(limit)
		if t.now.Before(end) {
			t.at(end)
		} else {
			t.propose("timeout/"+string(j.ID), fsm.Command{TimeOut: &fsm.TimeOut{Job: j.ID, Last: t.soFar(j)}})
			if j.State == job.Queued {
				return
			}
		}
	}
	switch {
	case j.State == job.Running:
		t.checkAttempt(j)
	case j.State == job.Committing:
		t.commitOutput(j)
	case j.State.Final():
		t.clean(j)
	}
}

// schedule places what fits. While placements are in flight the free slots are
// not known, so it waits until they have settled.
func (t *turn) schedule() {
	switch {
	case t.again.IsZero():
	case t.now.Before(t.again):
		t.at(t.again)
	default:
		t.dirty = true
	}
	if !t.dirty || t.placing > 0 {
		return
	}
	t.dirty, t.again = false, time.Time{}
	t.askForInputs()
	for _, j := range t.back { // its pause ends, or it gives back its slots
		t.scheduleAt(sched.Next(j, t.now))
	}
	if !t.anyFree() {
		return // and a change of what is free makes it dirty again
	}
	picture := t.pictureOf(t.state, t.now)
	picture.Limit = maxPlacing
	plan := sched.Schedule(picture)
	for _, p := range plan.Placements {
		key := fmt.Sprintf("place/%s/%d", p.Job, p.Epoch)
		t.propose(key, fsm.Command{Place: &fsm.Place{Job: p.Job, Epoch: p.Epoch, Base: plan.Index, Tasks: p.Tasks}})
		if !t.inflight[key] {
			t.dirty = true // just refused, or too many in flight: later
		}
	}
}

// scheduleAt asks for the queue to be scheduled at a time; zero: no matter when.
func (t *turn) scheduleAt(when time.Time) {
	if when.IsZero() {
		return
	}
	if t.again.IsZero() || when.Before(t.again) {
		t.again = when
	}
	t.at(when)
}

// anyFree reports whether a job could be placed at all; it spares a long queue.
func (t *turn) anyFree() bool {
	for g := range t.state.Grooms() {
		if !g.Lost && !g.Draining && g.Facts.Slots > g.Used.Slots && t.grooms[g.Facts.Name].current(g.Facts.Incarnation) {
			return true
		}
	}
	return false
}

// pictureOf is what the scheduler sees.
func (c *Core) pictureOf(state *fsm.State, now time.Time) sched.State {
	return sched.From(state, now, c.live())
}

func (c *Core) live() sched.Live {
	return sched.Live{
		Ready: func(groom string, incarnation uint64) bool { return c.grooms[groom].current(incarnation) },
		Sees:  c.sees,
	}
}

// forget drops what is known of jobs that need no more work.
func (t *turn) forget() {
	needless := func(id job.ID) bool { return !t.active(id) }
	maps.DeleteFunc(t.attempts, func(id job.ID, _ *liveAttempt) bool { return needless(id) })
	maps.DeleteFunc(t.chores, func(key choreKey, _ *liveChore) bool {
		_, stray := t.strays[key.job]
		return needless(key.job) && !stray
	})
	maps.DeleteFunc(t.dropped, func(key choreKey, _ string) bool { return needless(key.job) })
	// Keys of a placement in flight belong to a job that is still queued.
	maps.DeleteFunc(t.keys, func(id job.ID, _ attemptKeys) bool {
		j, ok := t.state.Job(id)
		return !ok || j.State != job.Queued && j.State != job.Running
	})
	maps.DeleteFunc(t.retry, func(_ string, until time.Time) bool { return t.now.Sub(until) > time.Minute })
}

// active reports whether the job is one that State.Active walks.
func (t *turn) active(id job.ID) bool {
	j, ok := t.state.Job(id)
	return ok && !j.Clean
}
