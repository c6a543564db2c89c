package bsp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"sync"
	"time"

	"scalar/bsp/job"
	"scalar/bsp/taskproc"
	"scalar/bsp/wire"
)

// causeGrace is how long a gang waits for the real cause after a task lost a link.
const causeGrace = time.Second

// gang is one attempt with a process for each task: what masters and grooms do
// together in a cluster.
type gang struct {
	l      *local
	dir    string // for the sockets
	procs  []*taskproc.Proc
	events chan gangEvent // from one goroutine per process
	alive  int            // processes

	addrs    []string
	met      bool
	dones    []*wire.TaskDone
	finished int
	parts    map[int][]*wire.CheckpointPart // by superstep, by task
	steps    []int                          // by task, for progress
	notes    []string                       // by task, likewise
	cause    *job.Failure                   // why the attempt ends
	weak     *job.Failure                   // a lost link: the cause may follow
	stopping bool
	kill     <-chan time.Time
	began    time.Time
}

// gangEvent is what a process says, or its end.
type gangEvent struct {
	task int
	msg  wire.FromTask
	gone string // how it ended; empty: it lives
}

// gang runs one epoch in processes.
func (l *local) gang(ctx context.Context) (done wire.TaskDone, err error) {
	n := len(l.ranges)
	g := &gang{
		l: l, procs: make([]*taskproc.Proc, n), events: make(chan gangEvent), addrs: make([]string, n),
		dones: make([]*wire.TaskDone, n), parts: map[int][]*wire.CheckpointPart{}, steps: make([]int, n), notes: make([]string, n), began: time.Now(),
	}
	// Sockets have short names, 108 bytes at most: not in the scratch folder.
	if g.dir, err = os.MkdirTemp("", "bsp-"); err != nil {
		return done, job.AsFailure(err, job.FaultInternal)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(g.dir)) }()
	var readers sync.WaitGroup
	for task := range n {
		if err := g.launch(ctx, task, &readers); err != nil {
			g.end(job.AsFailure(fmt.Errorf("task %d: %w", task, err), job.FaultProgram))
			break
		}
	}
	g.supervise(ctx)
	readers.Wait()
	switch {
	case ctx.Err() != nil:
		return done, context.Cause(ctx)
	case g.cause != nil:
		return done, g.cause
	}
	return mergeDone(g.dones), nil
}

// launch starts a task's process and gives it its orders.
func (g *gang) launch(ctx context.Context, task int, readers *sync.WaitGroup) error {
	start := g.l.start(task)
	start.Listen = g.dir
	env := os.Environ()
	if os.Getenv("GOMAXPROCS") == "" {
		// The tasks share the cores. Measured with 2 tasks on 2 cores: an empty superstep
		// 8–22 µs, 30 µs when each task has both.
		procs := (runtime.GOMAXPROCS(0) + len(g.procs) - 1) / len(g.procs) // a cgroup's quota counts
		env = append(env, "GOMAXPROCS="+strconv.Itoa(procs))
	}
	if limit := debug.SetMemoryLimit(-1); limit != math.MaxInt64 { // and the memory
		env = append(env, "GOMEMLIMIT="+strconv.FormatInt(limit/int64(len(g.procs)), 10))
	}
	for name, value := range g.l.spec.Env {
		env = append(env, name+"="+value)
	}
	env = append(env, "BSP_TASK_ID="+string(start.Key.Job)+"/"+strconv.Itoa(int(start.Key.Epoch))+"/"+strconv.Itoa(task))
	exe, err := filepath.Abs(g.l.cfg.Exe)
	if err != nil {
		return err
	}
	cfg := taskproc.Config{Path: exe, Env: env, Stdout: g.l.cfg.Stdout, Stderr: g.l.cfg.Stderr}
	// The process is stopped in order when ctx ends: supervise sees to it.
	p, err := taskproc.Start(context.WithoutCancel(ctx), cfg)
	if err != nil {
		return err
	}
	g.procs[task] = p
	g.alive++
	readers.Go(func() { g.listen(task, p) })
	if err := p.Send(wire.ToTask{Start: &start}); err != nil {
		g.killAll() // listen tells how it ended
	}
	return nil
}

// listen passes on what a process says until it has ended.
func (g *gang) listen(task int, p *taskproc.Proc) {
	for {
		m, err := p.Recv()
		if err != nil {
			break // it has closed its end, or talks nonsense
		}
		g.events <- gangEvent{task: task, msg: m}
	}
	// It ends by itself now, or is helped: a process may close the socket and live.
	timer := time.AfterFunc(2*stopGrace, func() { _ = p.Kill() })
	exit, err := p.Wait()
	timer.Stop()
	gone := exit.String()
	if err != nil {
		gone = err.Error()
	}
	g.events <- gangEvent{task: task, gone: gone}
}

// supervise runs until all processes have ended.
func (g *gang) supervise(ctx context.Context) {
	stop := ctx.Done()
	for g.alive > 0 {
		select {
		case e := <-g.events:
			if e.gone != "" {
				g.gone(e.task, e.gone)
			} else {
				g.hear(e.task, e.msg)
			}
		case <-g.kill:
			g.kill = nil
			if g.cause == nil && g.weak != nil {
				g.cause = g.weak
			}
			g.killAll()
		case <-stop:
			stop = nil
			g.stopping = true
			for _, p := range g.procs {
				if p != nil {
					_ = p.Send(wire.ToTask{Stop: true}) // it has ended already
				}
			}
			g.kill = time.After(2 * stopGrace)
		}
	}
	if g.cause == nil && g.weak != nil {
		g.cause = g.weak
	}
}

// hear acts on a task's message.
func (g *gang) hear(task int, m wire.FromTask) {
	switch {
	case m.Address != nil:
		g.addrs[task] = m.Address.Addr
		g.connect()
	case m.Progress != nil:
		g.steps[task], g.notes[task] = m.Progress.Superstep, m.Progress.Note
		g.l.tell(Progress{Superstep: slices.Min(g.steps), Phase: "runs", Note: cmp.Or(g.notes...)})
	case m.Checkpoint != nil:
		g.checkpoint(task, m.Checkpoint)
	case m.LinkLost != nil:
		if g.weak == nil {
			g.weak = m.LinkLost
			g.kill = time.After(causeGrace)
		}
	case m.Trace != nil:
		g.l.trace(task, m.Trace)
	case m.Failed != nil:
		g.end(m.Failed)
	case m.Done != nil && g.dones[task] == nil:
		g.dones[task] = m.Done
		g.finished++
	}
}

// connect gives all tasks the addresses when the last one is known.
func (g *gang) connect() {
	if g.met || slices.Contains(g.addrs, "") {
		return
	}
	g.met = true
	for _, p := range g.procs {
		if p != nil {
			_ = p.Send(wire.ToTask{Connect: &wire.Connect{Addrs: g.addrs}}) // its end is told by listen
		}
	}
	g.l.info.Seconds.Start = time.Since(g.l.began).Seconds()
}

// checkpoint collects the tasks' shares; the last one commits.
func (g *gang) checkpoint(task int, part *wire.CheckpointPart) {
	parts := g.parts[part.Superstep]
	if parts == nil {
		parts = make([]*wire.CheckpointPart, len(g.procs))
		g.parts[part.Superstep] = parts
	}
	parts[task] = part
	for _, p := range parts {
		if p == nil {
			return
		}
	}
	delete(g.parts, part.Superstep)
	g.l.committed(parts)
}

// gone takes note of a process's end.
func (g *gang) gone(task int, how string) {
	g.alive--
	g.procs[task] = nil
	if g.dones[task] == nil && !g.stopping {
		f := job.Fail(job.FaultProgram, "task %d %s", task, how)
		f.Task = task
		g.end(f)
	}
}

// end ends the attempt; the first cause counts.
func (g *gang) end(cause *job.Failure) {
	if g.cause == nil {
		g.cause = cause
	}
	g.killAll()
}

func (g *gang) killAll() {
	for _, p := range g.procs {
		if p != nil {
			_ = p.Kill() // Wait reports what does not end
		}
	}
}
