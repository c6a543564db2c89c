package host_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"scalar/serving/host"
	"scalar/serving/protocol"
)

// busyHost is a host with a model of one executor, which is seized.
func busyHost(t *testing.T, c host.Config, batch int, perRow time.Duration) (h *host.Host, v *host.Version, give func()) {
	t.Helper()
	c.Cores = 1
	h = start(t, host.Batches(c, batch))
	load(t, h, "m", "1", sum(t, t.TempDir(), 5))
	l := acquire(t, h, "m", "", "")
	t.Cleanup(l.Release)
	host.Tune(l.Version, perRow)
	return h, l.Version, host.Seize(l.Version)
}

// A request leaves the queue at its deadline, and is not computed; those behind it are.
func TestDeadline(t *testing.T) {
	for _, batch := range []int{1, 16} {
		synctest.Test(t, func(t *testing.T) {
			h, v, give := busyHost(t, host.Config{}, batch, time.Microsecond)
			var all sync.WaitGroup
			all.Go(func() {
				began := time.Now()
				_, _, err := ask(h, "a", began.Add(5*time.Millisecond), 1, 2, 3, 4)
				refused(t, err, 504, "the deadline passed")
				if d := time.Since(began); d != 5*time.Millisecond {
					t.Errorf("answered after %v", d)
				}
			})
			synctest.Wait()
			all.Go(func() {
				got, _, err := ask(h, "a", time.Now().Add(time.Hour), 1, 2, 3, 4)
				if err != nil || got[0] != 15 {
					t.Error(got, err)
				}
			})
			ctx, cancel := context.WithCancel(t.Context())
			all.Go(func() {
				l := acquire(t, h, "m", "", "")
				defer l.Release()
				err := l.Predict(ctx, time.Time{}, request(1, []float32{1, 2, 3, 4}), &protocol.Answer{})
				refused(t, err, 503, "the request was given up")
			})
			synctest.Wait()
			cancel()
			time.Sleep(6 * time.Millisecond)
			if w := h.Models("a")[0].Versions[0].Waiting; w != 1 {
				t.Errorf("%d rows wait, want 1", w)
			}
			give()
			all.Wait()
			if s := v.Stats(); s.Requests != 1 || s.Late != 1 || host.Free(v) != 1 {
				t.Errorf("%+v", s)
			}
		})
	}
}

// What cannot make its deadline is refused at once: by its own rows, by those before it, and in
// the queue by the time that has gone.
func TestDeadlineRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, v, give := busyHost(t, host.Config{}, 1, 10*time.Millisecond)
		began := time.Now()
		_, _, err := ask(h, "a", began.Add(15*time.Millisecond), make([]float32, 8)...)
		refused(t, err, 504, "2 rows take about 20ms")
		_, _, err = ask(h, "a", began, 1, 2, 3, 4)
		refused(t, err, 504, "the deadline has passed")
		var all sync.WaitGroup
		all.Go(func() { ask(h, "a", time.Time{}, make([]float32, 40)...) })
		synctest.Wait()
		// The 11th row is there after 110 ms, and a quarter of that is to be left.
		_, _, err = ask(h, "a", began.Add(130*time.Millisecond), 1, 2, 3, 4)
		refused(t, err, 503, "the deadline would pass")
		if time.Since(began) != 0 {
			t.Errorf("refused after %v", time.Since(began))
		}
		// Another tenant's turn comes after one row of theirs.
		for range 2 {
			all.Go(func() {
				_, _, err := ask(h, "b", began.Add(55*time.Millisecond), 1, 2, 3, 4)
				refused(t, err, 504, "the deadline passed")
			})
			synctest.Wait()
		}
		if s := h.Models("a")[0].Versions[0]; s.Waiting != 12 {
			t.Errorf("%d rows wait, want 12", s.Waiting)
		}
		time.Sleep(50 * time.Millisecond) // they cannot make it any more, and do not know
		give()
		all.Wait()
		if s := v.Stats(); s.Requests != 1 || s.Late != 5 {
			t.Errorf("%+v", s)
		}
	})
}

// A full queue refuses, with when to come again; who has less in it than another pushes the other's last
// request out.
func TestQueueFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, v, give := busyHost(t, host.Config{QueueRows: 10, QueueTime: time.Minute}, 1, 500*time.Millisecond)
		var all sync.WaitGroup
		var mu sync.Mutex
		var out []string
		enter := func(who string, id float32) {
			all.Go(func() {
				_, _, err := ask(h, who, time.Time{}, id, 0, 0, 0)
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					out = append(out, fmt.Sprint(who, id, " ", status(err)))
				}
			})
			synctest.Wait()
		}
		for i := range 10 {
			enter("a", float32(i))
		}
		_, _, err := ask(h, "a", time.Time{}, 1, 2, 3, 4)
		refused(t, err, 503, "its queue is full")
		if b, ok := errors.AsType[*host.Busy](err); !ok || b.RetryAfter != 6*time.Second { // 11 rows of 0.5 s
			t.Errorf("%+v", b)
		}
		for i := range 7 {
			enter("b", float32(i))
		}
		if want := []string{"a9 503", "a8 503", "a7 503", "a6 503", "a5 503", "b5 503", "b6 503"}; !slices.Equal(out, want) {
			t.Errorf("%v, want %v", out, want)
		}
		give()
		all.Wait()
		if s := v.Stats(); s.Requests != 10 || s.Full != 8 {
			t.Errorf("%+v", s)
		}
		// A request of more rows than the queue has waits where nothing else does.
		give = host.Seize(v)
		all.Go(func() {
			if _, _, err := ask(h, "a", time.Time{}, make([]float32, 4*50)...); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		_, _, err = ask(h, "a", time.Time{}, 1, 2, 3, 4)
		refused(t, err, 503, "its queue is full")
		give()
		all.Wait()
	})
}

// A request that would wait for long is refused; a tenant waits for its own requests, and for as many of others.
func TestQueueTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, v, give := busyHost(t, host.Config{QueueTime: 100 * time.Millisecond}, 1, 10*time.Millisecond)
		var all sync.WaitGroup
		for range 11 {
			all.Go(func() {
				if _, _, err := ask(h, "a", time.Time{}, 0, 0, 0, 0); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		_, _, err := ask(h, "a", time.Time{}, 0, 0, 0, 0)
		refused(t, err, 503, "this one would wait for 120ms")
		all.Go(func() {
			if _, _, err := ask(h, "b", time.Time{}, 0, 0, 0, 0); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		give()
		all.Wait()
		if s := v.Stats(); s.Requests != 12 || s.Full != 1 {
			t.Errorf("%+v", s)
		}
	})
}

// A time a row that was measured wrong does not refuse for ever.
func TestDeadlineDoubted(t *testing.T) {
	h := start(t, host.Config{Cores: 1})
	load(t, h, "m", "1", sum(t, t.TempDir(), 5))
	host.Tune(host.Current(h, "m"), time.Hour)
	for n := 0; ; n++ {
		_, _, err := ask(h, "a", time.Now().Add(time.Second), 1, 2, 3, 4)
		if err == nil {
			break
		}
		if n == 1000 {
			t.Fatal(err)
		}
		refused(t, err, 504, "1 rows take about")
	}
}

// Tenants take turns, counted in rows, whatever each has sent before.
func TestQueueFair(t *testing.T) {
	q := &host.Queue{}
	enter := func(who string, requests, rows int) {
		for range requests {
			q.Push(who, rows)
		}
	}
	enter("a", 8, 1)
	enter("b", 3, 2)
	enter("c", 2, 1)
	var order strings.Builder
	for range 13 {
		order.WriteString(q.Take())
	}
	// a, b and c have 1, 2 and 1 rows; a has two more while b waits for the clock.
	if got, want := order.String(), "abcacabaabaaa"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// A large request lets others go between its parts, as often as it is their turn.
func TestQueueLarge(t *testing.T) {
	for _, batch := range []int{1, 16} {
		synctest.Test(t, func(t *testing.T) {
			h, v, give := busyHost(t, host.Config{}, batch, 1)
			x := random(4*256*5, 1)
			want := oracle(t, h.Models("")[0].Versions[0].Folder, 256*5, x).Predictions
			var all sync.WaitGroup
			all.Go(func() {
				got, _, err := ask(h, "a", time.Time{}, x...)
				if err != nil || !slices.Equal(got, want) {
					t.Errorf("%v, or other bits", err)
				}
				if s := v.Stats(); s.Requests != 4 {
					t.Errorf("%+v: the others were not computed before the large one's end", s)
				}
			})
			synctest.Wait()
			for range 3 {
				all.Go(func() {
					if got, _, err := ask(h, "b", time.Time{}, 1, 2, 3, 4); err != nil || got[0] != 15 {
						t.Error(got, err)
					}
				})
				synctest.Wait()
			}
			give()
			all.Wait()
			if host.Free(v) != 1 {
				t.Error("the executor is lost")
			}
		})
	}
}

// One that comes back as soon as it was answered gets its turn, what it was behind, and no more, however many of its requests
// are on the way; nor does one save up more than its credit.
func TestQueueComesBack(t *testing.T) {
	q := &host.Queue{}
	taken := map[string]int{}
	take := func(n int) {
		for range n {
			who := q.Take()
			taken[who]++
			if who == "b" {
				q.Push("b", 1)
			}
		}
	}
	for range 1000 {
		q.Push("a", 1)
	}
	take(300)
	q.Push("b", 1)
	q.Push("b", 1)
	take(100)
	if back := taken["b"] - 50; back != host.Credit/2 { // b takes 32 turns in a row, and every other one of the 68 that are left
		t.Errorf("%v: b has %d turns more than half", taken, back)
	}
	clear(taken)
	q.Push("c", host.Credit+40) // has one turn, and is 40 ahead
	for range 40 {
		q.Push("c", 1)
	}
	take(81)
	if taken["c"] != 1 || taken["a"] < 39 {
		t.Errorf("%v, want c once and the others 40 times each", taken)
	}
}
