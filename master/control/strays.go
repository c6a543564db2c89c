package control

import (
	"maps"
	"slices"

	"scalar/bsp/job"
	"scalar/bsp/wire"
	"scalar/master/fsm"
)

// A groom that no master reaches keeps its tasks running, and they go on to write
// checkpoints and parts. When their job is stopped meanwhile, what it left is removed
// without them, and what they write after that would stay for ever. So a leader that
// hears of such a task again has the job's folders removed once more, after the task
// has ended.

// lateEpoch is the first number of such chores.
const lateEpoch job.Epoch = 1 << 29

// stray notes the job of a reported task that is of no attempt known here; whether it
// has ended is looked at when the next decision is made.
func (c *Core) stray(s *wire.TaskStatus) {
	if _, known := c.strays[s.Key.Job]; !known && c.attempts[s.Key.Job] == nil {
		c.strays[s.Key.Job] = 0
	}
}

// cleanStrays removes what tasks wrote that outlived the cleaning of their job.
func (t *turn) cleanStrays() {
	for _, id := range slices.Sorted(maps.Keys(t.strays)) {
		j, ok := t.state.Job(id)
		switch {
		case !ok || !j.State.Final(): // it was forgotten, or its own cleaning is to come
			delete(t.strays, id)
		case !j.Clean || t.reported(id):
		default:
			t.cleanStray(j)
		}
	}
}

func (t *turn) cleanStray(j *fsm.Job) {
	first := t.strays[j.ID]
	if first == 0 {
		first = lateEpoch + t.late
		t.strays[j.ID] = first
		t.late += job.Epoch(len(t.leftovers(j))/maxRemove) + 1
	}
	if t.removeLeftovers(j, func(part int) job.Epoch { return first + job.Epoch(part) }) {
		delete(t.strays, j.ID)
	}
}

// reported reports whether a groom still lists a task of the job.
func (t *turn) reported(id job.ID) bool {
	for _, g := range t.grooms {
		if g.session != 0 && slices.ContainsFunc(g.report.Tasks, func(s wire.TaskStatus) bool { return s.Key.Job == id }) {
			return true
		}
	}
	return false
}
