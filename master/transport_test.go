package master_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"scalar/bsp/job"
	"scalar/master/fsm"
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
	leader, late := c.leader(t), c.followers(t)[0]
	c.kill(t, late)
	const jobs = 8 // of 1 MiB: more than one message has
	spec := pi("large")
	spec.Args = []string{strings.Repeat("x", job.MaxSpecBytes-1000)}
	var submitting sync.WaitGroup
	for range jobs {
		submitting.Go(func() {
			if err := leader.Propose(t.Context(), fsm.Command{Submit: &fsm.Submit{Spec: spec, Results: "file:///r"}}); err != nil {
				t.Error(err)
			}
		})
	}
	submitting.Wait()
	c.start(t, late.cfg)
	for _, n := range c.nodes {
		eventually(t, "all jobs on "+n.ID(), func() bool { return c.get(n, "/v1/status", nil) == 200 && n.State().LastJob == jobs })
	}
}
