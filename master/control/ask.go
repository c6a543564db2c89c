package control

import (
	"context"
	"sync"

	"scalar/bsp/job"
	"scalar/bsp/wire"
)

// probe asks a groom for an input on behalf of the core.
func (c *Plane) probe(ctx context.Context, r *reign, p ProbeAsk) {
	present := false
	if s := c.session(p.Session); s != nil {
		var reply wire.ProbeReply
		if err := s.call(ctx, wire.MethodProbe, wire.Probe{Inputs: []string{p.Key.Input}}, &reply); err != nil {
			c.cfg.Logger.Debug("groom cannot say whether it sees an input", "groom", p.Key.Groom, "error", err)
		} else {
			present = len(reply.Missing) == 0
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	r.core.Probed(c.cfg.Clock(), p.Key, present)
	r.wake()
}

func (c *Plane) session(id uint64) *session {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sessions[id]
}

// connected returns the sessions of the grooms that report to this leader, and
// what each is in the core's words.
func (c *Plane) connected(input string) map[*session]InputKey {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := map[*session]InputKey{}
	if c.reign == nil {
		return list
	}
	for name, g := range c.reign.core.grooms {
		if s := c.sessions[g.session]; s != nil && g.current(g.report.Incarnation) {
			list[s] = InputKey{name, g.report.Incarnation, input}
		}
	}
	return list
}

// ProbePaths asks the connected grooms for a job's paths before it is submitted.
// It returns a *job.Failure with exit code 2 when the output exists, or 3 when no
// groom sees the input, and nil when no groom can tell.
func (c *Plane) ProbePaths(ctx context.Context, spec job.Spec) error {
	if spec.Input == "" && spec.Output == "" {
		return nil
	}
	ask := wire.Probe{Output: spec.Output}
	if spec.Input != "" {
		ask.Inputs = []string{spec.Input}
	}
	var (
		asking           sync.WaitGroup
		mu               sync.Mutex // guards what follows
		exists           bool
		missing, present int
	)
	for s, key := range c.connected(spec.Input) {
		asking.Go(func() {
			var reply wire.ProbeReply
			if err := s.call(ctx, wire.MethodProbe, ask, &reply); err != nil {
				return // the others may know
			}
			mu.Lock()
			defer mu.Unlock()
			exists = exists || reply.OutputExists
			if len(reply.Missing) > 0 {
				missing++
			} else {
				present++
			}
			c.remember(key, len(reply.Missing) == 0)
		})
	}
	asking.Wait()
	switch {
	case exists:
		return job.Fail(job.FaultOutput, "output %s exists: remove it or name another", spec.Output).WithCode(job.ExitUsage)
	case spec.Input != "" && missing > 0 && present == 0:
		return job.Fail(job.FaultInput, "input %s is not there: no groom sees it", spec.Input).WithCode(job.ExitNotFound)
	}
	return ctx.Err()
}

// remember keeps an answer, so that placing the job need not ask again.
func (c *Plane) remember(key InputKey, present bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reign != nil && key.Input != "" {
		c.reign.core.Probed(c.cfg.Clock(), key, present)
		c.reign.wake()
	}
}

// Log reads a part of a task's log from the groom that ran it. The reply says
// Gone when the groom is not connected or has it no more; the store may.
func (c *Plane) Log(ctx context.Context, groom string, r wire.LogRequest) (wire.LogReply, error) {
	s := c.sessionOf(groom)
	if s == nil {
		return wire.LogReply{Gone: true}, nil
	}
	var reply wire.LogReply
	err := s.call(ctx, wire.MethodLog, r, &reply)
	return reply, err
}

func (c *Plane) sessionOf(groom string) *session {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reign == nil {
		return nil
	}
	g := c.reign.core.grooms[groom]
	if g == nil {
		return nil
	}
	return c.sessions[g.session]
}
