package sim

import (
	"fmt"
	"strconv"
	"time"

	"scalar/bsp/job"
	"scalar/master/fsm"
)

// client is somebody who submits jobs, stops some, and drains grooms. What was not
// answered is asked again under the same request id, at any master.
type client struct {
	w      *World
	node   int
	id     int
	until  time.Duration
	serial int
	open   int // requests not yet answered
	leader int // as last told
}

// request is one write and what became of it.
type request struct {
	id     string
	cmd    fsm.Command
	spec   job.Spec
	tries  int
	acked  bool
	result fsm.Result
}

const (
	callTimeout = 3 * time.Second
	maxTries    = 40 // then the client gives up, and does not know
)

func newClient(w *World, node, id int) *client { return &client{w: w, node: node, id: id} }

// start has the client work until a time.
func (c *client) start(until time.Duration) {
	c.until = until
	c.think()
}

func (c *client) think() {
	c.w.after(c.w.between(time.Second, 40*time.Second), func() {
		if c.w.now >= c.until {
			return
		}
		c.act()
		c.think()
	})
}

func (c *client) act() {
	switch n := c.w.rng.IntN(20); {
	case n < 15:
		c.submit()
	case n < 17:
		c.stop()
	default:
		c.drain(c.w.grooms[c.w.rng.IntN(len(c.w.grooms))].name, n < 19)
	}
}

func (c *client) name() string {
	c.serial++
	return "r" + strconv.Itoa(c.id) + "-" + strconv.Itoa(c.serial)
}

// submit asks for a job like those that people have: most are plain, some have a
// program that fails, too little time, an input, or an output that exists.
func (c *client) submit() {
	rng := c.w.rng
	p := plan{
		request: c.name(), seed: rng.Uint64(), supersteps: 1 + rng.IntN(60),
		step: c.w.between(20*time.Millisecond, 900*time.Millisecond),
	}
	spec := job.Spec{
		Name: theName, Program: job.Program{Name: theName, Builtin: theName}, Peers: rng.IntN(9), Priority: rng.IntN(3) - 1,
		CheckpointEvery: rng.IntN(12),
	}
	if spec.Peers > 0 && rng.IntN(2) == 0 {
		least := (spec.Peers + slotsEach - 1) / slotsEach // that fit
		spec.Tasks = least + rng.IntN(min(spec.Peers, 5)-least+1)
	}
	switch rng.IntN(20) {
	case 0, 1:
		p.bug = 1 + rng.IntN(p.supersteps)
	case 2:
		spec.Timeout = c.w.between(5*time.Second, 2*time.Minute)
	case 3, 4:
		spec.Input = "file:///in/" + strconv.Itoa(rng.IntN(5))
		spec.Peers, spec.Tasks = 1+rng.IntN(slotsEach), 0 // one groom sees it for sure
	case 5:
		spec.Output = "file:///out/shared-" + strconv.Itoa(rng.IntN(40))
	case 6:
		spec.MaxAttempts = 1 + rng.IntN(8)
	}
	spec.Args = p.args()
	c.call(&request{id: p.request, spec: spec, cmd: fsm.Command{Submit: &fsm.Submit{Spec: spec, Results: storeURL + "/results"}}})
}

// stop asks for the end of a job that was submitted lately.
func (c *client) stop() {
	last := c.w.check.state.LastJob
	if last == 0 {
		return
	}
	number := last - min(last-1, c.w.rng.Uint64N(4))
	id := job.ID(fmt.Sprintf("sim-%d", number))
	c.w.check.stopping[id] = true
	c.call(&request{id: c.name(), cmd: fsm.Command{Stop: &fsm.Stop{Job: id, By: "client"}}})
}

func (c *client) drain(groom string, on bool) {
	c.w.count("drains and undrains")
	c.call(&request{id: c.name(), cmd: fsm.Command{Drain: &fsm.Drain{Groom: groom, On: on}}})
}

// call sends a request until it is answered.
func (c *client) call(r *request) {
	c.open++
	r.cmd.RequestID = r.id
	c.w.check.asks(r)
	c.try(r)
}

func (c *client) try(r *request) {
	r.tries++
	if r.tries > maxTries && c.w.now < c.until {
		c.w.count("requests given up")
		c.open--
		return
	}
	if r.tries > 1 {
		c.w.count("requests repeated")
	}
	to := c.leader
	if r.tries > 1 && c.w.chance(0.5) {
		to = c.w.rng.IntN(len(c.w.masters))
	}
	m, over := c.w.masters[to], false
	again := func() {
		if !over {
			over = true
			c.w.after(c.w.between(50*time.Millisecond, 500*time.Millisecond), func() { c.try(r) })
		}
	}
	c.w.after(callTimeout, again)
	c.w.net.send(c.node, to, func() {
		if m.p == nil {
			return
		}
		m.p.run(func() {
			m.serve(r.cmd, func(result fsm.Result, leader int, ok bool) {
				c.w.net.send(m.node, c.node, func() {
					if leader >= 0 {
						c.leader = leader
					}
					if !ok {
						again()
						return
					}
					// An answer that comes late is an answer, whatever was asked since.
					over = true
					c.answered(r, result)
				})
			})
		})
	})
}

func (c *client) answered(r *request, result fsm.Result) {
	c.w.check.answered(r, result)
	if r.acked {
		return
	}
	if r.tries <= maxTries || c.w.now >= c.until {
		c.open--
	}
	r.acked, r.result = true, result
}

// serve answers a client's write as a master does.
func (m *master) serve(cmd fsm.Command, answer func(result fsm.Result, leader int, ok bool)) {
	if m.core == nil {
		answer(fsm.Result{}, m.raft.leader, false)
		return
	}
	cmd.Now = m.clock()
	m.propose(cmd, func(result fsm.Result, ok bool) { answer(result, m.node, ok) })
}
