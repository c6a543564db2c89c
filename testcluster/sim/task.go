package sim

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"scalar/bsp/job"
	"scalar/bsp/wire"
	"scalar/groom/table"
)

// plan is what a simulated job computes; it travels in the job's arguments.
type plan struct {
	request    string // id of the client's request
	seed       uint64
	supersteps int
	step       time.Duration // that one superstep takes
	bug        int           // superstep at which the program fails, every time; 0: it has no bug
}

func (p plan) args() []string {
	return []string{
		p.request, strconv.FormatUint(p.seed, 10), strconv.Itoa(p.supersteps), strconv.FormatInt(int64(p.step), 10), strconv.Itoa(p.bug),
	}
}

// planOf reads what args wrote.
func planOf(args []string) plan {
	number := func(i int) uint64 {
		n, err := strconv.ParseUint(args[i], 10, 64)
		if err != nil {
			panic(err) // args made it
		}
		return n
	}
	return plan{args[0], number(1), int(number(2)), time.Duration(number(3)), int(number(4))}
}

// life is one task of a groom, as groom's life.go has it: from its order to its last
// trace. Instead of a process there are the numbers that it would compute.
type life struct {
	g      *groom
	p      *proc
	task   *table.Task
	key    wire.TaskKey
	gang   *gang
	fenced bool // to be ended by order
	dying  bool // and on its way
	phase  wire.Phase
	met    bool // it works with the others
	addrs  bool // the others' addresses have come
	spoke  bool // last word: Done or dead
	gone   bool // its process has ended
	from   int  // superstep that it began with
	values []uint64
}

// begin starts an ordered task.
func (g *groom) begin(t *table.Task) {
	l := &life{g: g, p: g.p, task: t, key: t.Order.Start.Key, phase: wire.Starting}
	g.lives = append(g.lives, l)
	g.w.trace("task begins", g.node, uint64(l.key.Epoch)<<16|uint64(l.key.Task), string(l.key.Job))
	if t.Order.Start.Credentials == nil {
		g.w.fail("groom %s is to start task %d of %s in epoch %d without a certificate", g.name, l.key.Task, l.key.Job, l.key.Epoch)
		return
	}
	l.gang = g.w.gangOf(t.Order.Start)
	g.w.check.begins(l)
	if l.fenced = !g.tb.Begin(t, func(error) { l.fenced = true }); l.fenced {
		return // before it was begun
	}
	l.p.after(g.w.between(5*time.Millisecond, 400*time.Millisecond), l.listen)
}

// fence has the task killed, once, if an order says so.
func (l *life) fence() {
	if !l.fenced || l.dying {
		return
	}
	l.dying = true
	l.p.after(l.g.w.between(2*time.Millisecond, 100*time.Millisecond), func() {
		l.die(job.Fail(job.FaultGroom, "task %d was ended: no order lists it any more", l.key.Task))
	})
}

// listen loads what the task begins with, and tells its address.
func (l *life) listen() {
	if l.spoke || l.gone {
		return
	}
	if l.g.bad && l.g.w.chance(0.3) {
		l.g.w.count("tasks not started by a bad disk")
		l.die(job.Fail(job.FaultGroom, "start of task %d: no space left on device", l.key.Task))
		return
	}
	if f := l.restore(); f != nil {
		l.die(f)
		return
	}
	l.report(true, func(s *wire.TaskStatus) { s.Phase, s.Addr = wire.Listening, l.g.name+":"+strconv.Itoa(l.key.Task) })
	l.meet()
}

// restore reads the task's part of the checkpoint that it is to begin with.
func (l *life) restore() *job.Failure {
	start := l.task.Order.Start
	peers := start.Ranges[l.key.Task]
	l.values = make([]uint64, peers.N())
	if start.Restore == nil {
		for i := range l.values {
			l.values[i] = first(l.gang.plan.seed, peers.Lo+i)
		}
		return nil
	}
	l.from = start.Restore.Superstep
	if len(start.Restore.Files) != start.Ranges[len(start.Ranges)-1].Hi {
		l.g.w.fail("job %s is to begin with %d files", l.key.Job, len(start.Restore.Files))
		return nil
	}
	for i := range l.values {
		part := start.Restore.Files[peers.Lo+i]
		f, ok := l.g.w.store.read(part.Path)
		if !ok || f.superstep != l.from {
			l.g.w.count("checkpoints that could not be read")
			return job.Fail(job.FaultCheckpoint, "%s: damaged", part.Path)
		}
		if part.Peer != peers.Lo+i {
			l.g.w.fail("the checkpoint of %s has the file of peer %d for peer %d", l.key.Job, part.Peer, peers.Lo+i)
		}
		l.values[i] = f.value
	}
	return nil
}

// meet lets the task join the others, once it listens and knows where they are.
func (l *life) meet() {
	select {
	case <-l.task.Addrs:
		l.addrs = true
	default:
	}
	if !l.addrs || l.met || l.phase != wire.Listening || l.spoke {
		return
	}
	l.met = true
	l.report(true, func(s *wire.TaskStatus) { s.Phase = wire.Working })
	l.gang.join(l)
}

// report changes the task's status.
func (l *life) report(urgent bool, change func(s *wire.TaskStatus)) {
	if l.gone {
		return
	}
	l.g.tb.Update(l.task, urgent, func(s *wire.TaskStatus) {
		change(s)
		l.phase = s.Phase
	})
	l.g.link.kick()
}

// progress tells how far the task is.
func (l *life) progress(superstep int) {
	l.report(false, func(s *wire.TaskStatus) {
		s.Superstep, s.Counters = superstep, map[string]int64{job.CounterMessages: int64(superstep * len(l.values))}
	})
}

// save writes the task's part of a checkpoint, in the background.
func (l *life) save(superstep int) {
	dir := fmt.Sprintf("%s/%d/%d", l.task.Order.Start.CheckpointDir, l.key.Epoch, superstep)
	lo, values := l.task.Order.Start.Ranges[l.key.Task].Lo, slices.Clone(l.values)
	l.p.after(l.g.w.between(time.Millisecond, 200*time.Millisecond), func() {
		if l.gone || l.spoke {
			return
		}
		if l.g.bad && l.g.w.chance(0.5) {
			l.g.w.count("checkpoint writes that failed")
			return
		}
		part := wire.CheckpointPart{Superstep: superstep, Task: l.key.Task}
		for i, v := range values {
			path := l.g.w.store.write(l.p, dir, lo+i, file{value: v, superstep: superstep})
			part.Files = append(part.Files, wire.Part{Peer: lo + i, Path: path, Size: 8, CRC: uint32(v)})
		}
		l.report(true, func(s *wire.TaskStatus) {
			s.Checkpoints = append(slices.Clone(s.Checkpoints), part)
			s.Checkpoints = s.Checkpoints[max(0, len(s.Checkpoints)-16):]
		})
	})
}

// finish writes the task's parts and says its last word.
func (l *life) finish(superstep int) {
	l.p.after(l.g.w.between(time.Millisecond, 100*time.Millisecond), func() {
		if l.gone || l.spoke {
			return
		}
		if l.g.bad && l.g.w.chance(0.2) {
			l.g.w.count("parts not written by a bad disk")
			l.die(job.Fail(job.FaultGroom, "write output: input/output error"))
			return
		}
		start := l.task.Order.Start
		var parts []wire.Part
		for i, v := range l.values {
			peer := start.Ranges[l.key.Task].Lo + i
			path := l.g.w.store.write(l.p, start.OutputTmp, peer, file{value: v, superstep: superstep, epoch: l.key.Epoch})
			parts = append(parts, wire.Part{Peer: peer, Path: path, Size: 8, CRC: uint32(v)})
		}
		l.spoke = true
		l.report(true, func(s *wire.TaskStatus) { s.Phase, s.Failure, s.Superstep, s.Parts = wire.Done, nil, superstep, parts })
		l.p.after(l.g.w.between(2*time.Millisecond, 200*time.Millisecond), l.end)
	})
}

// die ends the task with a failure, unless it has said its last word.
func (l *life) die(f *job.Failure) {
	if l.gone {
		return
	}
	if !l.spoke {
		l.spoke = true
		l.leaveGang("task %d ended")
		l.report(true, func(s *wire.TaskStatus) {
			if s.Failure != nil { // a lost link is the better reason
				f = s.Failure
			}
			g := *f
			g.Task, g.Groom = l.key.Task, l.g.name
			s.Phase, s.Failure = wire.Dead, &g
		})
	}
	l.end()
}

// loses tells that another task cannot be reached. The task waits for its end.
func (l *life) loses(format string, other int) {
	if l.spoke || l.gone {
		return
	}
	l.g.w.count("links lost")
	f := job.Fail(job.FaultLink, format, other)
	f.Task, f.Groom = l.key.Task, l.g.name
	l.report(true, func(s *wire.TaskStatus) {
		if s.Failure == nil {
			s.Failure = f
		}
	})
}

// end removes the last trace of the task.
func (l *life) end() {
	if l.gone {
		return
	}
	l.gone = true
	l.g.lives = slices.DeleteFunc(l.g.lives, func(o *life) bool { return o == l })
	l.g.tb.End(l.task)
	l.g.link.kick()
}

func (l *life) leaveGang(why string) {
	if l.gang != nil {
		l.gang.lost(l, why)
	}
}
