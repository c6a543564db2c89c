package history_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"scalar/bench/history"
	"scalar/bsp/client"
	"scalar/master"
	"scalar/testcluster"
)

func TestMain(m *testing.M) { testcluster.Main(m) }

// restart has a real master take over the state and start again on its data folder. It
// returns the time from its start to its first answer.
func restart(t *testing.T, f *history.Filler) time.Duration {
	t.Helper()
	active, finished := f.State().Counts()
	c := testcluster.Start(t, testcluster.Config{Masters: 1, Grooms: 1, AdjustMaster: func(_ int, m *master.Config) {
		m.HistoryJobs = max(1, finished)
		m.HistoryAge = 100 * 365 * 24 * time.Hour // of the filler's clock
	}})
	file := filepath.Join(t.TempDir(), "snapshot")
	out, err := os.Create(file)
	if err == nil {
		err = f.State().Encode(out)
	}
	if err == nil {
		err = out.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Client().RestoreSnapshot(t.Context(), file); err != nil {
		t.Fatal(err)
	}
	c.StopMaster(0)
	begin := time.Now()
	c.StartMaster(0)
	var page client.JobPage
	c.Eventually("the master answers again", func() bool {
		var err error
		page, err = c.Client().JobPage(t.Context(), client.JobQuery{Limit: 1})
		return err == nil
	})
	took := time.Since(begin)
	if n := len(page.Jobs) + page.More; n != active+finished {
		t.Errorf("%d jobs after the restart, not %d and %d", n, active, finished)
	}
	return took
}
