package master

import (
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// contacts remembers, on the leader, which masters do not answer its heartbeats.
type contacts struct {
	mu     sync.Mutex // guards silent
	silent map[raft.ServerID]time.Time
}

// watch makes Raft tell of every heartbeat that fails and of the first that does not.
func (c *contacts) watch(r *raft.Raft) {
	r.RegisterObserver(raft.NewObserver(nil, false, func(o *raft.Observation) bool {
		c.observe(o.Data)
		return false
	}))
}

func (c *contacts) observe(what any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch o := what.(type) {
	case raft.FailedHeartbeatObservation:
		if c.silent == nil {
			c.silent = map[raft.ServerID]time.Time{}
		}
		c.silent[o.PeerID] = o.LastContact
	case raft.ResumedHeartbeatObservation:
		delete(c.silent, o.PeerID)
	case raft.RaftState: // a new reign knows nothing yet, a follower nothing at all
		clear(c.silent)
	}
}

// lost reports whether a master is silent, and when it last was not; zero: not in
// this reign.
func (c *contacts) lost(id raft.ServerID) (since time.Time, is bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	since, is = c.silent[id]
	return since, is
}
