package master

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"scalar/master/fsm"

	"github.com/hashicorp/raft"
)

// replica is this master's copy of the replicated state. Raft applies to it
// from one goroutine; reading is safe for concurrent use.
type replica struct {
	state   atomic.Pointer[fsm.State]
	applied func(time.Duration) // told how long each command took

	mu      sync.Mutex
	changed chan struct{} // guarded by mu; closed and replaced when the state changes
}

func newReplica(applied func(time.Duration)) *replica {
	r := &replica{applied: applied, changed: make(chan struct{})}
	r.state.Store(fsm.New())
	return r
}

// State returns the current state.
func (r *replica) State() *fsm.State { return r.state.Load() }

// Changed returns a channel that is closed at the next change of the state. Take
// it before State, so that no change is missed.
func (r *replica) Changed() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.changed
}

func (r *replica) set(s *fsm.State) {
	r.state.Store(s)
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.changed)
	r.changed = make(chan struct{})
}

// Apply implements raft.FSM. A malformed entry is refused alike on every master.
func (r *replica) Apply(entry *raft.Log) any {
	start := time.Now()
	defer func() { r.applied(time.Since(start)) }()
	old := r.state.Load()
	next, result := fsm.ApplyEncoded(old, entry.Index, entry.Data)
	if next != old {
		r.set(next)
	}
	return result
}

// Snapshot implements raft.FSM. It takes no time, since states are immutable.
func (r *replica) Snapshot() (raft.FSMSnapshot, error) {
	return snapshot{r.state.Load()}, nil
}

// Restore implements raft.FSM.
func (r *replica) Restore(from io.ReadCloser) error {
	s, err := fsm.Restore(from)
	if closeErr := from.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("restore snapshot: %w", err)
	}
	r.set(s)
	return nil
}

type snapshot struct{ state *fsm.State }

// Persist writes the state and seals the sink.
func (s snapshot) Persist(sink raft.SnapshotSink) error {
	if err := s.state.Encode(sink); err != nil {
		_ = sink.Cancel() // the first error tells more
		return fmt.Errorf("write snapshot: %w", err)
	}
	return sink.Close()
}

// Release has nothing to free.
func (snapshot) Release() {}
