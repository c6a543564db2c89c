package host

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A State is that of a version, in the words of the repository protocol.
type State string

// The states. A version that is loaded anew stays READY, and its old self answers meanwhile.
const (
	Loading     State = "LOADING"
	Ready       State = "READY"
	Unavailable State = "UNAVAILABLE"
)

// A ModelStatus says how a model is.
type ModelStatus struct {
	Name     string
	Versions []VersionStatus // the lowest first
	Config   ModelConfig
}

// A VersionStatus says how a version is. All but the first fields are those of a READY one.
type VersionStatus struct {
	Version string
	State   State
	Reason  string // why it is not READY, or was not loaded anew
	Told    string // Reason without where the folder is, for who does not look after the server
	Folder  string

	Digest, Kind string
	Bytes        int64 // of memory, at most
	Users        int64 // who hold it
	BatchRows    int   // that a batch of queued requests has; 1: there are none
	Waiting      int   // rows in the queue
	PerRow       time.Duration
	Stats        Stats
}

// Models returns how the models are that are there for a namespace, by name.
func (h *Host) Models(namespace string) []ModelStatus {
	return h.list(func(c ModelConfig) bool { return len(c.Namespaces) == 0 || slices.Contains(c.Namespaces, namespace) })
}

// All returns how all models are, by name.
func (h *Host) All() []ModelStatus { return h.list(func(ModelConfig) bool { return true }) }

// list returns how the models are whose config is wanted.
func (h *Host) list(wanted func(c ModelConfig) bool) []ModelStatus {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []ModelStatus
	for _, name := range slices.Sorted(maps.Keys(h.models)) {
		c := h.config.Models[name]
		if !wanted(c) {
			continue
		}
		m := ModelStatus{Name: name, Config: c}
		versions := h.models[name].versions
		for _, version := range slices.SortedFunc(maps.Keys(versions), newer) {
			r := versions[version]
			s := VersionStatus{Version: version, State: r.state, Reason: r.reason, Told: r.told(name, version), Folder: r.folder}
			if r.v != nil {
				r.v.fill(&s)
			}
			m.Versions = append(m.Versions, s)
		}
		all = append(all, m)
	}
	return all
}

// told returns the reason for those who are not to hear where folders are: what is in the folder is under the model's name and version.
func (r *record) told(name, version string) string {
	if r.folder == "" {
		return r.reason
	}
	told := strings.ReplaceAll(r.reason, r.folder, name+"/"+version)
	for above := filepath.Dir(r.folder); len(above) > 1; above = filepath.Dir(above) {
		told = strings.ReplaceAll(told, above, "…")
	}
	return told
}

func (v *Version) fill(s *VersionStatus) {
	s.Digest, s.Kind, s.Bytes, s.BatchRows = v.digest, v.kind, v.bytes, v.batch
	s.Users, s.PerRow = v.users.Load()-1, time.Duration(v.perRow.Load())
	v.mu.Lock()
	defer v.mu.Unlock()
	s.Waiting, s.Stats = v.queue.rows, v.stats
}

// Versions returns the versions of a model that answer, the lowest first.
func (h *Host) Versions(name string) []string {
	m := h.snapshot.Load().models[name]
	if m == nil {
		return nil
	}
	return slices.SortedFunc(maps.Keys(m.versions), newer)
}

// Ready reports whether every model has a version that answers, but for those that were
// unloaded, and all versions that a first look has found have been tried. One that comes later, or is still
// being written, is not waited for.
func (h *Host) Ready() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, m := range h.models {
		if !m.ready() {
			return false
		}
	}
	return !h.closed
}

func (m *entry) ready() bool {
	off, answers := true, false
	for _, r := range m.versions {
		if r.due {
			return false
		}
		answers = answers || r.v != nil
		off = off && r.off
	}
	return off || answers
}

// Usage returns the memory that versions count for, and how many versions are held by requests
// alone, which drain.
func (h *Host) Usage() (bytes int64, draining int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.bytes, h.drains
}
