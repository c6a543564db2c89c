package control

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"scalar/bsp/job"
	"scalar/bsp/wire"
	"scalar/master/fsm"
	"scalar/master/sched"
)

// liveAttempt is what this leader knows of the attempt that a job is in.
type liveAttempt struct {
	epoch       job.Epoch
	linkLost    time.Time                   // when a link was first said to be lost; zero: none
	checkpoints map[int]map[int][]wire.Part // by superstep and task: reported, not committed
	committed   map[int]job.Epoch           // epochs of the checkpoints seen committed, by superstep
}

func (c *Core) attempt(id job.ID, epoch job.Epoch) *liveAttempt {
	a := c.attempts[id]
	if a == nil || a.epoch < epoch {
		old := a
		a = &liveAttempt{epoch: epoch, checkpoints: map[int]map[int][]wire.Part{}, committed: map[int]job.Epoch{}}
		if old != nil {
			a.committed = old.committed
		}
		c.attempts[id] = a
	}
	return a
}

// collect remembers the checkpoints that a task says it has written.
func (c *Core) collect(t *wire.TaskStatus) {
	if len(t.Checkpoints) == 0 {
		return
	}
	a := c.attempt(t.Key.Job, t.Key.Epoch)
	if a.epoch != t.Key.Epoch {
		return
	}
	for _, k := range t.Checkpoints {
		if a.checkpoints[k.Superstep] == nil {
			a.checkpoints[k.Superstep] = map[int][]wire.Part{}
		}
		a.checkpoints[k.Superstep][t.Key.Task] = k.Files
	}
}

// status is one task of a running attempt as its groom sees it.
type status struct {
	*wire.TaskStatus // nil: not reported to this leader
	groom            *liveGroom
	here             bool // its groom is connected in the right incarnation
}

func (t *turn) statuses(j *fsm.Job) []status {
	list := make([]status, len(j.Tasks))
	for i, a := range j.Tasks {
		s := status{groom: t.grooms[a.Groom]}
		if s.here = s.groom.current(a.Incarnation); s.here {
			s.TaskStatus = s.groom.tasks[wire.TaskKey{Job: j.ID, Epoch: j.Epoch, Task: i}]
		}
		list[i] = s
	}
	return list
}

// checkAttempt advances a running attempt: ends it, finishes it, commits its
// checkpoints, and adds its tasks to what their grooms should run.
func (t *turn) checkAttempt(j *fsm.Job) {
	a := t.attempt(j.ID, j.Epoch)
	if len(j.Checkpoints) > 0 {
		t.supersede(j, a)
	}
	list := t.statuses(j)
	addresses, done := 0, 0
	for _, s := range list {
		if s.TaskStatus == nil {
			continue
		}
		if s.Addr != "" && s.Phase >= wire.Listening {
			addresses++
		}
		if s.Phase == wire.Done {
			done++
		}
	}
	for i, task := range j.Tasks {
		w := t.wantsOf(task.Groom)
		w.tasks = append(w.tasks, taskWant{wire.TaskKey{Job: j.ID, Epoch: j.Epoch, Task: i}, addresses == len(list), j.Stopping != nil})
	}
	if j.Stopping != nil {
		t.checkStop(j, list)
		return
	}
	if failure := t.cause(j, a, list); failure != nil {
		t.propose(fmt.Sprintf("end/%s/%d", j.ID, j.Epoch), fsm.Command{EndAttempt: &fsm.EndAttempt{
			Job: j.ID, Epoch: j.Epoch, Failure: *failure, Last: t.soFar(j),
		}})
		return
	}
	if done < len(list) && t.moves(j) {
		return
	}
	if done == len(list) {
		result := t.result(j, list)
		if fsm.FilesSize(result.Parts) > fsm.MaxFilesSize { // no command could carry it
			t.propose(fmt.Sprintf("end/%s/%d", j.ID, j.Epoch), fsm.Command{EndAttempt: &fsm.EndAttempt{
				Job: j.ID, Epoch: j.Epoch, Failure: *describe(job.Fail(job.FaultOutput, "the list of the parts is too long: use fewer peers or a shorter output path"), j, 0),
			}})
			return
		}
		t.propose(fmt.Sprintf("finish/%s/%d", j.ID, j.Epoch), fsm.Command{Finish: &fsm.Finish{
			Job: j.ID, Epoch: j.Epoch, Result: result,
		}})
		return
	}
	t.checkpoint(j, a)
}

// moves ends an attempt at its checkpoint when a groom of it drains and the job fits
// elsewhere now.
func (t *turn) moves(j *fsm.Job) bool {
	i := slices.IndexFunc(j.Tasks, func(task fsm.Assignment) bool {
		g, ok := t.state.Groom(task.Groom)
		return ok && j.Moves(g)
	})
	if i < 0 || !sched.CanMove(t.state, t.now, j, t.live()) {
		return false
	}
	f := job.Fail(job.FaultDrain, "groom %s drains", j.Tasks[i].Groom)
	f.Task, f.Groom = i, j.Tasks[i].Groom
	t.propose(fmt.Sprintf("end/%s/%d", j.ID, j.Epoch), fsm.Command{EndAttempt: &fsm.EndAttempt{Job: j.ID, Epoch: j.Epoch, Failure: *f}})
	return true
}

// cause returns why the attempt must end, or nil.
func (t *turn) cause(j *fsm.Job, a *liveAttempt, list []status) *job.Failure {
	var link *job.Failure
	unstarted := slices.ContainsFunc(list, func(s status) bool { return s.TaskStatus == nil })
	if unstarted && newTaskSize(j) > maxItem { // no orders could carry it
		return describe(job.Usage("what a task needs to start is too long for one message: use fewer peers or tasks, or shorter arguments"), j, 0)
	}
	for i, s := range list {
		if s.TaskStatus == nil {
			if s.here && t.lacksKeys(j) {
				f := job.Fail(job.FaultLink, "the leader changed before task %d had started", i)
				f.Task = i
				return f // of no groom: none is to blame
			}
			continue
		}
		f := s.Failure
		if f == nil && s.Phase == wire.Dead {
			f = job.Fail(job.FaultProgram, "the task ended without a word")
		}
		if s.Phase == wire.Stopped { // nobody had asked it to
			f = job.Fail(job.FaultInternal, "the task ended at a barrier as if the job were being stopped")
			return describe(f, j, i)
		}
		switch {
		case f == nil:
		case s.Phase == wire.Dead && f.Kind != job.FaultLink:
			return describe(f, j, i)
		case link == nil:
			link = describe(f, j, i)
		}
	}
	if link == nil {
		a.linkLost = time.Time{}
		return nil
	}
	return t.afterLinkLoss(j, a, list, link)
}

// afterLinkLoss waits for the real cause behind a lost link: another task that
// died, or a groom that is silent: if its machine is gone, its lease ends meanwhile.
func (t *turn) afterLinkLoss(j *fsm.Job, a *liveAttempt, list []status, link *job.Failure) *job.Failure {
	if a.linkLost.IsZero() {
		a.linkLost = t.now
	}
	end := a.linkLost.Add(linkWait)
	if t.now.Before(end) {
		t.at(end)
		return nil
	}
	for i, s := range list {
		if s.groom == nil || !s.here || s.groom.seen.Before(a.linkLost) {
			if t.now.Before(a.linkLost.Add(linkWait + t.cfg.Absence)) {
				t.at(a.linkLost.Add(linkWait + t.cfg.Absence))
				return nil // silent since then: its lease ends soon, or it reports
			}
			return describe(link, j, i)
		}
	}
	return link
}

// lacksKeys reports whether tasks of j that have not started cannot be started:
// their keys were in the memory of the leader before.
func (t *turn) lacksKeys(j *fsm.Job) bool {
	return len(j.CA) > 0 && t.keys[j.ID].ca != string(j.CA)
}

// describe fills in where a failure came from, and cuts what is too long for the log.
func describe(f *job.Failure, j *fsm.Job, task int) *job.Failure {
	d := *f
	if d.Kind < job.FaultProgram || d.Kind > job.FaultInternal {
		d.Kind = job.FaultInternal
	}
	if d.Code <= 0 || d.Code > job.ExitInternal {
		d.Code = job.ExitFailed
	}
	if d.Task < 0 || d.Task >= len(j.Tasks) {
		d.Task = task
	}
	if d.Groom == "" {
		d.Groom = j.Tasks[d.Task].Groom
	}
	d.Message, d.Detail = cut(d.Message, 2048), cut(d.Detail, 4096)
	return &d
}

func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit-3], "") + "…"
}

// result sums up what the tasks of a finished attempt say.
func (t *turn) result(j *fsm.Job, list []status) fsm.AttemptResult {
	r := fsm.AttemptResult{DataPlane: planeOf(len(list), t.cfg.Plane)}
	counters := map[string]int64{}
	tasks := make([]*wire.TaskStatus, 0, len(list))
	for _, s := range list {
		tasks = append(tasks, s.TaskStatus)
		r.Supersteps = max(r.Supersteps, s.Superstep)
		r.Parts = append(r.Parts, s.Parts...)
		addCounters(counters, s.Counters)
		r.Seconds = r.Seconds.Join(s.Seconds)
	}
	for len(counters) > fsm.MaxCounters { // a program that counts by a key of its data
		names := slices.Sorted(maps.Keys(counters))
		delete(counters, names[len(names)-1])
	}
	slices.SortStableFunc(r.Parts, func(a, b wire.Part) int { return cmp.Compare(a.Peer, b.Peer) })
	r.Counters, r.Slowest = fsm.Counters(counters), slowestPeers(j, tasks)
	r.Seconds.Start = max(0, t.now.Sub(j.Placed).Seconds()-r.Seconds.Load-r.Seconds.Compute-r.Seconds.Write)
	return r
}

// soFar sums up what the tasks of a running attempt have said; nil: nothing.
func (t *turn) soFar(j *fsm.Job) *fsm.AttemptResult {
	if j.State != job.Running {
		return nil
	}
	list := slices.DeleteFunc(t.statuses(j), func(s status) bool { return s.TaskStatus == nil })
	if len(list) == 0 {
		return nil
	}
	r := t.result(j, list)
	r.Parts, r.DataPlane = nil, planeOf(len(j.Tasks), t.cfg.Plane)
	return &r
}

// planeOf names how tasks reach each other, as job.Info says it.
func planeOf(tasks int, plane wire.DataPlane) string {
	if tasks == 1 {
		return "in-process"
	}
	return string(plane)
}

// addCounters adds a task's counters. Checkpoints are of the whole gang, so that
// the number is the largest, not the sum.
func addCounters(sum, task map[string]int64) {
	for name, n := range task {
		if len(name) > fsm.MaxCounterName {
			continue
		}
		if name == job.CounterCheckpoints {
			sum[name] = max(sum[name], n)
			continue
		}
		sum[name] += n
	}
}

// checkpoint commits the newest checkpoint that every task has written.
func (t *turn) checkpoint(j *fsm.Job, a *liveAttempt) {
	newest := j.Checkpoint
	for superstep, tasks := range a.checkpoints {
		if len(tasks) == len(j.Tasks) && superstep > newest {
			newest = superstep
		}
	}
	if newest == j.Checkpoint {
		return
	}
	k := wire.Checkpoint{Superstep: newest, Epoch: j.Epoch}
	for task := range j.Tasks {
		k.Files = append(k.Files, a.checkpoints[newest][task]...)
	}
	if fsm.FilesSize(k.Files) > fsm.MaxFilesSize {
		delete(a.checkpoints, newest) // no command could carry it
		return
	}
	slices.SortStableFunc(k.Files, func(a, b wire.Part) int { return cmp.Compare(a.Peer, b.Peer) })
	t.propose(fmt.Sprintf("checkpoint/%s/%d/%d", j.ID, j.Epoch, newest), fsm.Command{
		CommitCheckpoint: &fsm.CommitCheckpoint{Job: j.ID, Epoch: j.Epoch, Checkpoint: k},
	})
}

// supersede notices which checkpoints are no longer kept, and has their folders
// removed: nothing else is in the folder of a superstep of an epoch.
func (t *turn) supersede(j *fsm.Job, a *liveAttempt) {
	kept := map[int]bool{}
	for _, k := range j.Checkpoints {
		kept[k.Superstep] = true
		a.committed[k.Superstep] = k.Epoch
	}
	oldest := j.Checkpoints[len(j.Checkpoints)-1].Superstep
	dir := t.checkpointDir(j.ID)
	for superstep, epoch := range a.committed {
		if kept[superstep] {
			continue
		}
		delete(a.committed, superstep)
		if superstep >= oldest || dir == "" {
			continue // could not be read: the end of the job removes it
		}
		t.dropped[choreKey{j.ID, dropEpoch | job.Epoch(superstep)}] = fmt.Sprintf("%s/%d/%d", dir, epoch, superstep)
	}
	for superstep := range a.checkpoints {
		if superstep < oldest {
			delete(a.checkpoints, superstep)
		}
	}
	for _, key := range sortedChores(t.dropped) {
		if key.job == j.ID {
			t.removeCheckpoint(j, key, t.dropped[key])
		}
	}
}
