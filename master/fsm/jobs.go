package fsm

import (
	"slices"
	"strconv"
	"strings"

	"scalar/bsp/job"
	"scalar/bsp/wire"
)

func (s *State) submit(c Submit) Result {
	if err := CheckSpec(c.Spec); err != nil {
		return refusal(err)
	}
	switch {
	case c.Spec.Output == "" && c.Results == "":
		return refuse(ErrInvalid, "neither the job nor the cluster names a folder for the output")
	case len(c.Submitter) > maxName || len(c.Results) > maxURL:
		return refuse(ErrInvalid, "submitter or results folder too long")
	case s.jobs.len() >= MaxJobs:
		return refuse(ErrFull, "%d jobs wait or run: try again later", s.jobs.len())
	case s.history.len() >= MaxHistory:
		return refuse(ErrFull, "%d finished jobs wait for their archive objects: is the store there, and a groom?", s.history.len())
	}
	s.LastJob++
	spec := c.Spec
	if spec.Name == "" {
		spec.Name = spec.Program.Name
	}
	if spec.Namespace == "" {
		spec.Namespace = job.DefaultNamespace
	}
	id := job.ID(slug(spec.Name) + "-" + strconv.FormatUint(s.LastJob, 10))
	output := spec.Output
	if output == "" {
		output = strings.TrimSuffix(c.Results, "/") + "/" + string(id)
	}
	s.jobs = s.jobs.set(s.LastJob, &Job{
		ID: id, Number: s.LastJob, Spec: spec, Submitter: c.Submitter, Output: output,
		State: job.Queued, Peers: spec.Peers, Checkpoint: -1, Submitted: s.Now, Queued: s.Now,
	})
	return Result{Job: id}
}

// find returns a copy of a job that is not final, to be changed and put back.
func (s *State) find(id job.ID) (*Job, Result) {
	j, ok := s.Job(id)
	switch {
	case !ok:
		return nil, refuse(ErrNotFound, "job %s", clip(string(id)))
	case j.State.Final():
		return nil, refuse(ErrFinal, "job %s is %s", id, j.State)
	}
	return j.clone(), Result{Job: id}
}

// findAttempt is find for a command about the attempt that runs.
func (s *State) findAttempt(id job.ID, epoch job.Epoch, want job.State) (*Job, Result) {
	j, r := s.find(id)
	if r.Code == 0 && (j.Epoch != epoch || j.State != want) {
		return nil, refuse(ErrStale, "job %s is %s in epoch %d", id, j.State, j.Epoch)
	}
	return j, r
}

func (s *State) put(j *Job) { s.jobs = s.jobs.set(j.Number, j) }

func (s *State) commitCheckpoint(c CommitCheckpoint) Result {
	j, r := s.findAttempt(c.Job, c.Epoch, job.Running)
	if r.Code != 0 {
		return r
	}
	k := c.Checkpoint
	switch {
	case k.Superstep <= j.Checkpoint:
		return refuse(ErrStale, "job %s has a checkpoint of superstep %d", c.Job, j.Checkpoint)
	case k.Epoch != c.Epoch || len(k.Files) == 0:
		return refuse(ErrInvalid, "the checkpoint has no files, or another epoch")
	case FilesSize(k.Files) > MaxFilesSize:
		return refuse(ErrInvalid, "the checkpoint has too many files: %d", len(k.Files))
	}
	j.Checkpoint, j.Saved, j.Row = k.Superstep, s.Index, 0
	j.Checkpoints = append([]wire.Checkpoint{k}, j.Checkpoints[:min(1, len(j.Checkpoints))]...)
	s.put(j)
	return r
}

func (s *State) finish(c Finish) Result {
	j, r := s.findAttempt(c.Job, c.Epoch, job.Running)
	if r.Code != 0 {
		return r
	}
	if j.Stopping != nil {
		return refuse(ErrStale, "job %s is being stopped", c.Job)
	}
	if r := c.Result.check(c.Job); r.Code != 0 {
		return r
	}
	s.release(j)
	result := c.Result
	j.State, j.Done, j.Result = job.Committing, s.Now, &result
	s.put(j)
	return r
}

// check refuses a result that is too large for the state.
func (a *AttemptResult) check(id job.ID) Result {
	if len(a.Counters) > MaxCounters || a.Supersteps < 0 || FilesSize(a.Parts) > MaxFilesSize {
		return refuse(ErrInvalid, "job %s has %d counters, at most %d, or too many parts", id, len(a.Counters), MaxCounters)
	}
	if len(a.Slowest) > MaxSlowest || slices.ContainsFunc(a.Slowest, func(s job.Slow) bool { return len(s.Phase) > maxName || len(s.Groom) > maxName }) {
		return refuse(ErrInvalid, "job %s has %d slowest peers, at most %d, or long names in them", id, len(a.Slowest), MaxSlowest)
	}
	if slices.ContainsFunc(a.Counters, func(n Counter) bool { return len(n.Name) > MaxCounterName }) {
		return refuse(ErrInvalid, "job %s has a counter with a name of more than %d bytes", id, MaxCounterName)
	}
	return Result{}
}

// checkLast refuses what cannot be the result of an attempt that did not succeed.
func checkLast(id job.ID, last *AttemptResult) Result {
	switch {
	case last == nil:
		return Result{}
	case len(last.Parts) > 0 || len(last.DataPlane) > maxName:
		return refuse(ErrInvalid, "job %s did not succeed and has parts", id)
	}
	return last.check(id)
}

func (s *State) committed(c Committed) Result {
	j, r := s.findAttempt(c.Job, c.Epoch, job.Committing)
	if r.Code != 0 {
		return r
	}
	j.Result.Seconds.Write += since(s.Now, j.Done).Seconds()
	s.end(j, job.Succeeded)
	return r
}

func (s *State) stop(c Stop) Result {
	j, r := s.find(c.Job)
	switch {
	case r.Code != 0:
		return r
	case len(c.By) > maxName:
		return refuse(ErrInvalid, "name of who stops the job is too long")
	case c.Grace < 0 || c.Grace > MaxGrace:
		return refuse(ErrInvalid, "a grace time of %v: choose 0 to %v", c.Grace, MaxGrace)
	case j.State == job.Committing:
		return refuse(ErrCommitting, "job %s", c.Job)
	}
	if r := checkLast(c.Job, c.Last); r.Code != 0 {
		return r
	}
	if j.Stopping == nil {
		j.EndedBy = c.By
	}
	if j.State == job.Running && c.Grace > 0 {
		deadline := s.Now.Add(c.Grace)
		if j.Stopping == nil || deadline.Before(j.Stopping.Deadline) { // asked again, it may only hurry
			j.Stopping = &Stopping{deadline}
			s.put(j)
		}
		return r
	}
	s.release(j)
	j.Result = c.Last
	s.end(j, job.Stopped)
	return r
}

func (s *State) timeOut(c TimeOut) Result {
	j, r := s.find(c.Job)
	switch {
	case r.Code != 0:
		return r
	case j.State == job.Committing:
		return refuse(ErrCommitting, "job %s", c.Job)
	case j.Spec.Timeout <= 0 || s.Now.Before(j.Submitted.Add(j.Spec.Timeout)):
		return refuse(ErrStale, "the time of job %s is not over", c.Job)
	}
	if r := checkLast(c.Job, c.Last); r.Code != 0 {
		return r
	}
	s.release(j)
	j.Result = c.Last
	s.end(j, job.TimedOut)
	return r
}

// end makes j final: Stopped, whatever else has happened, if it was being stopped.
// Its claims are given back before.
func (s *State) end(j *Job, state job.State) {
	if j.Stopping != nil {
		state, j.Stopping = job.Stopped, nil
	}
	if j.State == job.Queued {
		j.Waited += since(s.Now, j.Queued)
	}
	j.State, j.Finished, j.CA = state, s.Now, nil
	s.put(j)
}

func (s *State) cleaned(c Cleaned) Result {
	j, ok := s.Job(c.Job)
	switch {
	case !ok:
		return refuse(ErrNotFound, "job %s", clip(string(c.Job)))
	case !j.State.Final():
		return refuse(ErrStale, "job %s is %s", c.Job, j.State)
	}
	if _, ok := s.jobs.get(j.Number); !ok {
		return Result{Job: c.Job}
	}
	s.jobs = s.jobs.del(j.Number)
	s.finishSeq++
	d := j.digest()
	d.seq = s.finishSeq
	s.history = s.history.set(j.Number, d)
	s.finished = s.finished.set(s.finishSeq, j.Number)
	return Result{Job: c.Job}
}

// digest returns what is kept of a finished job: not what only a further
// attempt would need, nor what could be large.
func (j *Job) digest() *Job {
	d := j.clone()
	d.Clean = true
	d.Checkpoints, d.Blamed = nil, nil
	d.Spec.Env, d.Spec.Files = nil, nil
	size := 0
	for i, arg := range d.Spec.Args {
		if size += len(arg); size > maxKeptSpec {
			d.Spec.Args = append(slices.Clone(d.Spec.Args[:i]), "…")
			break
		}
	}
	if d.Result != nil {
		d.Result.Parts = nil
	}
	return d
}
