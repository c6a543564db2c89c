// Package limit keeps tenants within their quotas: requests a second, requests at once, and
// bytes a second.
//
//	request ─ Tenant.Enter(now, bytes) ─▶ let in, until Leave
//	                                   └▶ refused, and after how long to come back
//
// Each tenant has a lock of its own, held for some 50 ns: tenants do not wait for each other.
package limit

import (
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// A Quota says what a tenant may do. A zero is no limit.
type Quota struct {
	Requests   float64 `yaml:"requests"`   // a second
	Burst      int     `yaml:"burst"`      // that may come at once, where Requests is a limit; 0: those of a second, 1 at least
	Concurrent int     `yaml:"concurrent"` // that are answered at once
	Bytes      float64 `yaml:"bytes"`      // of bodies a second, as they come; as many may come at once, and one body of any size, after which others wait until its bytes are made up
}

// Check returns what is wrong with a quota.
func (q Quota) Check() error {
	bad := func(x float64) bool { return x < 0 || math.IsNaN(x) || math.IsInf(x, 0) }
	switch {
	case bad(q.Requests):
		return fmt.Errorf("requests: %v: want a number a second, or 0 for no limit", q.Requests)
	case bad(q.Bytes):
		return fmt.Errorf("bytes: %v: want a number a second, or 0 for no limit", q.Bytes)
	case q.Burst < 0:
		return fmt.Errorf("burst: %d: want a number of requests, or 0 for those of a second", q.Burst)
	case q.Concurrent < 0:
		return fmt.Errorf("concurrent: %d: want a number of requests, or 0 for no limit", q.Concurrent)
	}
	return nil
}

// A Tenant is what one tenant has used of its quota. It is safe for concurrent use.
type Tenant struct {
	inside atomic.Int64
	most   atomic.Int64 // Concurrent; 0: no limit

	mu       sync.Mutex // guards the buckets
	requests *rate.Limiter
	bytes    *rate.Limiter
}

// newTenant returns a tenant with all of its quota.
func newTenant(q Quota) *Tenant {
	t := &Tenant{requests: rate.NewLimiter(rate.Inf, 1), bytes: rate.NewLimiter(rate.Inf, 1)}
	t.set(time.Time{}, q)
	return t
}

// set changes the quota; what is used stays used.
func (t *Tenant) set(now time.Time, q Quota) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.most.Store(int64(q.Concurrent))
	change(t.requests, now, q.Requests, q.Burst)
	change(t.bytes, now, q.Bytes, 0)
}

func change(l *rate.Limiter, now time.Time, perSecond float64, burst int) {
	if perSecond == 0 {
		l.SetLimitAt(now, rate.Inf)
		return
	}
	if burst == 0 {
		burst = int(min(max(math.Ceil(perSecond), 1), 1<<40))
	}
	l.SetLimitAt(now, rate.Limit(perSecond))
	l.SetBurstAt(now, burst)
}

// A Refusal says which quota is used up, and after how long to come back.
type Refusal struct {
	Quota string // requests, concurrent or bytes
	After time.Duration
}

// Enter lets a request with a body of so many bytes in, to be followed by Leave, or returns
// why not. A body larger than what may come at once waits for a full bucket, and leaves it as much below empty as it is larger.
func (t *Tenant) Enter(now time.Time, bytes int) (Refusal, bool) {
	if most := t.most.Load(); t.inside.Add(1) > most && most > 0 {
		t.inside.Add(-1)
		return Refusal{"concurrent", time.Second}, false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, q := range []struct {
		name string
		l    *rate.Limiter
		n    int
	}{{"requests", t.requests, 1}, {"bytes", t.bytes, bytes}} {
		if wait := missing(q.l, now, q.n); wait > 0 {
			t.inside.Add(-1)
			return Refusal{q.name, wait}, false
		}
	}
	t.requests.AllowN(now, 1)
	take(t.bytes, now, bytes)
	return Refusal{}, true
}

// take takes n tokens out of a bucket that has as many, or is full.
func take(l *rate.Limiter, now time.Time, n int) {
	burst := l.Burst()
	if n <= burst || l.Limit() == rate.Inf {
		l.AllowN(now, n)
		return
	}
	l.SetBurstAt(now, n)
	l.ReserveN(now, n)
	l.SetBurstAt(now, burst)
}

// missing returns how long it will be until a bucket has n tokens; 0: it has.
func missing(l *rate.Limiter, now time.Time, n int) time.Duration {
	if l.Limit() == rate.Inf {
		return 0
	}
	short := float64(min(n, l.Burst())) - l.TokensAt(now)
	if short <= 1e-9 { // of rounding
		return 0
	}
	return max(time.Duration(short/float64(l.Limit())*float64(time.Second)), time.Nanosecond)
}

// Leave says that a request that was let in has been answered.
func (t *Tenant) Leave() { t.inside.Add(-1) }

// Inside returns how many requests are being answered.
func (t *Tenant) Inside() int { return int(t.inside.Load()) }

// Limits are the tenants of a server. They are safe for concurrent use.
type Limits struct {
	tenants atomic.Pointer[map[string]*Tenant]
	mu      sync.Mutex // held while they are changed
}

// New returns the tenants of some quotas by namespace.
func New(quotas map[string]Quota) (*Limits, error) {
	l := &Limits{}
	l.tenants.Store(&map[string]*Tenant{})
	return l, l.Set(time.Time{}, quotas)
}

// Tenant returns the tenant of a namespace, nil if it has no quota.
func (l *Limits) Tenant(namespace string) *Tenant { return (*l.tenants.Load())[namespace] }

// Set changes quotas: tenants that stay keep what they have used. On an error nothing changes.
func (l *Limits) Set(now time.Time, quotas map[string]Quota) error {
	for name, q := range quotas {
		if err := q.Check(); err != nil {
			return fmt.Errorf("quota of %s: %w", name, err)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	old, all := *l.tenants.Load(), make(map[string]*Tenant, len(quotas))
	for name, q := range quotas {
		if t := old[name]; t != nil {
			t.set(now, q)
			all[name] = t
			continue
		}
		all[name] = newTenant(q)
	}
	l.tenants.Store(&all)
	return nil
}
