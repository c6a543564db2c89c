package fsm

import "scalar/bsp/job"

// Adopt returns what s becomes when a snapshot that an operator has saved takes its
// place. Jobs, their history and tokens are the snapshot's. What is of the cluster as it
// runs now stays: its name, the first admin's token, the grooms, the time, and the
// numbers of jobs and epochs, which are never used twice. Jobs that had tasks then go
// on in an attempt of their own, from their newest checkpoint; if that is no longer in
// the store, from the start. Before says whose state this was: its store is now ours.
func (s *State) Adopt(saved *State) *State {
	n := *saved
	n.Index, n.Cluster, n.AdminHash, n.Before = s.Index, s.Cluster, s.AdminHash, s.Before
	if saved.Cluster != s.Cluster {
		n.Before = saved.Cluster
	}
	if s.Now.After(n.Now) {
		n.Now = s.Now
	}
	n.LastJob = max(n.LastJob, s.LastJob)
	for _, j := range saved.jobs.all() {
		c := j.clone()
		if now, ok := s.Job(j.ID); ok {
			c.Epoch = max(c.Epoch, now.Epoch)
			if !now.State.Final() && now.Checkpoint > c.Checkpoint { // those of the snapshot are gone
				c.Checkpoint, c.Checkpoints, c.Saved = now.Checkpoint, now.Checkpoints, now.Saved
			}
		}
		if c.State == job.Running || c.State == job.Committing {
			c.State, c.Queued, c.CA, c.Result = job.Queued, n.Now, nil, nil
		}
		n.put(c)
	}
	n.grooms = s.grooms
	for name, g := range s.grooms.all() {
		free := *g
		free.Used, free.Changed = Claim{}, s.Index
		n.grooms = n.grooms.set(name, &free)
	}
	return &n
}
