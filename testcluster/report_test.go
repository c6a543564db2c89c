package testcluster_test

import (
	"path/filepath"
	"testing"

	"scalar/bsp/job"
	"scalar/testcluster"
)

// The tasks of a job with a report bring what they recorded to the store, on both
// grooms, and it agrees with the job's counters. Without one there is nothing.
func TestTrace(t *testing.T) {
	c := testcluster.Start(t, testcluster.Config{Grooms: 2, Slots: 4})
	graph := randomGraph(t, 500, 4000)
	for _, wanted := range []bool{true, false} {
		spec := builtinSpec("pagerank", 4, 2, "--iterations", "20")
		spec.Input, spec.Output, spec.Report = graph, filepath.Join(t.TempDir(), "out"), wanted
		info := c.Run(t.Context(), spec)
		if info.State != job.Succeeded {
			t.Fatal(info.State, info.Error)
		}
		told := map[int]*job.Trace{}
		look := func() bool {
			clear(told)
			if err := c.Client().Trace(t.Context(), info.ID, func(tr *job.Trace) { told[tr.Task] = tr }); err != nil {
				t.Fatal(err)
			}
			return len(told) == 2
		}
		if !wanted {
			// What would come does so with the logs.
			c.Eventually("the logs are in the store", func() bool {
				logs, err := filepath.Glob(filepath.Join(c.Dir, "store", "logs", string(info.ID), "*.log"))
				return err == nil && len(logs) == 2
			})
			if look(); len(told) > 0 {
				t.Errorf("told without being asked: %+v", told)
			}
			continue
		}
		c.Eventually("both tasks have told", look)
		messages, active := int64(0), int64(0)
		for task, tr := range told {
			if tr.Peers != info.Placement[task].Peers || tr.Steps != info.Supersteps || len(tr.Tracks) != 2 {
				t.Errorf("task %d: peers %v, %d supersteps, %d tracks; the job has %d supersteps", task, tr.Peers, tr.Steps, len(tr.Tracks), info.Supersteps)
			}
			for i := range tr.Messages {
				messages, active = messages+tr.Messages[i], active+tr.Active[i]
			}
		}
		if messages == 0 || messages != info.Counters[job.CounterMessages] || active%int64(info.Supersteps) != 0 || active == 0 {
			t.Errorf("%d messages, %d active vertices; counters %v", messages, active, info.Counters)
		}
	}
}
