package master_test

import (
	"io"
	"net/http"
	"sync"
	"testing"

	"github.com/hashicorp/raft"

	"scalar/master"
)

// slowSnapshots are snapshots that are read when the gate is open.
type slowSnapshots struct {
	raft.SnapshotStore
	read func() // at the beginning of a read
	gate chan struct{}
}

func (s slowSnapshots) Open(id string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	s.read()
	<-s.gate
	return s.SnapshotStore.Open(id)
}

// TestMasterEndsWhileItRestores: Raft panics if it is shut down while it takes over a snapshot, so that is waited for.
func TestMasterEndsWhileItRestores(t *testing.T) {
	t.Parallel()
	c := prepare(t, 1)
	reading, gate := make(chan struct{}), make(chan struct{})
	n := c.start(t, c.config(t, 0), func(m *master.Master) {
		m.WrapStores(func(s master.Stores) master.Stores {
			s.Snapshots = slowSnapshots{s.Snapshots, sync.OnceFunc(func() { close(reading) }), gate}
			return s
		})
	})
	c.leader(t)
	saved := c.do(t, n, request{method: http.MethodGet, path: "/v1/snapshot"})
	var asked sync.WaitGroup
	asked.Go(func() {
		_, _ = c.try(n, request{method: http.MethodPut, path: "/v1/snapshot", body: string(saved.body)}) // nobody may be left to answer
	})
	<-reading
	n.stop()
	eventually(t, "the master ends", n.Ending)
	close(gate)
	if err := <-n.done; err != nil {
		t.Error(err)
	}
	c.remove(n)
	asked.Wait()
}
