package sim

import (
	"fmt"
	"slices"
	"time"

	"scalar/bsp/job"
	"scalar/bsp/wire"
	"scalar/groom/table"
	"scalar/master/control"
	"scalar/master/fsm"
)

// asks notes a request.
func (c *checker) asks(r *request) { c.requests[r.id] = r }

// answered checks that a request has one answer, and that what was acknowledged is.
func (c *checker) answered(r *request, result fsm.Result) {
	if r.acked && (result.Code != r.result.Code || result.Job != r.result.Job) {
		c.w.fail("request %s was answered %+v and then %+v", r.id, r.result, result)
	}
	if r.cmd.Submit == nil || r.acked {
		return
	}
	if result.Code != 0 {
		c.w.fail("submission %s is refused: %+v", r.id, result)
		return
	}
	c.w.count("submissions acknowledged")
	if id := c.made[r.id]; id != result.Job {
		c.w.fail("submission %s is acknowledged as %s, but made %q", r.id, result.Job, id)
	}
}

// begins checks what a task is to begin with.
func (c *checker) begins(l *life) {
	j, ok := c.state.Job(l.key.Job)
	if !ok || j.Epoch != l.key.Epoch || j.State != job.Running {
		c.w.count("tasks begun for an attempt that was over")
		return
	}
	c.w.count("tasks begun")
	restore, want := l.task.Order.Start.Restore, j.Checkpoints
	switch {
	case restore == nil && len(want) == 0:
	case restore == nil || len(want) == 0 || restore.Superstep != want[0].Superstep || restore.Epoch != want[0].Epoch || len(restore.Files) != j.Peers:
		c.w.fail("task %d of %s begins epoch %d from %+v instead of the committed %+v", l.key.Task, j.ID, j.Epoch, restore, want)
	default:
		c.w.count("tasks resumed from a checkpoint")
	}
}

// committed checks an output at the moment when it becomes visible.
func (c *checker) committed(k *table.Work, out output) {
	j, ok := c.state.Job(k.Order.Job)
	switch {
	case !ok || j.Epoch != k.Order.Epoch:
		c.w.fail("the output of epoch %d of %s is committed, the newest is %d", k.Order.Epoch, k.Order.Job, j.Epoch)
		return
	case j.State == job.Failed && j.Failure.Kind == job.FaultOutput: // docs/architecture.md, limits: the second committer failed, then the first was done
		c.w.count("outputs of failed jobs by a slow committer")
	case j.State != job.Committing:
		c.w.fail("the output of %s is committed while it is %s", j.ID, j.State)
	}
	want := planOf(j.Spec.Args).undisturbed(j.Peers)
	if len(out.files) != len(want) {
		c.w.fail("the output of %s has %d parts for %d peers", j.ID, len(out.files), len(want))
	}
	for i, v := range want {
		if f := out.files[partName(i)]; f.value != v || f.epoch != j.Epoch {
			c.w.fail("part %d of %s is %x of epoch %d, undisturbed %x of epoch %d", i, j.ID, f.value, f.epoch, v, j.Epoch)
		}
	}
}

// reigns notes that a master serves as the leader from now on.
func (c *checker) reigns(m *master) {
	for other := range c.leads {
		if other.core != nil && other != m && other.term >= m.term {
			c.w.fail("master %d leads in term %d, and master %d in term %d before", m.node, m.term, other.node, other.term)
		}
	}
	c.reign++
	c.leads[m] = &reign{since: c.w.now, heard: map[string]hearing{}}
}

func (c *checker) heard(m *master, r wire.Report) {
	at := c.w.now
	if r.Leaving {
		at -= leaseTime // is lost at once
	}
	c.leads[m].heard[r.Groom] = hearing{at, r.Incarnation}
}

func (c *checker) resumes(p *proc) { c.resumed[p] = c.w.now }

// decided looks at what a leader does right after it has decided.
func (c *checker) decided(m *master, todo control.Actions) {
	c.w.count("decisions")
	for _, p := range todo.Commands {
		m.asked[p.Key] = c.w.now
	}
	c.checkLeases(m, loopSlack)
}

// checkLeases: a leader has proposed the loss of every groom that was silent for
// longer than its lease.
func (c *checker) checkLeases(m *master, slack time.Duration) {
	r := c.leads[m]
	if len(m.asked) >= 64 { // as many as may be on their way
		return
	}
	for g := range m.state.Grooms() {
		name := g.Facts.Name
		h := r.heard[name]
		base := max(r.since, h.at, c.resumed[m.p]+time.Second)
		if g.Lost || c.w.now-base <= leaseTime+slack || h.incarnation > g.Facts.Incarnation {
			continue
		}
		if _, asked := m.asked["lost/"+name]; asked {
			continue
		}
		if c.w.now-m.refused["lost/"+name] < 300*time.Millisecond {
			continue
		}
		c.w.fail("groom %s was silent for %v and leader %d has done nothing about it", name, c.w.now-base, m.node)
	}
}

// checkTasks: a groom that is connected to the leader runs no task of an attempt that
// is over for long.
func (c *checker) checkTasks(g *groom) {
	if g.p == nil || g.p.stopped || g.link.to == nil || g.link.to.m.core == nil || g.link.to.m.p.stopped {
		clear(g.astray)
		return
	}
	for _, l := range g.lives {
		j, ok := c.state.Job(l.key.Job)
		if l.fenced || l.spoke || ok && j.Epoch == l.key.Epoch && j.State == job.Running {
			delete(g.astray, l.key)
			continue
		}
		since, known := g.astray[l.key]
		if !known {
			g.astray[l.key] = c.w.now
		} else if c.w.now-since > astrayTime {
			c.w.fail("groom %s runs task %d of epoch %d of job %s %v after its end", g.name, l.key.Task, l.key.Epoch, l.key.Job, c.w.now-since)
		}
	}
	if len(g.astray) > 0 && len(g.lives) == 0 {
		clear(g.astray)
	}
}

// settled says what still moves; "": nothing.
func (c *checker) settled() string {
	for _, cl := range c.w.clients {
		if cl.open > 0 {
			return fmt.Sprintf("client %d waits for %d answers", cl.id, cl.open)
		}
	}
	for j := range c.state.Active() {
		return fmt.Sprintf("job %s is %s in epoch %d since %v, cleaned: %t, failure %+v", j.ID, j.State, j.Epoch, c.state.Now.Sub(j.Queued), j.Clean, j.Failure)
	}
	for g := range c.state.Grooms() {
		if g.Lost || g.Used != (fsm.Claim{}) || g.Draining {
			return fmt.Sprintf("groom %s: lost %t, draining %t, used %+v", g.Facts.Name, g.Lost, g.Draining, g.Used)
		}
	}
	for _, g := range c.w.grooms {
		if len(g.lives) > 0 {
			return fmt.Sprintf("groom %s runs task %v", g.name, g.lives[0].key)
		}
	}
	for _, m := range c.w.masters {
		if m.raft.applied != c.index {
			return fmt.Sprintf("master %d has applied %d of %d", m.node, m.raft.applied, c.index)
		}
	}
	return c.w.store.left()
}

// roundEnd compares the masters, and forgets what a round was about.
func (c *checker) roundEnd() {
	if c.w.err != nil {
		return
	}
	var first []byte
	for _, m := range c.w.masters {
		b := encode(c.w, m.state)
		if first == nil {
			first = b
		}
		if !slices.Equal(b, first) {
			c.w.fail("the states of masters 0 and %d differ at index %d", m.node, c.index)
		}
	}
	for id, r := range c.requests {
		if r.acked && r.cmd.Submit != nil && r.result.Code == 0 {
			if _, ok := c.state.Job(r.result.Job); !ok {
				c.w.fail("the acknowledged job %s of request %s is gone", r.result.Job, id)
			}
		}
	}
	clear(c.requests)
	clear(c.w.gangs)
	clear(c.sums)
	clear(c.jobs)
	clear(c.stopping)
	clear(c.killed)
	c.w.store.clear()
	clear(c.resumed)
	c.w.trace("round ends", -1, c.index, "")
}
