package host

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"scalar/serving/protocol"
)

// A snapshot is which versions answer. It never changes.
type snapshot struct {
	models map[string]*served
	spaces map[string]map[string]bool // the namespaces of models that are not there for all, loaded or not
}

// served is a name's part of a snapshot.
type served struct {
	namespaces map[string]bool // nil: all; as in snapshot.spaces
	versions   map[string]*Version
	labels     map[string]*Version // nil: its version is not ready
	best       *Version            // the highest
	traffic    []share             // empty: best takes all
	shadows    []share
	counter    *atomic.Uint32
}

// A share is a version that takes what lies below a limit, and above those before it.
type share struct {
	below uint64 // of 2^32
	v     *Version
}

// Multiples of these, modulo 2^32, fall evenly into any ranges, in any number of them one after another:
// 2^32 times the golden ratio's fraction, and that of the square root of 2 (Weyl sequences). So shares
// are exact to a few requests, and what a version answers and what it shadows are independent.
const (
	golden = 0x9E3779B9
	root2  = 0x6A09E667
)

// of returns the version whose share a point lies in, nil if it lies in none.
func of(shares []share, point uint32) *Version {
	for i := range shares {
		if uint64(point) < shares[i].below {
			return shares[i].v
		}
	}
	return nil
}

// publish makes the snapshot of what is known; the lock is held.
func (h *Host) publish() {
	s := &snapshot{models: make(map[string]*served, len(h.models)), spaces: spacesOf(h.config.Models)}
	for name, m := range h.models {
		if one := serve(m, h.config.Models[name]); one != nil {
			one.namespaces = s.spaces[name]
			s.models[name] = one
		}
	}
	h.snapshot.Store(s)
}

// spacesOf returns the namespaces of models that are not there for all.
func spacesOf(models map[string]ModelConfig) map[string]map[string]bool {
	all := map[string]map[string]bool{}
	for name, c := range models {
		for _, namespace := range c.Namespaces {
			if all[name] == nil {
				all[name] = map[string]bool{}
			}
			all[name][namespace] = true
		}
	}
	return all
}

// Allows reports whether a model of that name is there for a namespace, loaded or not. It allocates nothing.
func (h *Host) Allows(namespace string, name []byte) bool {
	some := h.snapshot.Load().spaces[string(name)]
	return some == nil || some[namespace]
}

// serve returns which versions of a name answer whom, nil if none is ready.
func serve(m *entry, c ModelConfig) *served {
	s := &served{versions: map[string]*Version{}, labels: map[string]*Version{}, counter: m.counter}
	for version, r := range m.versions {
		if r.v == nil {
			continue
		}
		s.versions[version] = r.v
		if s.best == nil || newer(version, s.best.version) > 0 {
			s.best = r.v
		}
	}
	if s.best == nil {
		return nil
	}
	for label, version := range c.Labels {
		s.labels[label] = s.versions[version]
	}
	sum := 0.
	for key, percent := range c.Traffic {
		if s.versions[c.version(key)] != nil {
			sum += percent
		}
	}
	if sum > 0 {
		s.traffic = s.shares(c, c.Traffic, sum)
	}
	s.shadows = s.shares(c, c.Shadow, max(100, sumOf(c.Shadow)))
	return s
}

// shares returns the shares of percentages of a whole, without versions that are not ready.
func (s *served) shares(c ModelConfig, percentages map[string]float64, whole float64) (shares []share) {
	sum := 0.
	for _, key := range slices.Sorted(maps.Keys(percentages)) {
		v := s.versions[c.version(key)]
		if v == nil || percentages[key] == 0 {
			continue
		}
		sum += percentages[key]
		shares = append(shares, share{uint64(sum / whole * (1 << 32)), v})
	}
	if n := len(shares); n > 0 && sum >= whole*(1-1e-9) {
		shares[n-1].below = 1 << 32
	}
	return shares
}

func sumOf(percentages map[string]float64) (sum float64) {
	for _, key := range slices.Sorted(maps.Keys(percentages)) {
		sum += percentages[key]
	}
	return sum
}

// A Lease is a version that is held, for one request.
type Lease struct {
	*Version
	namespace string
	host      *Host
	shadow    *Version // held too; nil: none
}

// Acquire finds the version that answers a request and holds it until the lease is released. A
// version or a label is asked for, or none: then the model's traffic decides. It allocates
// nothing but an error, a *protocol.Error: 404 of what there is not, 400 of both a version and a label, 503 of
// what is not ready.
func (h *Host) Acquire(namespace string, name, version, label []byte) (Lease, error) {
	for {
		m := h.snapshot.Load().models[string(name)]
		if m == nil || m.namespaces != nil && !m.namespaces[namespace] {
			return Lease{}, h.missing(namespace, name, version, label)
		}
		l := Lease{namespace: namespace, host: h}
		switch {
		case len(version) > 0 && len(label) > 0:
			return Lease{}, h.missing(namespace, name, version, label)
		case len(version) > 0:
			l.Version = m.versions[string(version)]
		case len(label) > 0:
			l.Version = m.labels[string(label)]
		default:
			l.Version, l.shadow = m.pick()
		}
		if l.Version == nil {
			return Lease{}, h.missing(namespace, name, version, label)
		}
		if !l.hold() {
			continue // it went after the snapshot was taken: there is another one
		}
		if l.shadow != nil && !l.shadow.hold() {
			l.shadow = nil
		}
		return l, nil
	}
}

// pick returns the version that answers the next request that names none, and the one that is
// its shadow.
func (s *served) pick() (v, shadow *Version) {
	v = s.best
	if len(s.traffic) == 0 && len(s.shadows) == 0 {
		return v, nil
	}
	n := s.counter.Add(1)
	if len(s.traffic) > 0 {
		v = of(s.traffic, n*golden)
	}
	if shadow = of(s.shadows, n*root2); shadow == v {
		shadow = nil
	}
	return v, shadow
}

// Release lets go of the version.
func (l *Lease) Release() {
	if l.shadow != nil {
		l.shadow.release()
		l.shadow = nil
	}
	if l.Version != nil {
		l.release()
		l.Version = nil
	}
}

// Predict answers a request that the version's signature has parsed. A deadline that is not zero is
// kept: what cannot make it is refused, and what has begun is finished. Nothing of r and a is used after Predict has returned. It
// allocates nothing where an executor is free and a has been used before. Errors are
// *protocol.Error, or *Busy, which has one: 400 of rows that the model cannot take, 503 where too many
// wait, 504 of the deadline; a says nothing then.
func (l *Lease) Predict(ctx context.Context, deadline time.Time, r *protocol.Request, a *protocol.Answer) error {
	err := l.predict(ctx, terms{l.namespace, deadline}, r, a)
	if l.shadow != nil && err == nil {
		l.cast(r)
	}
	return err
}

// missing returns the error about a version that does not answer.
func (h *Host) missing(namespace string, name, version, label []byte) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	refuse := func(status int, format string, args ...any) error {
		return &protocol.Error{Status: status, Message: fmt.Sprintf(format, args...)}
	}
	c := h.config.Models[string(name)]
	m := h.models[string(name)]
	if m == nil || len(c.Namespaces) > 0 && !slices.Contains(c.Namespaces, namespace) {
		return refuse(http.StatusNotFound, "there is no model %.64q", name)
	}
	wanted := string(version)
	switch {
	case len(version) > 0 && len(label) > 0:
		return refuse(http.StatusBadRequest, "version %.64q and label %.64q of model %s: want one of them", version, label, name)
	case len(label) > 0:
		var ok bool
		if wanted, ok = c.Labels[string(label)]; !ok {
			return refuse(http.StatusNotFound, "model %s has no label %.64q", name, label)
		}
	}
	if wanted == "" {
		wanted = m.highest()
	}
	r := m.versions[wanted]
	if r == nil {
		return refuse(http.StatusNotFound, "model %s has no version %.64q", name, wanted)
	}
	if r.state == Ready {
		return busy(0, "version %s of model %s has just become ready", wanted, name)
	}
	if r.reason != "" {
		return busy(0, "version %s of model %s is %s: %s", wanted, name, r.state, r.told(string(name), wanted))
	}
	return busy(0, "version %s of model %s is %s", wanted, name, r.state)
}

// highest returns the highest version of a name, "" if there is none.
func (m *entry) highest() (highest string) {
	for version := range m.versions {
		if highest == "" || newer(version, highest) > 0 {
			highest = version
		}
	}
	return highest
}
