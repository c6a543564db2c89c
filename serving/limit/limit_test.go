package limit_test

import (
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"scalar/serving/limit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func tenant(tb testing.TB, q limit.Quota) *limit.Tenant {
	tb.Helper()
	l, err := limit.New(map[string]limit.Quota{"a": q})
	if err != nil {
		tb.Fatal(err)
	}
	return l.Tenant("a")
}

// bucket is a plain one: what it holds at a time.
type bucket struct {
	rate, most, has float64
	at              time.Time
}

func (b *bucket) fill(now time.Time) {
	b.has = min(b.most, b.has+now.Sub(b.at).Seconds()*b.rate)
	b.at = now
}

// TestBuckets compares with plain buckets, at any times.
func TestBuckets(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		q := limit.Quota{Requests: rapid.Float64Range(.5, 100).Draw(r, "requests"), Burst: rapid.IntRange(0, 5).Draw(r, "burst"), Bytes: rapid.Float64Range(100, 10000).Draw(r, "bytes")}
		now := time.Unix(1e9, 0)
		burst := float64(q.Burst)
		if burst == 0 {
			burst = max(math.Ceil(q.Requests), 1)
		}
		requests, bytes := bucket{q.Requests, burst, burst, now}, bucket{q.Bytes, math.Ceil(q.Bytes), math.Ceil(q.Bytes), now}
		a := tenant(t, q)
		for range rapid.IntRange(1, 60).Draw(r, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 300).Draw(r, "ms")) * time.Millisecond)
			requests.fill(now)
			bytes.fill(now)
			n := rapid.IntRange(0, 20000).Draw(r, "size")
			take := min(float64(n), bytes.most)
			if math.Abs(requests.has-1) < 1e-6 || bytes.has < bytes.most && math.Abs(bytes.has-take) < 1e-6 {
				continue // either may be right
			}
			why, ok := a.Enter(now, n)
			want := ""
			switch {
			case requests.has < 1:
				want = "requests"
			case bytes.has < take:
				want = "bytes"
			default:
				requests.has--
				bytes.has -= float64(n) // below 0 by a body that is larger than the bucket
			}
			if ok != (want == "") || why.Quota != want {
				r.Fatalf("refused by %q, want %q: %+v %+v %d", why.Quota, want, requests, bytes, n)
			}
			if ok {
				a.Leave()
				continue
			}
			// After the time that is told it is let in, and not before, unless the other quota is short too.
			short := map[string]float64{"requests": (1 - requests.has) / requests.rate, "bytes": (take - bytes.has) / bytes.rate}[want]
			if math.Abs(why.After.Seconds()-short) > 1e-6+1e-6*short {
				r.Fatalf("%s: come back after %v, want %v s", want, why.After, short)
			}
		}
	})
}

// Bodies that are larger than the bytes of a second come as seldom as the quota says.
func TestLargeBodies(t *testing.T) {
	a := tenant(t, limit.Quota{Bytes: 1000})
	start := time.Unix(1e9, 0)
	if _, ok := a.Enter(start, 60_000); !ok {
		t.Fatal("a large body is refused")
	}
	a.Leave()
	for _, n := range []int{1, 60_000} {
		why, ok := a.Enter(start, n)
		if want := (59_000 + min(float64(n), 1000)) / 1000; ok || math.Abs(why.After.Seconds()-want) > 1e-6 {
			t.Errorf("%d bytes: %t, come back after %v, want %v s", n, ok, why.After, want)
		}
	}
	if _, ok := a.Enter(start.Add(60*time.Second), 60_000); !ok {
		t.Error("a minute's bytes are refused after a minute")
	}
	a.Leave()
}

func TestConcurrent(t *testing.T) {
	a := tenant(t, limit.Quota{Concurrent: 3})
	var inside, worst, refused atomic.Int64
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for range 1000 {
				if why, ok := a.Enter(time.Unix(0, 0), 1<<30); !ok {
					if refused.Add(1); why.Quota != "concurrent" || why.After <= 0 {
						t.Errorf("%+v", why)
					}
					continue
				}
				n := inside.Add(1)
				for w := worst.Load(); n > w && !worst.CompareAndSwap(w, n); w = worst.Load() {
				}
				inside.Add(-1)
				a.Leave()
			}
		})
	}
	all.Wait()
	if worst.Load() > 3 || a.Inside() != 0 {
		t.Errorf("%d at once, %d left", worst.Load(), a.Inside())
	}
}

// A quota that changes leaves what was used used.
func TestSet(t *testing.T) {
	now := time.Unix(1e9, 0)
	l, err := limit.New(map[string]limit.Quota{"a": {Requests: 1, Burst: 2}, "b": {}})
	if err != nil {
		t.Fatal(err)
	}
	a := l.Tenant("a")
	enter := func(want bool) {
		t.Helper()
		if _, ok := l.Tenant("a").Enter(now, 0); ok != want {
			t.Errorf("let in: %v, want %v", ok, want)
		}
	}
	enter(true)
	enter(true)
	enter(false)
	if err := l.Set(now, map[string]limit.Quota{"a": {Requests: 10, Burst: 2}}); err != nil {
		t.Fatal(err)
	}
	if l.Tenant("a") != a || l.Tenant("b") != nil {
		t.Error("a tenant that stays is another one, or one that went is there")
	}
	enter(false)
	now = now.Add(100 * time.Millisecond)
	enter(true)
	enter(false)
	for _, bad := range []limit.Quota{{Requests: -1}, {Bytes: math.NaN()}, {Burst: -1}, {Concurrent: -1}} {
		if err := l.Set(now, map[string]limit.Quota{"c": bad}); err == nil || l.Tenant("c") != nil || l.Tenant("a") != a {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

func TestAllocates(t *testing.T) {
	a := tenant(t, limit.Quota{Requests: 1e9, Bytes: 1e12, Concurrent: 2})
	now := time.Unix(1e9, 0)
	if n := testing.AllocsPerRun(1000, func() {
		now = now.Add(time.Millisecond)
		if _, ok := a.Enter(now, 100); ok {
			a.Leave()
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
