package control

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"time"

	"scalar/bsp/job"
	"scalar/bsp/wire"
	"scalar/master/fsm"
	"scalar/master/sched"
)

// Info returns what is known of a job: the replicated facts, and on the leader
// what its tasks report. Result is left empty; the API reads it from Output.
func (c *Plane) Info(id job.ID) (job.Info, bool) {
	j, ok := c.cfg.State().Job(id)
	if !ok {
		return job.Info{}, false
	}
	c.mu.Lock()
	in := c.info(j)
	var tasks []*wire.TaskStatus // which stay as they are
	if j.State == job.Running {
		tasks = c.reports(j)
	}
	c.mu.Unlock()
	if tasks != nil { // it sorts: not while the lock is held, nor for lists and watchers
		in.Slowest = slowestPeers(j, slices.DeleteFunc(tasks, func(s *wire.TaskStatus) bool { return s == nil }))
	}
	return in, true
}

// brief is Info without what takes long.
func (c *Plane) brief(id job.ID) (job.Info, bool) {
	j, ok := c.cfg.State().Job(id)
	if !ok {
		return job.Info{}, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.info(j), true
}

// Infos returns the newest jobs that want takes, newest first, at most limit (0: all), and how
// many more there are. It holds the control loop up for the jobs that it returns only.
func (c *Plane) Infos(limit int, want func(*fsm.Job) bool) (list []job.Info, more int) {
	var jobs []*fsm.Job
	for _, j := range slices.Backward(c.cfg.State().Jobs()) {
		switch {
		case !want(j):
		case limit == 0 || len(jobs) < limit:
			jobs = append(jobs, j)
		default:
			more++
		}
	}
	list = make([]job.Info, len(jobs))
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, j := range jobs {
		list[i] = c.info(j)
	}
	return list, more
}

// info merges the facts of j with what is live. c.mu is held.
func (c *Plane) info(j *fsm.Job) job.Info {
	now := c.cfg.Clock()
	in := job.Info{
		ID: j.ID, Name: j.Spec.Name, Namespace: j.Spec.Namespace, Program: j.Spec.Program.Name,
		State: j.State, ExitCode: j.ExitCode(), Peers: j.Peers, Tasks: len(j.Tasks), Attempts: int(j.Epoch),
		Supersteps: max(0, j.Checkpoint), Output: j.Output, Counters: map[string]int64{}, Error: j.Failure,
		Priority: j.Spec.Priority, Checkpoint: j.Checkpoint, Submitter: j.Submitter,
		Submitted: j.Submitted, Finished: j.Finished,
	}
	if j.Stopping != nil {
		in.Stopping = j.Stopping.Deadline
	}
	if in.Program == "" {
		in.Program = j.Spec.Program.Builtin
	}
	if j.Epoch > 0 {
		in.DataPlane = planeOf(len(j.Tasks), c.cfg.DataPlane)
	}
	if j.State > job.Running && j.State != job.Failed {
		in.Error = nil // it is of an attempt before, and said while that matters
	}
	if j.State == job.Running {
		c.live(j, &in)
	} else {
		in.Placement = placements(j)
	}
	if r := j.Result; r != nil {
		in.Supersteps, in.DataPlane, in.Seconds, in.Slowest = r.Supersteps, r.DataPlane, r.Seconds, r.Slowest
		for _, n := range r.Counters {
			in.Counters[n.Name] = n.Value
		}
	}
	end := now
	if j.State.Final() {
		end = j.Finished
	}
	in.Seconds.Queued = j.Waited.Seconds()
	if j.State == job.Queued {
		in.Seconds.Queued += max(0, now.Sub(j.Queued).Seconds())
	}
	in.Seconds.Total = max(0, end.Sub(j.Submitted).Seconds())
	return in
}

func placements(j *fsm.Job) []job.Placed {
	list := make([]job.Placed, len(j.Tasks))
	for i, t := range j.Tasks {
		list[i] = job.Placed{Task: i, Peers: t.Peers, Groom: t.Groom}
	}
	return list
}

// live adds what the tasks of a running job report. c.mu is held.
func (c *Plane) live(j *fsm.Job, in *job.Info) {
	in.Placement = placements(j)
	for i, s := range c.reports(j) {
		if s == nil {
			continue
		}
		p := &in.Placement[i]
		p.State, p.Superstep, p.PID = s.Phase.String(), s.Superstep, s.PID
		in.Supersteps = max(in.Supersteps, s.Superstep)
		in.Seconds = in.Seconds.Join(s.Seconds)
		addCounters(in.Counters, s.Counters)
		if in.Note == "" && job.ValidNote(s.Note) { // of the task with the lowest peers that has one
			in.Note = s.Note
		}
	}
}

// reports returns what this leader knows of the tasks of a running job, by task; nil
// where nothing. c.mu is held.
func (c *Plane) reports(j *fsm.Job) []*wire.TaskStatus {
	list := make([]*wire.TaskStatus, len(j.Tasks))
	if c.reign == nil {
		return list
	}
	for i, t := range j.Tasks {
		if g := c.reign.core.grooms[t.Groom]; g != nil && g.report.Incarnation == t.Incarnation {
			list[i] = g.tasks[wire.TaskKey{Job: j.ID, Epoch: j.Epoch, Task: i}]
		}
	}
	return list
}

// StateLost is the state of a node that does not answer.
const StateLost = "lost"

// Nodes returns the grooms by name.
func (c *Plane) Nodes() []job.Node {
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []job.Node
	for g := range c.cfg.State().Grooms() {
		n := job.Node{
			ID: g.Facts.Name, Role: "groom", State: "ready", Addr: g.Facts.Addr,
			Slots: g.Facts.Slots, Free: max(0, g.Facts.Slots-g.Used.Slots), Cores: g.Facts.Cores,
			Memory: g.Facts.Memory, GPUs: g.Facts.GPUs, Incarnation: g.Facts.Incarnation, Version: g.Facts.Version,
		}
		if c.reign != nil {
			if l := c.reign.core.grooms[n.ID]; l != nil && l.heard {
				n.LastSeen = l.seen
			}
		}
		switch {
		case g.Lost:
			n.State, n.Free, n.LastSeen = StateLost, 0, g.Since
		case g.Draining:
			n.State = "draining"
		}
		list = append(list, n)
	}
	return list
}

// Why explains why a job is where it is.
func (c *Plane) Why(id job.ID) (job.Why, bool) {
	state := c.cfg.State()
	j, ok := state.Job(id)
	if !ok {
		return job.Why{}, false
	}
	if j.State == job.Queued {
		if why, ok := sched.Why(c.picture(state), id); ok {
			if j.Failure != nil {
				why.Summary += "; the attempt before ended: " + j.Failure.Error()
			}
			return why, true
		}
	}
	if j.Stopping != nil {
		by := fmt.Sprintf("is being stopped by %s: its tasks end at their next barrier, or are killed at %s", j.EndedBy, j.Stopping.Deadline.Format(time.TimeOnly))
		return job.Why{ID: id, State: j.State, Summary: by}, true
	}
	return WhyEnded(job.Info{ID: id, State: j.State, Error: j.Failure}, j.EndedBy, j.Spec.Timeout), true
}

// WhyEnded says why a job that does not wait is where it is.
func WhyEnded(in job.Info, endedBy string, timeout time.Duration) job.Why {
	why := job.Why{ID: in.ID, State: in.State, Summary: "is " + in.State.String()}
	switch {
	case in.State == job.Failed && in.Error != nil:
		why.Summary = "failed: " + in.Error.Error()
	case in.State == job.Stopped && endedBy != "":
		why.Summary = "was stopped by " + endedBy
	case in.State == job.TimedOut:
		why.Summary = "was not done within " + timeout.String()
	}
	return why
}

// picture is what the scheduler sees now. On a follower no groom is ready.
func (c *Plane) picture(state *fsm.State) sched.State {
	c.mu.Lock()
	defer c.mu.Unlock()
	core := NewCore(CoreConfig{}, time.Time{})
	if c.reign != nil {
		core = c.reign.core
	}
	s := core.pictureOf(state, c.cfg.Clock())
	for i := range s.Queue { // answers are looked up while the lock is held
		s.Queue[i].Sees = frozen(s.Queue[i], s.Grooms)
	}
	return s
}

func frozen(j sched.Job, grooms []sched.Groom) func(string, uint64) sched.Sees {
	if j.Sees == nil {
		return nil
	}
	answers := map[string]sched.Sees{}
	for _, g := range grooms {
		answers[g.Name] = j.Sees(g.Name, g.Incarnation)
	}
	return func(groom string, _ uint64) sched.Sees { return answers[groom] }
}

// Plan returns where the job's tasks are, or where a queued job's would be if
// it were placed now: nil when it does not fit.
func (c *Plane) Plan(id job.ID) ([]job.Placed, bool) {
	state := c.cfg.State()
	j, ok := state.Job(id)
	if !ok {
		return nil, false
	}
	if j.State != job.Queued {
		return placements(j), true
	}
	for _, p := range sched.Schedule(c.picture(state)).Placements {
		if p.Job == id {
			return placements(&fsm.Job{Tasks: p.Tasks}), true
		}
	}
	return nil, true
}

// watchPause is how long progress is gathered before a watcher is told.
const watchPause = 50 * time.Millisecond

// Watch sends a job's Info at once, on every change of its state, and on its
// progress, gathered over 50 ms. The channel holds no old news: who reads slowly
// gets the newest. It is closed after the final state, when ctx ends, and at
// once when there is no such job. Read it until it is closed, or end ctx.
func (c *Plane) Watch(ctx context.Context, id job.ID) <-chan job.Info {
	out := make(chan job.Info) // sent and closed by watch
	go func() {                // ends with ctx at the latest; its last act is the close that the reader sees
		defer close(out)
		c.watch(ctx, id, out)
	}()
	return out
}

func (c *Plane) watch(ctx context.Context, id job.ID, out chan<- job.Info) {
	pause := time.NewTimer(0)
	defer pause.Stop()
	<-pause.C
	var (
		last    job.Info
		pausing bool
	)
	for {
		changed := c.cfg.Changed()
		c.mu.Lock()
		news := c.news
		c.mu.Unlock()
		in, ok := c.brief(id)
		if !ok {
			return
		}
		if moved(last, in) || !pausing && progressed(last, in) {
			select {
			case out <- in:
			case <-ctx.Done():
				return
			}
			last, pausing = in, true
			pause.Reset(watchPause)
		}
		if in.State.Final() {
			return
		}
		select {
		case <-changed:
		case <-news:
		case <-pause.C:
			pausing = false
		case <-ctx.Done():
			return
		}
	}
}

// moved reports whether a watcher must be told at once.
func moved(old, now job.Info) bool {
	return old.State != now.State || old.Attempts != now.Attempts || old.Checkpoint != now.Checkpoint || old.Stopping != now.Stopping
}

// progressed reports whether anything but the clock has changed.
func progressed(old, now job.Info) bool {
	for _, in := range []*job.Info{&old, &now} {
		in.Seconds.Queued, in.Seconds.Total = 0, 0
	}
	return !reflect.DeepEqual(old, now)
}
