package host

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"

	"scalar/bsp/job"
	"scalar/serving/protocol"
)

// A Host has models in memory. It is safe for concurrent use.
type Host struct {
	config   Config
	snapshot atomic.Pointer[snapshot]
	loading  chan struct{} // of capacity 1: holds a value while a version is loaded, one at a time
	shadows  shadows

	mu       sync.Mutex // guards what follows
	models   map[string]*entry
	watchers []*Watcher // only grows
	bytes    int64      // of all versions that are there, those that drain too
	drains   int        // versions that are in no snapshot and are still held
	closed   bool
}

// An entry is what a host knows of a name.
type entry struct {
	versions map[string]*record
	counter  *atomic.Uint32 // of requests that name no version
}

// A record is what a host knows of a version.
type record struct {
	v      *Version // nil: it does not answer
	state  State
	reason string
	off    bool   // it was unloaded, or its folder is gone
	due    bool   // the first look has found it, and it has not been tried yet
	folder string // where it comes from
}

// New returns a host without models. Close ends it.
func New(c Config) (*Host, error) {
	c, err := c.filled()
	if err != nil {
		return nil, job.Fail(job.FaultInput, "serving: %v", err)
	}
	h := &Host{config: c, loading: make(chan struct{}, 1), models: map[string]*entry{}}
	h.publish() // nobody else has it yet
	h.shadows.start()
	return h, nil
}

// Close lets go of all models, and ends what the host does in the background. Versions that are still held
// answer until they are released. Nothing can be loaded afterwards.
func (h *Host) Close() {
	h.shadows.close()
	h.mu.Lock()
	h.closed = true
	var gone []*Version
	for _, m := range h.models {
		for _, r := range m.versions {
			if r.v != nil {
				gone = append(gone, r.v)
			}
		}
	}
	h.models = map[string]*entry{}
	h.publish()
	h.mu.Unlock()
	h.let(gone...)
}

// let lets go of versions that are in no snapshot any more.
func (h *Host) let(gone ...*Version) {
	h.mu.Lock()
	h.drains += len(gone)
	h.mu.Unlock()
	for _, v := range gone {
		v.release()
	}
}

// gone is told of a version whose last user has let go.
func (h *Host) gone(v *Version) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.bytes -= v.bytes
	if v.shown {
		h.drains--
	}
}

// reserve counts a version's bytes, or says that there is no room for them.
func (h *Host) reserve(bytes int64) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if bytes > h.config.MaxBytes-h.bytes {
		return job.Fail(job.FaultInput, "it needs %d bytes, and of the limit of %d that all models have, %d are left", bytes, h.config.MaxBytes, h.config.MaxBytes-h.bytes)
	}
	h.bytes += bytes
	return nil
}

// install lets a warm version answer in place of the one that did, unless it was unloaded while it was loaded.
func (h *Host) install(v *Version, r *record) error {
	h.mu.Lock()
	if h.closed || r.off {
		closed := h.closed
		h.mu.Unlock()
		v.release()
		if closed {
			return errClosed
		}
		return &protocol.Error{Status: http.StatusConflict, Message: fmt.Sprintf("version %s of model %s was unloaded while it was loaded", v.version, v.name)}
	}
	old := r.v
	v.shown = true
	r.v, r.state, r.reason, r.due = v, Ready, "", false
	h.publish()
	h.mu.Unlock()
	if old != nil {
		h.let(old)
	}
	return nil
}

// record returns the record of a version, a new one if there is none; the lock is held.
func (h *Host) record(name, version string) *record {
	m := h.models[name]
	if m == nil {
		m = &entry{versions: map[string]*record{}, counter: new(atomic.Uint32)}
		h.models[name] = m
	}
	r := m.versions[version]
	if r == nil {
		r = &record{}
		m.versions[version] = r
	}
	return r
}
