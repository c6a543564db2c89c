package master_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"scalar/bsp/job"
	"scalar/master"
	"scalar/master/fsm"

	"github.com/hashicorp/raft"
)

// TestLargeEntriesReachAllMasters: what one message may not hold follows in the next
// ones, for a master that keeps up and for one that has to catch up.
func TestLargeEntriesReachAllMasters(t *testing.T) {
	t.Parallel()
	c := prepare(t, 3)
	for i := range 3 {
		cfg := c.config(t, i)
		cfg.DiskTimeout = time.Minute // others may use the disk
		c.start(t, cfg)
	}
	late := c.followers(t)[0]
	c.kill(t, late)
	const jobs = 8 // of 1 MiB: more than one message has
	spec := pi("large")
	spec.Args = []string{strings.Repeat("x", job.MaxSpecBytes-1000)}
	var submitting sync.WaitGroup
	for range jobs {
		submitting.Go(func() {
			if err := c.propose(t.Context(), fsm.Command{Submit: &fsm.Submit{Spec: spec, Results: "file:///r"}}); err != nil {
				t.Error(err)
			}
		})
	}
	submitting.Wait()
	c.start(t, late.cfg)
	for _, n := range c.nodes {
		eventually(t, "all jobs on "+n.ID(), func() bool { return c.get(n, "/v1/status", nil) == 200 && n.State().LastJob >= jobs })
	}
}

// TestFailedWritesOfAFollower: a follower whose disk refuses some writes gets all
// entries all the same, and the leader ends in order after that.
func TestFailedWritesOfAFollower(t *testing.T) {
	t.Parallel()
	c := prepare(t, 3)
	disks := make([]failingLog, 3)
	for i := range 3 {
		cfg := c.config(t, i)
		cfg.DiskTimeout = time.Minute
		c.start(t, cfg, func(m *master.Master) {
			m.WrapLog(func(l raft.LogStore) raft.LogStore {
				disks[i].LogStore = l
				return &disks[i]
			})
		})
	}
	bad := c.followers(t)[0]
	disk := &disks[slices.Index(c.nodes, bad)]
	disk.fails.Store(true)
	const clients, each = 16, 32
	var submitting sync.WaitGroup
	for range clients {
		submitting.Go(func() {
			for range each {
				if err := c.propose(t.Context(), fsm.Command{Submit: &fsm.Submit{Spec: pi("small"), Results: "file:///r"}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	submitting.Wait()
	disk.fails.Store(false)
	eventually(t, "all jobs on all masters", func() bool {
		return !slices.ContainsFunc(c.nodes, func(n *node) bool {
			return n.State().LastJob < clients*each || n.State().LastJob != bad.State().LastJob // a commit whose answer was lost came twice
		})
	})
	if disk.writes.Load() < 2*failEvery {
		t.Errorf("it wrote %d times: none may have failed", disk.writes.Load())
	}
}

// propose commits a command by whichever master leads: on a busy machine that may change.
func (c *cluster) propose(ctx context.Context, cmd fsm.Command) (err error) {
	for end := time.Now().Add(patience); time.Now().Before(end); {
		for _, n := range c.nodes {
			if err = n.Propose(ctx, cmd); !errors.Is(err, master.ErrNotLeader) {
				return err
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	return err
}

// failEvery is which write fails, while they do.
const failEvery = 4

// failingLog refuses every few writes while fails is set.
type failingLog struct {
	raft.LogStore
	fails  atomic.Bool
	writes atomic.Int64 // while fails was set
}

func (l *failingLog) StoreLogs(logs []*raft.Log) error {
	if l.fails.Load() && l.writes.Add(1)%failEvery == 0 {
		return errors.New("input/output error")
	}
	return l.LogStore.StoreLogs(logs)
}

func (l *failingLog) IsMonotonic() bool {
	m, ok := l.LogStore.(raft.MonotonicLogStore)
	return ok && m.IsMonotonic()
}
