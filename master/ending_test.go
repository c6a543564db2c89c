package master_test

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"scalar/master"
)

// gatedLog is a log whose writes wait for a gate once it is shut.
type gatedLog struct {
	raft.LogStore
	shut    atomic.Bool
	reached func()
	gate    chan struct{}
}

func (l *gatedLog) StoreLog(log *raft.Log) error { return l.StoreLogs([]*raft.Log{log}) }

func (l *gatedLog) StoreLogs(logs []*raft.Log) error {
	if l.shut.Load() {
		l.reached()
		<-l.gate
	}
	return l.LogStore.StoreLogs(logs)
}

// TestQuestionsAreAnsweredAtTheEnd: a question whether this master leads that Raft has not come to is answered before it
// is shut down: Raft itself forgets it, and its asker would wait for ever.
func TestQuestionsAreAnsweredAtTheEnd(t *testing.T) {
	t.Parallel()
	c := prepare(t, 1)
	writing := make(chan struct{})
	log := &gatedLog{reached: sync.OnceFunc(func() { close(writing) }), gate: make(chan struct{})}
	n := c.start(t, c.config(t, 0), func(m *master.Master) {
		m.WrapLog(func(s raft.LogStore) raft.LogStore { log.LogStore = s; return log })
	})
	c.leader(t)
	log.shut.Store(true)
	var asked sync.WaitGroup
	asked.Go(func() {
		_, _ = c.try(n, request{method: http.MethodPost, path: "/v1/jobs", body: pi("late")}) // nobody may be left to answer
	})
	<-writing
	verified := make(chan error, 1)
	go func() { verified <- n.Verify(context.Background()) }()
	eventually(t, "the question waits", func() bool { return n.Questions() > 0 })
	n.stop()
	eventually(t, "the master ends", n.Ending)
	close(log.gate)
	if err := <-n.done; err != nil {
		t.Error(err)
	}
	c.remove(n)
	asked.Wait()
	select {
	case <-verified: // whatever the answer
	case <-time.After(patience):
		t.Error("a question was never answered")
	}
}
