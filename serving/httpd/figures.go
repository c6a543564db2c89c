package httpd

import (
	"maps"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"scalar/serving/cache"
	"scalar/serving/ui"
)

// figures count what a version has answered to a namespace, for the page and the metrics. Counting allocates nothing.
type figures struct {
	latency                 [ui.Buckets]atomic.Uint64 // of all answers
	took                    atomic.Int64              // by them, in ns
	client, refused, failed atomic.Uint64             // of these, those that are errors
	sources                 [sources]atomic.Uint64    // of answers of a model with a cache
}

// add counts an answer.
func (f *figures) add(status int, took time.Duration) {
	f.latency[ui.Bucket(took)].Add(1)
	f.took.Add(int64(took))
	switch {
	case status < http.StatusBadRequest:
	case status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable, status == http.StatusGatewayTimeout:
		f.refused.Add(1)
	case status < http.StatusInternalServerError:
		f.client.Add(1)
	default:
		f.failed.Add(1)
	}
}

// to adds what was counted to a sum.
func (f *figures) to(sum *ui.Figures) {
	for i := range f.latency {
		sum.Latency[i] += f.latency[i].Load()
	}
	sum.Took += time.Duration(f.took.Load())
	sum.Client += f.client.Load()
	sum.Refused += f.refused.Load()
	sum.Failed += f.failed.Load()
	sum.Computed += f.sources[cache.Computed].Load()
	sum.Hits += f.sources[cache.Hit].Load()
	sum.Shared += f.sources[cache.Shared].Load()
}

// An account is whose figures some are.
type account struct{ namespace, model, version string }

// An entry is an account with its figures.
type entry struct {
	account

	figures *figures
}

// A ledger has figures by account: those of versions that have answered, 250 bytes each, which stay. What
// is looked up has been there before, as a rule, and takes no lock then. The zero value is empty.
type ledger struct {
	accounts atomic.Pointer[map[account]*figures] // never changed, but replaced
	mu       sync.Mutex                           // held while it is
}

// attach has a call counted for the version that it holds. Most have the same as the call before in
// their memory.
func (l *ledger) attach(c *call) {
	a := account{c.namespace, c.lease.Name(), c.lease.Version.Version()}
	if c.entry.account != a {
		c.entry = entry{a, l.of(a)}
	}
	c.count = c.entry.figures
}

// of returns the figures of an account.
func (l *ledger) of(a account) *figures {
	if all := l.accounts.Load(); all != nil {
		if f := (*all)[a]; f != nil {
			return f
		}
	}
	return l.open(a)
}

// open returns the figures of an account that was not there.
func (l *ledger) open(a account) *figures {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := map[account]*figures{}
	if old := l.accounts.Load(); old != nil {
		if f := (*old)[a]; f != nil {
			return f
		}
		all = maps.Clone(*old)
	}
	f := new(figures)
	all[a] = f
	l.accounts.Store(&all)
	return f
}

// sum returns the figures of a version: those of all namespaces for an admin, whom metrics tell them too, else the user's own.
func (l *ledger) sum(u ui.User, model, version string) (sum ui.Figures) {
	all := l.accounts.Load()
	switch {
	case all == nil:
	case !u.Admin:
		if f := (*all)[account{u.Namespace, model, version}]; f != nil {
			f.to(&sum)
		}
	default:
		for a, f := range *all {
			if a.model == model && a.version == version {
				f.to(&sum)
			}
		}
	}
	return sum
}
