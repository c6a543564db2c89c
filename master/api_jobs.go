package master

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"scalar/bsp/job"
	"scalar/master/control"
	"scalar/master/fsm"
	"scalar/storage"
)

// maxResult is how much of a job's result travels inside job.Info.
const maxResult = 1 << 20

// submit queues a job. The same request id gives the same job again.
func (a *api) submit(ctx context.Context, c *call) (reply, error) {
	var spec job.Spec
	if err := decodeJSON(c.r.Body, &spec); err != nil {
		return reply{}, err
	}
	if err := checkSpec(spec); err != nil {
		return reply{}, err
	}
	if err := checkStore(spec, a.cfg.Store); err != nil {
		return reply{}, err
	}
	if spec.Namespace == "" {
		spec.Namespace = job.DefaultNamespace
		if c.token.Namespace != allNamespaces && !c.token.Role.Allows(job.Operator) {
			spec.Namespace = c.token.Namespace
		}
	}
	c.did.Namespace = spec.Namespace
	if err := allowNamespace(c.token, spec.Namespace); err != nil {
		return reply{}, err
	}
	if err := a.owner.claim(ctx, a.node.State()); err != nil {
		return reply{}, err
	}
	if _, again := a.node.State().Request(c.dedupKey()); !again {
		if err := a.checkProgram(ctx, spec); err != nil {
			return reply{}, err
		}
		if err := a.control.ProbePaths(ctx, spec); err != nil {
			return reply{}, err
		}
	}
	result, err := a.propose(ctx, c, fsm.Command{Submit: &fsm.Submit{
		Spec: spec, Submitter: c.token.Name, Results: a.cfg.Store + "/results",
	}})
	if err != nil {
		return reply{}, err
	}
	c.did.Job = result.Job
	info, err := a.info(result.Job)
	return reply{http.StatusCreated, info}, err
}

func (a *api) info(id job.ID) (job.Info, error) {
	info, ok := a.control.Info(id)
	if !ok {
		return job.Info{}, noSuchJob(id)
	}
	return info, nil
}

// job returns the job that the path names. One of another namespace is not
// there: that it exists is nobody's business.
func (a *api) job(c *call) (job.Info, error) {
	id := job.ID(c.r.PathValue("id"))
	info, err := a.info(id)
	if err == nil && !inNamespace(c.token, info.Namespace) {
		return job.Info{}, noSuchJob(id)
	}
	return info, err
}

func noSuchJob(id job.ID) error {
	return fail(http.StatusNotFound, "no such job %q (bsp job list)", id)
}

func (a *api) inspect(ctx context.Context, c *call) (reply, error) {
	f, err := a.find(ctx, c)
	if err != nil {
		return reply{}, err
	}
	err = a.fillResult(ctx, &f)
	return answerOK(f.info), err
}

// fillResult puts what the peers wrote into Info when it is short and the job
// has no output of its own.
func (a *api) fillResult(ctx context.Context, f *found) error {
	info := &f.info
	url, own := a.ownResult(*f)
	if !own || info.State != job.Succeeded || info.Result != "" {
		return nil
	}
	r, err := storage.OpenOutput(ctx, url)
	if err != nil {
		a.log.Warn("result is gone", "job", info.ID, "error", err)
		return nil // the job itself is still worth telling
	}
	defer func() { _ = r.Close() }() // only read
	b, err := io.ReadAll(io.LimitReader(r, maxResult+1))
	if err != nil {
		return fmt.Errorf("read the result of %s: %w", info.ID, err)
	}
	if len(b) <= maxResult {
		info.Result = string(b)
	}
	return nil
}

// stop stops a job, whose tasks may end by themselves for as long as "grace" says.
// One that has ended stays as it is.
func (a *api) stop(ctx context.Context, c *call) (reply, error) {
	f, err := a.find(ctx, c)
	if err != nil {
		return reply{}, err
	}
	info := f.info
	c.did.Job, c.did.Namespace = info.ID, info.Namespace
	if f.archived != nil {
		return answerOK(info), nil
	}
	stop := &fsm.Stop{Job: info.ID, By: c.token.Name, Grace: job.DefaultStopGrace}
	if s := c.r.URL.Query().Get("grace"); s != "" {
		if stop.Grace, err = time.ParseDuration(s); err != nil || stop.Grace < 0 || stop.Grace > fsm.MaxGrace {
			return reply{}, fail(http.StatusBadRequest, "grace %q: want a time from 0s, at once, to %v", s, fsm.MaxGrace)
		}
	}
	if info.State == job.Running {
		stop.Last = &fsm.AttemptResult{Supersteps: info.Supersteps, Counters: fsm.Counters(info.Counters), Seconds: info.Seconds, DataPlane: info.DataPlane, Slowest: info.Slowest}
	}
	done, err := a.propose(ctx, c, fsm.Command{Stop: stop})
	switch {
	case err != nil && !errors.Is(err, fsm.ErrFinal):
		return reply{}, err
	case err == nil && done.Job != info.ID:
		return reply{}, usedFor(c, "job "+string(done.Job))
	}
	info, err = a.info(info.ID)
	return answerOK(info), err
}

func (a *api) why(ctx context.Context, c *call) (reply, error) {
	f, err := a.find(ctx, c)
	if err != nil {
		return reply{}, err
	}
	if f.archived != nil {
		return answerOK(control.WhyEnded(f.info, f.archived.EndedBy, f.archived.Spec.Timeout)), nil
	}
	why, known := a.control.Why(f.info.ID)
	if !known {
		return reply{}, noSuchJob(f.info.ID)
	}
	a.hideHolders(c.token, &why)
	return answerOK(why), nil
}

// hideHolders leaves of the jobs that hold something only the number of those
// that the token may not see.
func (a *api) hideHolders(t *fsm.Token, why *job.Why) {
	state := a.node.State()
	for i := range why.Reasons {
		r := &why.Reasons[i]
		seen := slices.DeleteFunc(slices.Clone(r.Holders), func(id job.ID) bool {
			namespace := "" // of a job that is gone by now
			if j, known := state.Job(id); known {
				namespace = j.Spec.Namespace
			}
			return !inNamespace(t, namespace)
		})
		if n := len(r.Holders) - len(seen); n > 0 {
			r.Free += fmt.Sprintf(" (holders in other namespaces: %d)", n)
		}
		r.Holders = seen
	}
}

func (a *api) plan(ctx context.Context, c *call) (reply, error) {
	f, err := a.find(ctx, c)
	if err != nil {
		return reply{}, err
	}
	if f.archived != nil {
		return answerOK(f.info.Placement), nil
	}
	plan, known := a.control.Plan(f.info.ID)
	if !known {
		return reply{}, noSuchJob(f.info.ID)
	}
	return answerOK(plan), nil
}

// result sends what the peers of a job without an output wrote, in peer order.
func (a *api) result(ctx context.Context, c *call) (reply, error) {
	f, err := a.find(ctx, c)
	if err != nil {
		return reply{}, err
	}
	url, own := a.ownResult(f)
	switch {
	case !own:
		return reply{}, fail(http.StatusConflict, "job %s wrote its output to %s", f.info.ID, url)
	case f.info.State != job.Succeeded:
		return reply{}, fail(http.StatusConflict, "job %s is %s: it has no result", f.info.ID, f.info.State)
	}
	r, err := storage.OpenOutput(ctx, url)
	if err != nil {
		return reply{}, fail(http.StatusNotFound, "the result of %s is gone: %v", f.info.ID, err)
	}
	defer func() { _ = r.Close() }() // only read
	c.w.Header().Set("Content-Type", "application/octet-stream")
	c.w.WriteHeader(http.StatusOK)
	if _, err := io.Copy(c.w, r); err != nil {
		return reply{}, fmt.Errorf("%w: %w", errAborted, err)
	}
	return reply{}, nil
}
