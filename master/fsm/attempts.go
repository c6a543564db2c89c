package fsm

import (
	"slices"
	"time"

	"scalar/bsp/job"
)

// place begins an attempt. The plan was made from an older state: what could
// have made it wrong since is checked again here.
func (s *State) place(c Place) Result {
	j, r := s.findAttempt(c.Job, c.Epoch-1, job.Queued)
	if r.Code != 0 {
		return r
	}
	if r := checkTasks(j, c); r.Code != 0 {
		return r
	}
	grooms := s.grooms
	for i, t := range c.Tasks {
		g, ok := grooms.get(t.Groom)
		switch {
		case !ok || g.Lost || g.Draining || g.Facts.Incarnation != t.Incarnation || g.Changed > c.Base:
			return refuse(ErrStale, "task %d: groom %s is not what the plan of index %d saw", i, clip(t.Groom), c.Base)
		case !g.Facts.Capacity().Minus(g.Used).Covers(t.Claim):
			return refuse(ErrStale, "task %d: groom %s has no room left", i, clip(t.Groom))
		}
		h := *g
		h.Used = h.Used.Plus(t.Claim)
		grooms = grooms.set(t.Groom, &h)
	}
	s.grooms = grooms
	j.State, j.Epoch, j.Tasks, j.CA = job.Running, c.Epoch, c.Tasks, c.CA
	j.Peers = c.Tasks[len(c.Tasks)-1].Peers.Hi
	j.Waited += since(s.Now, j.Queued)
	j.Placed = s.Now
	s.put(j)
	return r
}

// checkTasks refuses a placement that is malformed by itself or not j's.
func checkTasks(j *Job, c Place) Result {
	if len(c.Tasks) == 0 || len(c.Tasks) > job.MaxTasks || len(c.CA) > maxCA {
		return refuse(ErrInvalid, "%d tasks, a CA of %d bytes", len(c.Tasks), len(c.CA))
	}
	if j.Spec.Tasks > 0 && len(c.Tasks) != j.Spec.Tasks {
		return refuse(ErrInvalid, "%d tasks instead of %d", len(c.Tasks), j.Spec.Tasks)
	}
	next := 0
	for i, t := range c.Tasks {
		n := t.Peers.N()
		if t.Peers.Lo != next || n <= 0 || n > job.MaxPeers {
			return refuse(ErrInvalid, "task %d has peers [%d,%d) after %d", i, t.Peers.Lo, t.Peers.Hi, next)
		}
		if t.Claim.Slots != n || t.Claim.MilliCores < 0 || t.Claim.Memory < 0 || t.Claim.GPUs < 0 || len(t.Host) > maxName {
			return refuse(ErrInvalid, "task %d of %d peers claims %+v", i, n, t.Claim)
		}
		next = t.Peers.Hi
	}
	if next > job.MaxPeers || j.Peers > 0 && next != j.Peers {
		return refuse(ErrInvalid, "%d peers instead of %d", next, j.Peers)
	}
	return Result{}
}

// release gives back what j's tasks hold.
func (s *State) release(j *Job) {
	if j.State != job.Running {
		return
	}
	for _, t := range j.Tasks {
		g, ok := s.grooms.get(t.Groom)
		if !ok {
			continue
		}
		h := *g
		h.Used = h.Used.Minus(t.Claim)
		s.grooms = s.grooms.set(t.Groom, &h)
	}
}

func (s *State) endAttemptCommand(c EndAttempt) Result {
	j, r := s.find(c.Job)
	switch {
	case r.Code != 0:
		return r
	case c.Failure.Kind < job.FaultProgram || c.Failure.Kind > job.FaultDrain:
		return refuse(ErrInvalid, "failure of kind %d", c.Failure.Kind)
	case len(c.Failure.Message) > maxURL || len(c.Failure.Detail) > 2*maxURL || len(c.Failure.Groom) > maxName:
		return refuse(ErrInvalid, "failure with a text too long")
	case j.Epoch != c.Epoch || j.State == job.Queued:
		return refuse(ErrStale, "job %s is %s in epoch %d", c.Job, j.State, j.Epoch)
	case j.State == job.Committing && c.Failure.Kind != job.FaultOutput:
		return refuse(ErrStale, "the tasks of job %s have finished: only its output can fail", c.Job) // it was on its way when Finish was
	}
	if c.Failure.Kind == job.FaultDrain {
		if g, ok := s.grooms.get(c.Failure.Groom); !ok || !j.Moves(g) {
			return refuse(ErrStale, "job %s does not leave groom %s", c.Job, clip(c.Failure.Groom))
		}
	}
	if r := checkLast(c.Job, c.Last); r.Code != 0 {
		return r
	}
	if c.Last != nil {
		j.Result = c.Last
	}
	s.endAttempt(j, c.Failure)
	return r
}

// endAttempt decides what follows a failed attempt of j, a copy.
func (s *State) endAttempt(j *Job, f job.Failure) {
	s.release(j)
	if j.Stopping != nil {
		s.end(j, job.Stopped)
		return
	}
	j.Failure = &f
	failed := j.State == job.Committing
	switch f.Kind {
	case job.FaultInput, job.FaultOutput:
		failed = true
	case job.FaultProgram, job.FaultInternal:
		j.Faults++
		failed = failed || j.Faults >= j.MaxAttempts()
	case job.FaultCheckpoint:
		j.Losses++
		if len(j.Checkpoints) > 0 {
			j.Checkpoints = j.Checkpoints[1:]
		}
		j.Checkpoint = -1
		if len(j.Checkpoints) > 0 {
			j.Checkpoint = j.Checkpoints[0].Superstep
		}
	case job.FaultGroom, job.FaultLink:
		j.Losses++
		s.blame(j, f.Groom)
	case job.FaultDrain: // counts for nothing
		j.Row = -1
	}
	if failed || j.Losses >= job.MaxGroomLosses {
		if j.Result != nil {
			j.Result.Parts = nil // of an output that could not be committed
		}
		s.end(j, job.Failed)
		return
	}
	j.State, j.Queued, j.CA, j.Result = job.Queued, s.Now, nil, nil
	j.Row++
	j.NotBefore = s.Now.Add(pause(j.Row))
	s.put(j)
}

// The pause before an attempt grows from the first to the longest: what ends
// attempts at once, a full disk say, must not use up all of them within a second.
const (
	firstPause   = 100 * time.Millisecond
	longestPause = 10 * time.Second
)

// pause returns how long a job waits after so many attempts in a row that ended
// without a new checkpoint. One fault alone is no reason to wait.
func pause(row int) time.Duration {
	if row < 2 {
		return 0
	}
	return min(firstPause<<min(row-2, 10), longestPause)
}

// blame counts an ended attempt against the life of the groom that ended it.
func (s *State) blame(j *Job, groom string) {
	i := slices.IndexFunc(j.Tasks, func(t Assignment) bool { return t.Groom == groom })
	if i < 0 {
		return
	}
	incarnation := j.Tasks[i].Incarnation
	k := slices.IndexFunc(j.Blamed, func(b Blame) bool { return b.Groom == groom })
	switch {
	case k < 0:
		j.Blamed = append(j.Blamed, Blame{groom, incarnation, 1})
	case j.Blamed[k].Incarnation != incarnation:
		j.Blamed[k] = Blame{groom, incarnation, 1}
	default:
		j.Blamed[k].Count++
	}
}
