package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"scalar/bsp/job"
	"scalar/ml/model"
	"scalar/storage"
)

// A Watcher loads what appears or changes in a folder, and forgets what goes.
//
// A model's folder is one with model.json in it, which is version 1, or has versions as sub-folders 1, 2, …, or both: its own
// files are version 1 where there is no sub-folder 1.
// A version with _SUCCESS in it appeared whole, by a rename, and is loaded at once. One without is loaded when two looks
// have found it the same, or when nothing in it changed lately. One that is gone is unloaded when two looks did not find it, so
// that a folder may be swapped by two renames.
type Watcher struct {
	h      *Host
	name   string // of the one model; empty: the folder has models by name
	folder string

	mu   sync.Mutex // held by a look
	seen map[place]*sight
	said string // what was wrong with the folder

	asked map[place]bool // what was loaded by request since the last look; guarded by the host's lock
	once  atomic.Bool    // a look has found it
}

// A place is where a version is.
type place struct{ name, version string }

// A sight is what was last seen of a version.
type sight struct {
	files string // what tells them from others
	tried bool   // it was loaded, or cannot be
	gone  int    // looks that did not find it, one after the other
}

// Watch returns what watches a folder of models, an absolute path or a URL: its sub-folders are models by name, but for those
// that have a watcher of their own. Nothing is loaded before a look.
func (h *Host) Watch(folder string) *Watcher { return h.watch("", folder) }

// WatchModel is Watch of one model's folder.
func (h *Host) WatchModel(name, folder string) (*Watcher, error) {
	if err := checkName(name); err != nil {
		return nil, job.Fail(job.FaultInput, "%v", err)
	}
	return h.watch(name, folder), nil
}

func (h *Host) watch(name, folder string) *Watcher {
	w := &Watcher{h: h, name: name, folder: strings.TrimRight(folder, "/"), seen: map[place]*sight{}, asked: map[place]bool{}}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.watchers = append(h.watchers, w)
	return w
}

// Run looks now and at every [Config.Poll], until ctx ends; it returns nil then. What is wrong with the folder
// is logged; what is wrong with a model is its state's reason.
func (w *Watcher) Run(ctx context.Context) error {
	ticks := time.NewTicker(w.h.config.Poll)
	defer ticks.Stop()
	for {
		err := w.Look(ctx)
		text := ""
		if err != nil {
			text = err.Error()
		}
		if text != w.said && ctx.Err() == nil {
			if w.said = text; err != nil {
				w.h.config.Log.Error("a folder of models cannot be read", "folder", w.folder, "error", err)
			}
		}
		select {
		case <-ticks.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// Look looks once, and returns when all that is to be loaded has been. An error is about the folder, of
// which nothing is unloaded then; one that is not there has exit code 3.
func (w *Watcher) Look(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	found, err := w.find(ctx)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return job.Fail(job.FaultInput, "there is no folder %s", w.folder).WithCode(job.ExitNotFound)
	case err != nil:
		return job.AsFailure(err, job.FaultInput)
	}
	if !w.once.Load() { // later ones are nobody's business until they are whole
		for at, folder := range found {
			w.h.expect(at.name, at.version, folder)
		}
		w.once.Store(true)
	}
	w.adopt()
	for _, at := range slices.SortedFunc(maps.Keys(found), comparePlaces) {
		if err := w.look(ctx, at, found[at]); err != nil {
			return err
		}
	}
	for at, s := range w.seen {
		if _, there := found[at]; there {
			continue
		}
		if s.gone++; s.gone < 2 {
			continue
		}
		delete(w.seen, at)
		if err := w.h.forget(at.name, at.version); err == nil {
			w.h.config.Log.Info("a model's folder is gone", "model", at.name, "version", at.version)
		}
	}
	return nil
}

// adopt takes what was loaded by request as seen, so that it is forgotten too when it goes before a look has found it.
func (w *Watcher) adopt() {
	w.h.mu.Lock()
	defer w.h.mu.Unlock()
	for at := range w.asked {
		if w.seen[at] == nil {
			w.seen[at] = &sight{}
		}
	}
	clear(w.asked)
}

// Found reports whether a look has found the folder: what is in it is known to the host since then, loaded or not.
func (w *Watcher) Found() bool { return w.once.Load() }

func comparePlaces(a, b place) int {
	if c := strings.Compare(a.name, b.name); c != 0 {
		return c
	}
	return newer(a.version, b.version)
}

// look loads a version if it is new and still. An error is that of ctx.
func (w *Watcher) look(ctx context.Context, at place, folder string) error {
	files, still := w.files(ctx, folder)
	s := w.seen[at]
	switch {
	case s == nil || s.files == "":
		s = &sight{files: files}
		w.seen[at] = s
	case s.files != files:
		*s = sight{files: files}
		w.h.settle(at.name, at.version) // somebody writes it
	default:
		still = true
	}
	if s.gone = 0; s.tried || !still {
		return ctx.Err()
	}
	// An error has become the version's state.
	if err := w.h.Load(ctx, at.name, at.version, folder); err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	s.tried = true
	return nil
}

// files returns what tells a version's files from others, and whether they need not be looked at twice.
func (w *Watcher) files(ctx context.Context, folder string) (text string, still bool) {
	var b strings.Builder
	still = true
	for _, file := range []string{model.ModelFile, model.WeightsFile, storage.SuccessName} {
		info, err := stat(ctx, folder+"/"+file)
		if err != nil {
			fmt.Fprintf(&b, "%s: %t\n", file, errors.Is(err, fs.ErrNotExist))
			still = still && file == storage.SuccessName
			continue
		}
		fmt.Fprintf(&b, "%s: %d %s %d\n", file, info.Size, info.Version, info.ModTime.UnixNano())
		still = still && time.Since(info.ModTime) > 2*w.h.config.Poll || file == storage.SuccessName
	}
	return b.String(), still
}
