package testcluster_test

import (
	"bytes"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"scalar/bsp/client"
	"scalar/bsp/job"
	"scalar/master"
	"scalar/testcluster"
)

// TestArchive: jobs that the masters have forgotten are told from the archive, with their
// logs and results, by any leader; what never was is not found.
func TestArchive(t *testing.T) {
	c := testcluster.Start(t, testcluster.Config{Masters: 1, Grooms: 2, AdjustMaster: func(_ int, m *master.Config) { m.HistoryJobs = 1 }})
	cl := c.Client()
	ran := []job.Info{
		c.Run(t.Context(), builtinSpec("pi", 2, 2, "--samples", "1000")),
		c.Run(t.Context(), builtinSpec("pi", 2, 1, "--samples", "1000", "--nonsense")),
		c.Run(t.Context(), builtinSpec("pi", 1, 1, "--samples", "1000")),
	}
	archived := func() []job.Info {
		p, err := cl.JobPage(t.Context(), client.JobQuery{Archived: true})
		if err != nil {
			t.Fatal(err)
		}
		return p.Jobs
	}
	c.Eventually("two jobs are archived and forgotten", func() bool {
		at, err := cl.Jobs(t.Context(), client.JobQuery{})
		return err == nil && len(at) == 1 && len(archived()) == 2
	})
	if a := archived(); a[0].ID != ran[1].ID || a[1].ID != ran[0].ID {
		t.Errorf("archived: %s, %s", a[0].ID, a[1].ID)
	}
	if at, err := cl.Jobs(t.Context(), client.JobQuery{}); err != nil || len(at) != 1 || at[0].ID != ran[2].ID {
		t.Errorf("at hand: %+v, %v", at, err)
	}
	page, err := cl.JobPage(t.Context(), client.JobQuery{Archived: true, Limit: 1})
	if err != nil || len(page.Jobs) != 1 || page.Next != ran[1].ID {
		t.Fatalf("first page %+v, %v", page, err)
	}
	if page, err = cl.JobPage(t.Context(), client.JobQuery{Archived: true, Limit: 1, Before: page.Next}); err != nil || len(page.Jobs) != 1 || page.Jobs[0].ID != ran[0].ID {
		t.Errorf("second page %+v, %v", page, err)
	}
	checkArchived(t, c, ran)
	c.StopMaster(0)
	for _, i := range []int{0, 1} { // the store has the logs by now, and nobody else
		c.StopGroom(i)
	}
	c.StartMaster(0)
	c.Eventually("a leader again", func() bool { _, err := c.Client().Jobs(t.Context(), client.JobQuery{}); return err == nil })
	checkArchived(t, c, ran)
	for _, id := range []job.ID{"pi-99", "other-1", "pi-1x", "none"} {
		_, err := c.Client().Job(t.Context(), id)
		if e, ok := errors.AsType[*client.Error](err); !ok || e.Code != job.ExitNotFound {
			t.Errorf("%s: %v", id, err)
		}
	}
	if found, err := filepath.Glob(filepath.Join(c.Dir, "store", "archive", "000000", "pi-*.json.zst")); err != nil || len(found) != 2 {
		t.Errorf("archive: %v, %v", found, err)
	}
}

// checkArchived looks at jobs by all commands, at those that are archived as at others.
func checkArchived(t *testing.T, c *testcluster.Cluster, ran []job.Info) {
	t.Helper()
	cl := c.Client()
	for i, was := range ran {
		is, err := cl.Job(t.Context(), was.ID)
		if err != nil || is.State != was.State || is.Result != was.Result || is.ExitCode != was.ExitCode ||
			!is.Finished.Equal(was.Finished) || is.Counters[job.CounterMessages] != was.Counters[job.CounterMessages] || len(is.Placement) != was.Tasks {
			t.Errorf("%s was %+v\nand is %+v, %v", was.ID, was, is, err)
		}
		if w, err := cl.Watch(t.Context(), was.ID, func(job.Info) error { return nil }); err != nil || w.State != was.State || w.Result != was.Result {
			t.Errorf("wait %s: %+v, %v", was.ID, w, err)
		}
		if why, err := cl.Why(t.Context(), was.ID); err != nil || !strings.Contains(why.Summary, was.State.String()) {
			t.Errorf("why %s: %+v, %v", was.ID, why, err)
		}
		if err := cl.Stop(t.Context(), was.ID); err != nil {
			t.Errorf("stop %s: %v", was.ID, err)
		}
		var logs, result bytes.Buffer
		if err := cl.Logs(t.Context(), was.ID, client.LogOptions{Task: -1, Follow: i == 0}, &logs); err != nil {
			t.Errorf("logs of %s: %v", was.ID, err)
		}
		if err := cl.Result(t.Context(), was.ID, &result); (err == nil) != (was.State == job.Succeeded) || result.String() != was.Result {
			t.Errorf("result of %s: %q, %v", was.ID, result.String(), err)
		}
	}
}
