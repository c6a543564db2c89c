package history_test

import (
	"flag"
	"testing"

	"scalar/bench/history"
	"scalar/master/fsm"
)

// maxSnapshot is what 100,000 jobs may take (docs/decisions/0018-bounded-history.md).
const maxSnapshot = 50 << 20

var (
	jobs    = flag.Int("jobs", 100_000, "that pass through the state")
	masters = flag.Bool("restart", false, "a real master restarts with them too; on a busy machine the snapshot may not reach it within 15 s")
)

// 100,000 jobs, most of them archived, and as many in the queue, leave a snapshot of at
// most 50 MiB that is read back whole. Times are printed, and not judged here: the
// machine may be busy.
func TestHundredThousandJobs(t *testing.T) {
	n := *jobs
	if testing.Short() {
		n /= 50
	}
	f, err := history.New()
	if err != nil {
		t.Fatal(err)
	}
	measure := func(what string, s *fsm.State, active, finished int) {
		t.Helper()
		m, err := history.Measure(s)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d active, %d finished, snapshot %.1f MiB, written in %.2f s, read in %.2f s, %d MiB of memory",
			what, m.Active, m.Finished, float64(m.SnapshotBytes)/(1<<20), m.EncodeSeconds, m.RestoreSeconds, m.HeapBytes>>20)
		if m.Active != active || m.Finished != finished || m.SnapshotBytes > maxSnapshot {
			t.Errorf("%s: want %d active and %d finished: %+v", what, active, finished, m)
		}
	}
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(f.Finish(n/4, n/4))
	measure("a quarter, in the history", f.State(), 0, n/4)
	keep := n / 100
	check(f.Finish(n-n/4, keep))
	measure("all through", f.State(), 0, keep)
	check(f.Queue(n / 10))
	measure("all through and a queue", f.State(), n/10, keep)
	if *masters {
		t.Logf("a master with that answers %.2f s after its start", restart(t, f).Seconds())
	}

	queued, err := history.New()
	check(err)
	check(queued.Queue(n))
	measure("all in the queue", queued.State(), n, 0)
}
