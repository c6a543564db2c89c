package testcluster_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"scalar/bsp/client"
	"scalar/bsp/job"
	"scalar/master"
	"scalar/testcluster"
)

// TestStoreIsSwept: with short times nothing is left of a job in the end, in the store and
// in the masters' state, but for the one that they keep at hand.
func TestStoreIsSwept(t *testing.T) {
	c := testcluster.Start(t, testcluster.Config{Masters: 1, Grooms: 1, AdjustMaster: func(_ int, m *master.Config) {
		m.HistoryJobs, m.LogKeep, m.ArchiveKeep = 1, time.Second, 2*time.Second
	}})
	ids := make([]job.ID, 0, 3)
	for range cap(ids) {
		ids = append(ids, c.Run(t.Context(), builtinSpec("pi", 2, 1, "--samples", "1000")).ID)
	}
	in := func(kind string) map[string]bool {
		found := map[string]bool{}
		err := filepath.WalkDir(filepath.Join(c.Dir, "store", kind), func(path string, _ os.DirEntry, err error) error {
			found[filepath.Base(path)] = true
			return err
		})
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Log(err) // removed while it was walked
		}
		return found
	}
	c.Eventually("the store is empty but for the job at hand", func() bool {
		results, archive := in("results"), in("archive")
		logs := in("logs")
		for _, id := range ids[:2] {
			if results[string(id)] || archive[string(id)+".json.zst"] || logs[string(id)] {
				return false
			}
			if _, err := c.Client().Job(t.Context(), id); client.ExitCode(err) != job.ExitNotFound {
				return false
			}
		}
		return results[string(ids[2])]
	})
	if last, err := c.Client().Job(t.Context(), ids[2]); err != nil || last.Result == "" {
		t.Errorf("the job at hand: %+v, %v", last, err)
	}
}
