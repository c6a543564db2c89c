package sim

import (
	"slices"
	"time"

	"scalar/bsp/job"
	"scalar/bsp/wire"
)

// chaos breaks things at random, and mends each after a while.
type chaos struct {
	w     *World
	until time.Duration
	undo  []func() // of the faults that last; each does its work once
}

// start breaks things until a time.
func (c *chaos) start(until time.Duration) {
	c.until = until
	c.next()
}

func (c *chaos) next() {
	c.w.after(c.w.between(500*time.Millisecond, 25*time.Second), func() {
		if c.w.now >= c.until {
			return
		}
		c.strike()
		if c.w.chance(0.15) { // seldom alone
			c.strike()
		}
		c.next()
	})
}

// heal mends everything.
func (c *chaos) heal() {
	undo := c.undo
	c.undo = nil
	for _, f := range undo {
		f()
	}
	for _, m := range c.w.masters {
		m.start()
	}
	for _, g := range c.w.grooms {
		g.start()
	}
	c.w.trace("healed", -1, 0, "")
	c.undrain(c.w.now + settleTime)
}

// undrain lets all grooms take tasks again, once what clients asked for is done.
func (c *chaos) undrain(until time.Duration) {
	if c.w.now >= until {
		return
	}
	if !slices.ContainsFunc(c.w.clients, func(k *client) bool { return k.open > 0 }) {
		asked := false
		for g := range c.w.check.state.Grooms() {
			if g.Draining {
				asked = true
				c.w.clients[0].drain(g.Facts.Name, false)
			}
		}
		if !asked {
			return
		}
	}
	c.w.after(time.Second, func() { c.undrain(until) })
}

// lasts has a fault mended after a while of up to limit.
func (c *chaos) lasts(limit time.Duration, mend func()) {
	over := false
	once := func() {
		if !over {
			over = true
			mend()
		}
	}
	c.undo = append(c.undo, once)
	c.w.after(c.w.between(limit/20, limit), once)
}

func (c *chaos) strike() {
	faults := []struct {
		weight int
		do     func()
	}{
		{6, c.crashMaster},
		{1, c.crashMasters},
		{6, c.crashGroom},
		{2, c.leaveGroom},
		{3, c.stopMaster},
		{4, c.stopGroom},
		{6, c.isolate},
		{4, c.oneWay},
		{4, c.split},
		{4, c.badNetwork},
		{4, c.badMasterDisk},
		{4, c.badGroomDisk},
		{2, c.badStore},
		{2, c.w.store.damage},
		{6, c.killTask},
		{2, c.loseLink},
		{4, c.repeatOrders},
	}
	sum := 0
	for _, f := range faults {
		sum += f.weight
	}
	n := c.w.rng.IntN(sum)
	for _, f := range faults {
		if n -= f.weight; n < 0 {
			f.do()
			return
		}
	}
}

func (c *chaos) note(what string, node int) {
	c.w.count("fault: " + what)
	c.w.trace("fault", node, 0, what)
}

func (c *chaos) master() *master {
	if c.w.chance(0.5) { // the leader is the one that matters
		for _, m := range c.w.masters {
			if m.core != nil {
				return m
			}
		}
	}
	return c.w.masters[c.w.rng.IntN(len(c.w.masters))]
}

func (c *chaos) groom() *groom { return c.w.grooms[c.w.rng.IntN(len(c.w.grooms))] }

func (c *chaos) crashMaster() {
	m := c.master()
	c.note("master killed", m.node)
	m.crash()
	c.lasts(20*time.Second, m.start)
}

// crashMasters kills a majority, or all.
func (c *chaos) crashMasters() {
	n := len(c.w.masters)/2 + 1 + c.w.rng.IntN(len(c.w.masters)/2+1)
	c.note("most masters killed", n)
	for _, i := range c.w.rng.Perm(len(c.w.masters))[:n] {
		m := c.w.masters[i]
		m.crash()
		c.lasts(20*time.Second, m.start)
	}
}

func (c *chaos) crashGroom() {
	g := c.groom()
	c.note("groom killed", g.node)
	g.crash()
	c.lasts(15*time.Second, g.start)
}

func (c *chaos) leaveGroom() {
	g := c.groom()
	c.note("groom ended in order", g.node)
	g.leave()
	c.lasts(30*time.Second, g.start)
}

func (c *chaos) stopMaster() {
	m := c.master()
	c.note("master stopped for a while", m.node)
	c.stop(m.p, 12*time.Second)
}

func (c *chaos) stopGroom() {
	g := c.groom()
	c.note("groom stopped for a while", g.node)
	c.stop(g.p, 12*time.Second)
}

func (c *chaos) stop(p *proc, limit time.Duration) {
	if p == nil || p.stopped {
		return
	}
	p.stopped = true
	c.lasts(limit, func() {
		c.w.check.resumes(p)
		p.resume()
	})
}

// cut parts two sets of nodes for a while, in one direction or in both.
func (c *chaos) cut(a, b []int, both bool) {
	c.w.net.part(a, b, 1)
	if both {
		c.w.net.part(b, a, 1)
	}
	c.lasts(time.Minute, func() {
		c.w.net.part(a, b, -1)
		if both {
			c.w.net.part(b, a, -1)
		}
	})
}

func (c *chaos) nodes() (all []int) {
	for i := range c.w.net.cut {
		all = append(all, i)
	}
	return all
}

// isolate cuts one node off from all others.
func (c *chaos) isolate() {
	node := c.groom().node
	if c.w.chance(0.5) {
		node = c.master().node
	}
	c.note("node cut off", node)
	c.cut([]int{node}, c.nodes(), true)
}

// oneWay cuts one direction between two nodes, or from one to all.
func (c *chaos) oneWay() {
	all := c.nodes()
	c.w.rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	c.note("one direction cut", all[0])
	if c.w.chance(0.3) {
		c.cut(all[:1], all[1:], false)
		return
	}
	c.cut(all[:1], all[1:2], false)
}

// split parts the nodes into two halves.
func (c *chaos) split() {
	all := c.nodes()
	c.w.rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	n := 1 + c.w.rng.IntN(len(all)-1)
	c.note("network split", n)
	c.cut(all[:n], all[n:], c.w.chance(0.7))
}

// badNetwork loses, doubles and delays messages.
func (c *chaos) badNetwork() {
	c.note("bad network", -1)
	n := c.w.net
	n.loss, n.dup, n.late = c.w.rng.Float64()*0.1, c.w.rng.Float64()*0.1, c.w.rng.Float64()*0.2
	c.lasts(40*time.Second, func() { n.loss, n.dup, n.late = 0, 0, 0 })
}

func (c *chaos) badMasterDisk() {
	d := &c.master().disk
	switch c.w.rng.IntN(3) {
	case 0:
		c.note("master's disk fails", d.m.node)
		d.failing = true
	case 1:
		c.note("master's disk hangs", d.m.node)
		d.hanging = true
	default:
		c.note("master's disk is slow", d.m.node)
		d.slow = c.w.between(20*time.Millisecond, 400*time.Millisecond)
	}
	c.lasts(15*time.Second, func() { d.failing, d.hanging, d.slow = false, false, 0 })
}

func (c *chaos) badGroomDisk() {
	g := c.groom()
	c.note("groom's disk fails", g.node)
	g.bad = true
	c.lasts(30*time.Second, func() { g.bad = false })
}

func (c *chaos) badStore() {
	c.note("store fails", -1)
	c.w.store.bad = true
	c.lasts(10*time.Second, func() { c.w.store.bad = false })
}

// task returns one that works, of a random groom.
func (c *chaos) task() *life {
	for _, i := range c.w.rng.Perm(len(c.w.grooms)) {
		for _, l := range c.w.grooms[i].lives {
			if l.phase == wire.Working && !l.spoke && !l.fenced {
				return l
			}
		}
	}
	return nil
}

func (c *chaos) killTask() {
	l := c.task()
	if l == nil {
		return
	}
	c.note("task killed", l.g.node)
	c.w.check.killed[l.key.Job]++
	l.p.run(func() { l.die(job.Fail(job.FaultProgram, "task %d was killed by signal 9", l.key.Task)) })
}

// repeatOrders has orders come again that a groom has had long ago, maybe of a leader
// before.
func (c *chaos) repeatOrders() {
	g := c.groom()
	if g.p == nil || len(g.past) == 0 {
		return
	}
	c.note("orders come again", g.node)
	body := g.past[c.w.rng.IntN(len(g.past))]
	g.p.run(func() { g.order(body) })
}

func (c *chaos) loseLink() {
	l := c.task()
	if l == nil {
		return
	}
	c.note("link broken", l.g.node)
	l.gang.broken = true
	l.p.run(func() { l.loses("link to task %d: connection reset", 0) })
}
