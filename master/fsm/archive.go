package fsm

import "iter"

// archived forgets finished jobs. It is repeated when a leader crashes between an
// archive object and the answer, and after a snapshot was restored that has the job
// again: then the object is written again.
func (s *State) archived(c Archived) Result {
	if len(c.Jobs) == 0 || len(c.Jobs) > MaxArchived {
		return refuse(ErrInvalid, "%d archived jobs, at most %d", len(c.Jobs), MaxArchived)
	}
	for _, id := range c.Jobs {
		if len(id) > maxName {
			return refuse(ErrInvalid, "job id of %d bytes", len(id))
		}
		if j, ok := s.Job(id); ok && j.Clean {
			s.history = s.history.del(j.Number)
			s.finished = s.finished.del(j.seq)
		}
	}
	return Result{}
}

// History walks the finished jobs that need no more work, in the order in which they
// came to that.
func (s *State) History() iter.Seq[*Job] {
	return func(yield func(*Job) bool) {
		for _, number := range s.finished.all() {
			if j, ok := s.history.get(number); ok && !yield(j) {
				return
			}
		}
	}
}

// Counts returns how many jobs Active and History walk.
func (s *State) Counts() (active, finished int) { return s.jobs.len(), s.history.len() }
