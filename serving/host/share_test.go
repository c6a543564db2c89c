package host_test

import (
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"scalar/serving/host"
)

// A tenant that asks for half its share at random times waits little longer beside one that asks for three times what there is:
// time is of a model that takes one unit a row.
func TestQueueShare(t *testing.T) {
	const rows = 20_000.
	alone, others := crowd(.25, 0, rows)
	beside, greedy := crowd(.25, 3, rows)
	if over := beside - 1.5*alone; over > 1 {
		t.Errorf("p99 is %.2f rows alone and %.2f beside another", alone, beside)
	}
	if others != 0 || greedy < .74*rows {
		t.Errorf("the greedy one had %v rows alone, and %v beside", others, greedy)
	}
	// One that asks for all gets its half, and the other one too.
	if _, greedy = crowd(1, 3, rows); greedy < .49*rows || greedy > .51*rows {
		t.Errorf("of two that ask for all one had %v of %v rows", greedy, rows)
	}
}

// crowd is an executor that takes one unit of time a row, and requests of a row at random times: own of b in a unit, and
// other of a. It returns the 99th percentile of b's times, and how many rows a had.
func crowd(own, other, until float64) (p99, others float64) {
	q, r := &host.Queue{}, rand.New(rand.NewPCG(1, 2))
	next := map[string]float64{"a": math.Inf(1), "b": r.ExpFloat64() / own}
	rate := map[string]float64{"a": other, "b": own}
	if other > 0 {
		next["a"] = 0
	}
	var came, took []float64
	for now := 0.; now < until; now++ {
		for _, who := range []string{"a", "b"} {
			for ; next[who] <= now; next[who] += r.ExpFloat64() / rate[who] {
				q.Push(who, 1)
				if who == "b" {
					came = append(came, next[who])
				}
			}
		}
		if q.Rows() == 0 {
			now = min(next["a"], next["b"]) - 1 // it is idle until then
			continue
		}
		if q.Take() == "a" {
			others++
			continue
		}
		took, came = append(took, now+1-came[0]), came[1:]
	}
	slices.Sort(took)
	return took[len(took)*99/100], others
}

// Who is alone has spent no credit when another comes, however much it was served: the other goes first only for what it has had
// since an executor found nobody waiting.
func TestQueueRests(t *testing.T) {
	q := &host.Queue{}
	for range 10 * host.Credit {
		q.Push("b", 1)
		q.Take()
		q.Rest()
	}
	for range 3 * host.Credit {
		q.Push("a", 1)
	}
	for i := range host.Credit {
		if who := q.Take(); who != "a" {
			t.Fatalf("turn %d of a is one of %s", i, who)
		}
		q.Push("b", 1)
		if who := q.Take(); who != "b" {
			t.Fatalf("request %d of b waits for %s, which has just come", i, who)
		}
	}
}

// What others bring while a tenant's rows wait is reckoned with, by what they have brought of late.
func TestQueueAhead(t *testing.T) {
	q := &host.Queue{}
	take := func(n, every int) { // b has one row in so many
		t.Helper()
		for i := range n {
			want := "a"
			if every > 0 && i%every == 0 {
				want = "b"
				q.Push("b", 1)
			} else {
				q.Push("a", 1)
			}
			if who := q.Take(); who != want {
				t.Fatalf("turn %d is one of %s, want %s", i, who, want)
			}
		}
	}
	for range 29 {
		q.Push("a", 1)
	}
	for _, c := range []struct{ rows, every, want int }{{200, 0, 30}, {400, 4, 40}, {400, 3, 45}, {400, 0, 30}} {
		take(c.rows, c.every)
		if got := q.Ahead("a", 1); got < c.want-1 || got > c.want+1 {
			t.Errorf("with one row of b in %d, 30 rows of a take %d turns, want %d", c.every, got, c.want)
		}
	}
	q.Push("b", 1)
	if got := q.Ahead("b", 1); got > 4 {
		t.Errorf("b, which goes first, is behind %d rows", got)
	}
}

// The executor that finds nobody waiting is what gives credit anew.
func TestRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, host.Batches(host.Config{Cores: 1}, 1))
		load(t, h, "m", "1", sum(t, t.TempDir(), 5))
		v := host.Current(h, "m")
		var all sync.WaitGroup
		var mu sync.Mutex
		var answered []string
		enter := func(who string) {
			all.Go(func() {
				if got, _, err := ask(h, who, time.Time{}, 1, 2, 3, 4); err != nil || got[0] != 15 {
					t.Error(got, err)
				}
				mu.Lock()
				defer mu.Unlock()
				answered = append(answered, who)
			})
			synctest.Wait()
		}
		for range 2 * host.Credit {
			give := host.Seize(v)
			enter("b")
			give()
			all.Wait()
		}
		answered = nil
		give := host.Seize(v)
		for range 2 * host.Credit {
			enter("a")
		}
		enter("b")
		give()
		all.Wait()
		if at := slices.Index(answered, "b"); at < 0 || at > 3 { // answers of neighbours may change places
			t.Errorf("b was answered after %d others, who had just come", at)
		}
	})
}

// A batch takes no longer than who comes next may have to wait, by what rows took of late.
func TestBatchTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, host.Batches(host.Config{Cores: 1}, 16))
		load(t, h, "m", "1", sum(t, t.TempDir(), 5))
		v := host.Current(h, "m")
		var after []uint64
		if err := host.OnDoor(v, func() {
			host.Tune(v, 500*time.Microsecond)
			after = append(after, v.Stats().Requests)
		}); err != nil {
			t.Fatal(err)
		}
		give := host.Seize(v)
		host.Tune(v, 500*time.Microsecond)
		var all sync.WaitGroup
		for range 12 {
			all.Go(func() {
				if got, _, err := ask(h, "a", time.Time{}, 1, 2, 3, 4); err != nil || got[0] != 15 {
					t.Error(got, err)
				}
			})
		}
		synctest.Wait()
		give()
		all.Wait()
		if !slices.Equal(after, []uint64{0, 4, 8}) {
			t.Errorf("batches began after %v requests, want 4 in each", after)
		}
	})
}

// Who has just come, and whose turn it is, does not wait for a request that was given the executor and has not begun.
func TestOvertaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := start(t, host.Batches(host.Config{Cores: 1}, 1))
		load(t, h, "m", "1", sum(t, t.TempDir(), 5))
		v := host.Current(h, "m")
		host.Tune(v, time.Millisecond)
		var all sync.WaitGroup
		enter := func(who string) {
			all.Go(func() {
				if got, _, err := ask(h, who, time.Time{}, 1, 2, 3, 4); err != nil || got[0] != 15 {
					t.Error(got, err)
				}
			})
		}
		waiting := func() int { return h.Models("a")[0].Versions[0].Waiting }
		doors, before := 0, uint64(0)
		if err := host.OnDoor(v, func() {
			doors++
			host.Tune(v, time.Millisecond) // whatever the last one took
			switch doors {
			case 30: // of the 30th of a
				enter("b")
				for waiting() != 11 {
					runtime.Gosched()
				}
			case 31: // of b, or of who is next
				before = v.Stats().Requests
			}
		}); err != nil {
			t.Fatal(err)
		}
		give := host.Seize(v)
		for range 40 {
			enter("a")
		}
		synctest.Wait()
		give()
		all.Wait()
		if before != 29 || doors != 40+2 {
			t.Errorf("b began after %d others, want 29; executors were offered %d times, want 42", before, doors)
		}
		if s := v.Stats(); s.Requests != 41 || host.Free(v) != 1 {
			t.Errorf("%+v", s)
		}
	})
}
