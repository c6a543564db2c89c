package host_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"scalar/serving/host"
)

// What goes first on the cores counts for those who wait: by the time of computing a request would make its
// deadline, by the pace of those that waited it would not.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, v, give := busyHost(t, host.Config{}, 1, time.Millisecond)
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() { ask(h, "a", time.Time{}, 1, 2, 3, 4) })
		}
		synctest.Wait()
		fits := func(want bool) { // the 11th of those that wait, with 20 ms
			t.Helper()
			began := time.Now()
			_, _, err := ask(h, "a", began.Add(20*time.Millisecond), 1, 2, 3, 4)
			if waited := time.Since(began) > 0; waited != want {
				t.Errorf("waited: %t, want %t: %v", waited, want, err)
			}
		}
		fits(true) // 11 ms and a quarter
		for range 100 {
			host.Paced(v, 2*time.Millisecond, 1)
		}
		fits(false) // 22 ms and a quarter
		host.Tune(v, time.Millisecond)
		for range 100 {
			host.Paced(v, 2*time.Millisecond, 2) // a batch of two
		}
		fits(true)
		if most := host.Paced(v, time.Hour, 1); most > 2*time.Millisecond {
			t.Errorf("an hour's pause makes it %v", most)
		}
		give()
		all.Wait()
	})
}
