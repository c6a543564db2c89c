package job_test

import (
	"testing"

	"scalar/bsp/job"
)

// TestJoin adds up tasks that wait for each other at the first barrier.
func TestJoin(t *testing.T) {
	slow := job.Seconds{Queued: 7, Load: 4, Compute: 1, Write: 1}
	fast := job.Seconds{Load: 1, Compute: 4, Write: 2} // three of the four it waited for slow
	for _, got := range []job.Seconds{slow.Join(fast), fast.Join(slow)} {
		got.Queued = 0
		if want := (job.Seconds{Load: 4, Compute: 1, Write: 2}); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
	if got := (job.Seconds{}).Join(slow); got.Load != 4 || got.Compute != 1 || got.Write != 1 {
		t.Errorf("alone: %+v", got)
	}
}
