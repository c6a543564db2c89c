package host

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"scalar/bsp/job"
	"scalar/ml/model"
	"scalar/serving/protocol"
)

// Load makes a version ready from a model's folder, an absolute path or a URL: in place of the one that
// has its name and version, which answers until then and is let go when its last request
// has ended. One that has the same digest stays. On an error nothing changes but the state and its reason.
func (h *Host) Load(ctx context.Context, name, version, folder string) error {
	if err := errors.Join(checkName(name), checkVersion(version)); err != nil {
		return job.Fail(job.FaultInput, "%s", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	select {
	case h.loading <- struct{}{}:
		defer func() { <-h.loading }()
	case <-ctx.Done():
		return ctx.Err()
	}
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		return errClosed
	}
	r := h.record(name, version)
	r.folder, r.off = folder, false
	if r.v == nil {
		r.state, r.reason = Loading, ""
	}
	h.mu.Unlock()
	err := h.load(ctx, name, version, r)
	var ended *protocol.Error
	if err == nil || errors.As(err, &ended) {
		return err
	}
	h.tell(err, name, version, r)
	h.mu.Lock()
	if r.v == nil {
		r.state = Unavailable
	}
	r.reason, r.due = err.Error(), false
	h.mu.Unlock()
	return fmt.Errorf("load model %s, version %s: %w", name, version, err)
}

// tell logs why a version was not loaded, before its state says so.
func (h *Host) tell(err error, name, version string, r *record) {
	h.mu.Lock()
	folder, answers := r.folder, r.v != nil
	h.mu.Unlock()
	what := "a model cannot be served until its folder is mended, and is loaded then"
	if answers {
		what = "a model's folder cannot be served as it is now: what was loaded before answers on"
	}
	h.config.Log.Error(what, "model", name, "version", version, "folder", folder, "error", err)
}

var errClosed = errors.New("the host is closed")

// load makes a version ready from the folder of its record, which others do not change meanwhile. An error that is a
// *protocol.Error says that it was unloaded, or its folder went, before it was ready.
func (h *Host) load(ctx context.Context, name, version string, r *record) error {
	folder := r.folder
	m, err := model.OpenModel(ctx, folder)
	if err != nil {
		return err
	}
	if err := m.Whole(ctx, folder); err != nil {
		return err
	}
	if h.same(r, m.Digest) {
		return nil
	}
	if err := h.reserve(m.Weights.Bytes); err != nil {
		return err
	}
	v, err := h.open(ctx, name, version, folder, m.Weights.Bytes)
	if err != nil {
		return err
	}
	if err := h.install(v, r); err != nil {
		return err
	}
	h.config.Log.Info("a model was loaded", "model", name, "version", version, "digest", v.digest, "bytes", v.bytes, "batch_rows", v.batch)
	return nil
}

// same reports whether a version is there that has a digest.
func (h *Host) same(r *record, digest string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if r.v == nil || r.v.digest != digest {
		return false
	}
	r.reason = ""
	return true
}

// Unload takes a version, or all of them if it is empty, out of service; its memory goes when its
// last request has ended. It can be loaded again. An error is a *protocol.Error with status 404.
func (h *Host) Unload(name, version string) error {
	return h.remove(name, version, func(r *record) bool {
		r.v, r.state, r.reason, r.off, r.due = nil, Unavailable, "unloaded", true, false
		return true
	})
}

// expect makes a version known that is going to be loaded.
func (h *Host) expect(name, version, folder string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if m := h.models[name]; h.closed || m != nil && m.versions[version] != nil {
		return
	}
	r := h.record(name, version)
	r.state, r.folder, r.due = Loading, folder, true
}

// settle says of a version that it is not waited for any more.
func (h *Host) settle(name, version string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if m := h.models[name]; m != nil && m.versions[version] != nil {
		m.versions[version].due = false
	}
}

// forget is Unload of a version whose folder is gone, and which nobody is to hear of any more.
func (h *Host) forget(name, version string) error {
	return h.remove(name, version, func(r *record) bool {
		r.off = true
		return false
	})
}

// remove takes versions out of the snapshot; those for which end returns true stay known.
func (h *Host) remove(name, version string, end func(*record) bool) error {
	h.mu.Lock()
	m := h.models[name]
	if m == nil || version != "" && m.versions[version] == nil {
		h.mu.Unlock()
		return &protocol.Error{Status: http.StatusNotFound, Message: fmt.Sprintf("there is no model %.64q%s", name, ofVersion(version))}
	}
	var gone []*Version
	for key, r := range m.versions {
		if version != "" && key != version {
			continue
		}
		if r.v != nil {
			gone = append(gone, r.v)
		}
		if !end(r) {
			delete(m.versions, key)
		}
	}
	if len(m.versions) == 0 {
		delete(h.models, name)
	}
	h.publish()
	h.mu.Unlock()
	h.let(gone...)
	return nil
}

func ofVersion(version string) string {
	if version == "" {
		return ""
	}
	return fmt.Sprintf(" of version %.64q", version)
}

// Reload loads all versions of a name anew that the host knows, from where they were, those that were unloaded too, and those
// that a watched folder has by now. An error is a *protocol.Error with status 404 of a name that is not known, else what Load says.
func (h *Host) Reload(ctx context.Context, name string) error {
	folders, err := h.folders(ctx, name)
	if err == nil && len(folders) == 0 {
		return &protocol.Error{Status: http.StatusNotFound, Message: fmt.Sprintf("there is no model %.64q", name)}
	}
	for version, folder := range folders {
		one := h.Load(ctx, name, version, folder)
		var ended *protocol.Error
		if err = errors.Join(err, one); errors.As(one, &ended) {
			break // the other versions were unloaded with it
		}
	}
	return err
}
