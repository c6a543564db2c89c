package control

import (
	"slices"
	"time"

	"scalar/bsp/job"
	"scalar/master/fsm"
	"scalar/master/sched"
)

// InputKey is a question to one life of a groom: does it see this input?
type InputKey struct {
	Groom       string
	Incarnation uint64
	Input       string
}

// inputSeen is its answer.
type inputSeen struct {
	asking  bool
	present bool
	when    time.Time // of the answer, or of the error instead of one
}

// Bounds on what is asked and remembered of inputs.
const (
	maxInputAsks = 100             // jobs whose inputs are asked for in one turn
	maxInputJobs = 5000            // jobs at the head of the queue whose inputs are looked for
	maxInputs    = 100_000         // answers kept
	inputFresh   = 1 * time.Minute // an input that was there is asked for again after this
)

// sees answers the scheduler.
func (c *Core) sees(j *fsm.Job, groom string, incarnation uint64) sched.Sees {
	s, ok := c.inputs[InputKey{groom, incarnation, j.Spec.Input}]
	switch {
	case !ok || s.when.IsZero():
		return sched.Unknown
	case s.present:
		return sched.Present
	}
	return sched.Missing
}

// Probed says what a groom answered; no answer counts as not present.
func (c *Core) Probed(now time.Time, key InputKey, present bool) {
	if len(c.inputs) > maxInputs {
		clear(c.inputs)
	}
	c.inputs[key] = inputSeen{present: present, when: now}
	c.dirty = true
}

// askForInputs asks the connected grooms for the inputs of queued jobs. Jobs
// whose inputs are known, or known to be missing, take nothing from those behind.
func (t *turn) askForInputs() {
	var queue []*fsm.Job
	for j := range t.state.Active() {
		if j.State == job.Queued && j.Spec.Input != "" {
			queue = append(queue, j)
		}
	}
	slices.SortFunc(queue, sched.Order)
	asks := 0
	for _, j := range queue[:min(len(queue), maxInputJobs)] {
		if asks >= maxInputAsks {
			return
		}
		before := len(t.out.Probes)
		for g := range t.state.Grooms() {
			if !g.Lost && t.grooms[g.Facts.Name].current(g.Facts.Incarnation) {
				t.askForInput(InputKey{g.Facts.Name, g.Facts.Incarnation, j.Spec.Input})
			}
		}
		if len(t.out.Probes) > before {
			asks++
		}
	}
}

func (t *turn) askForInput(key InputKey) {
	s := t.inputs[key]
	wait := probeAgain
	if s.present {
		wait = inputFresh
	}
	if s.asking {
		return
	}
	if !s.when.IsZero() && t.now.Before(s.when.Add(wait)) {
		if !s.present {
			t.scheduleAt(s.when.Add(wait))
		}
		return
	}
	s.asking = true
	t.inputs[key] = s
	t.out.Probes = append(t.out.Probes, ProbeAsk{t.grooms[key.Groom].session, key})
}
