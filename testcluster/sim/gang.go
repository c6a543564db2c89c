package sim

import (
	"time"

	"scalar/bsp/job"
	"scalar/bsp/wire"
)

type gangKey struct {
	job   job.ID
	epoch job.Epoch
}

// gang is the tasks of one attempt as they see each other: they compute superstep by
// superstep while all of them work and reach each other.
type gang struct {
	w         *World
	key       gangKey
	plan      plan
	every     int // supersteps between checkpoints; 0: by time
	members   []*life
	met       int
	superstep int
	saved     time.Duration // when the last checkpoint was taken
	apart     time.Duration // since when two of them do not reach each other; 0: they do
	broken    bool          // a task is lost: there is no further superstep
}

// The times of tasks' links.
const (
	linkPatience    = 5 * time.Second // with a peer that is silent
	checkpointEvery = 30 * time.Second
)

// gangOf returns the gang of a new task.
func (w *World) gangOf(start wire.TaskStart) *gang {
	key := gangKey{start.Key.Job, start.Key.Epoch}
	g := w.gangs[key]
	if g == nil {
		g = &gang{w: w, key: key, plan: planOf(start.Args), every: start.CheckpointEvery, members: make([]*life, len(start.Ranges)), saved: w.now}
		w.gangs[key] = g
	}
	return g
}

// join adds a task that works. The last one has them begin.
func (g *gang) join(l *life) {
	if g.members[l.key.Task] != nil {
		g.w.fail("task %d of %s runs twice in epoch %d", l.key.Task, g.key.job, g.key.epoch)
		return
	}
	g.members[l.key.Task] = l
	g.met++
	if g.broken {
		g.w.after(g.w.between(10*time.Millisecond, time.Second), func() { l.p.run(func() { l.loses("no link to task %d", 0) }) })
		return
	}
	if g.met < len(g.members) {
		return
	}
	g.superstep = g.members[0].from
	for _, m := range g.members {
		if m.from != g.superstep {
			g.w.fail("the tasks of %s begin epoch %d at supersteps %d and %d", g.key.job, g.key.epoch, g.superstep, m.from)
		}
	}
	g.w.after(g.plan.step, g.step)
}

// lost says that a task ended before its last word.
func (g *gang) lost(gone *life, why string) {
	if g.members[gone.key.Task] == nil {
		g.met++
		g.members[gone.key.Task] = gone
	}
	g.broken = true
	for _, l := range g.members {
		if l == nil || l == gone {
			continue
		}
		g.w.after(g.w.between(10*time.Millisecond, time.Second), func() {
			l.p.run(func() { l.loses(why, gone.key.Task) })
		})
	}
}

// step ends a superstep, if all tasks come to its barrier.
func (g *gang) step() {
	if g.broken {
		return
	}
	for _, l := range g.members {
		if l.p.stopped { // the others wait at the barrier
			g.w.after(100*time.Millisecond, g.step)
			return
		}
	}
	if a, b := g.separated(); a >= 0 {
		g.wait(a, b)
		return
	}
	g.apart = 0
	g.compute()
	if g.plan.bug == g.superstep {
		g.w.count("program faults")
		g.members[0].die(job.Fail(job.FaultProgram, "task 0 exited with code 2"))
		return
	}
	for _, l := range g.members {
		l.progress(g.superstep)
	}
	if g.superstep == g.plan.supersteps {
		for _, l := range g.members {
			l.finish(g.superstep)
		}
		return
	}
	if g.every > 0 && g.superstep%g.every == 0 || g.every == 0 && g.w.now-g.saved >= checkpointEvery {
		g.saved = g.w.now
		for _, l := range g.members {
			l.save(g.superstep)
		}
	}
	g.w.after(g.plan.step, g.step)
}

// separated returns two tasks that do not reach each other, or -1.
func (g *gang) separated() (a, b int) {
	for i, l := range g.members {
		for j, m := range g.members {
			if !g.w.net.reaches(l.g.node, m.g.node) {
				return i, j
			}
		}
	}
	return -1, -1
}

// wait lets tasks that do not reach each other give up after a while.
func (g *gang) wait(a, b int) {
	if g.apart == 0 {
		g.apart = g.w.now
	}
	if g.w.now-g.apart < linkPatience {
		g.w.after(200*time.Millisecond, g.step)
		return
	}
	g.broken = true
	l, m := g.members[a], g.members[b]
	l.p.run(func() { l.loses("link to task %d: timed out", b) })
	m.p.run(func() { m.loses("link to task %d: timed out", a) })
}

// compute is one superstep: every peer mixes its value with its neighbour's.
func (g *gang) compute() {
	g.superstep++
	old := make([]uint64, 0, 16)
	for _, l := range g.members {
		old = append(old, l.values...)
	}
	i := 0
	for _, l := range g.members {
		for k := range l.values {
			l.values[k] = mix(old[i], old[(i+1)%len(old)], g.superstep)
			i++
		}
	}
}

// first is a peer's value before the first superstep.
func first(seed uint64, peer int) uint64 { return mix(seed, uint64(peer), 0) }

func mix(a, b uint64, superstep int) uint64 {
	h := a*0x9e3779b97f4a7c15 ^ b ^ uint64(superstep)<<32
	h ^= h >> 29
	return h * 0xbf58476d1ce4e5b9
}

// undisturbed returns what the peers of a job compute when nothing happens.
func (p plan) undisturbed(peers int) []uint64 {
	values := make([]uint64, peers)
	for i := range values {
		values[i] = first(p.seed, i)
	}
	for s := 1; s <= p.supersteps; s++ {
		old := append([]uint64(nil), values...)
		for i := range values {
			values[i] = mix(old[i], old[(i+1)%peers], s)
		}
	}
	return values
}
