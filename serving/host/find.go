package host

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"scalar/bsp/job"
	"scalar/ml/model"
	"scalar/storage"
)

// folders returns where the versions of a name are: those that are known, and what watched folders have by now.
func (h *Host) folders(ctx context.Context, name string) (map[string]string, error) {
	folders := h.known(name)
	h.mu.Lock()
	watchers := h.watchers
	h.mu.Unlock()
	for _, w := range watchers {
		if !w.watches(name) {
			continue
		}
		found, err := w.of(ctx, name)
		if err != nil {
			return nil, err
		}
		for at, folder := range found {
			folders[at.version] = folder
		}
		w.ask(name, folders)
	}
	return folders, nil
}

// known returns the versions of a name that the host knows, with their folders.
func (h *Host) known(name string) map[string]string {
	h.mu.Lock()
	defer h.mu.Unlock()
	folders := map[string]string{}
	if m := h.models[name]; m != nil {
		for version, r := range m.versions {
			folders[version] = r.folder
		}
	}
	return folders
}

// find returns the versions that there are, with their folders.
func (w *Watcher) find(ctx context.Context) (map[place]string, error) {
	found := map[place]string{}
	if w.name != "" {
		return found, w.versions(ctx, found, w.name, w.folder)
	}
	folders, err := list(ctx, w.folder)
	if err != nil {
		return nil, err
	}
	for _, folder := range folders {
		name := path.Base(folder)
		if !w.names(name) {
			continue
		}
		if err := w.versions(ctx, found, name, folder); err != nil && !errors.Is(err, fs.ErrNotExist) {
			if ctx.Err() != nil {
				return nil, err
			}
			w.unread(found, name, folder)
		}
	}
	return found, nil
}

// unread adds what is known of a model whose folder cannot be read, or version 1: to load it says why, and leaves the others alone.
func (w *Watcher) unread(found map[place]string, name, folder string) {
	folders := w.h.known(name)
	if len(folders) == 0 {
		folders["1"] = folder
	}
	for version, folder := range folders {
		found[place{name, version}] = folder
	}
}

// of is find of one model that it watches.
func (w *Watcher) of(ctx context.Context, name string) (map[place]string, error) {
	folder, found := w.folder, map[place]string{}
	if w.name == "" {
		folder += "/" + name
	}
	err := w.versions(ctx, found, name, folder)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return found, err
}

// watches reports whether the watcher finds the versions of a name.
func (w *Watcher) watches(name string) bool { return w.name == name || w.name == "" && w.names(name) }

// ask says of versions that they are loaded by request.
func (w *Watcher) ask(name string, versions map[string]string) {
	w.h.mu.Lock()
	defer w.h.mu.Unlock()
	for version := range versions {
		w.asked[place{name, version}] = true
	}
}

// names reports whether a sub-folder of a name is a model: it is neither hidden, nor somebody's temporary folder, nor has that model a
// watcher of its own.
func (w *Watcher) names(name string) bool {
	if checkName(name) != nil || storage.Unfinished(name) {
		return false
	}
	w.h.mu.Lock()
	defer w.h.mu.Unlock()
	return !slices.ContainsFunc(w.h.watchers, func(o *Watcher) bool { return o.name == name })
}

// versions adds the versions of a model's folder.
func (w *Watcher) versions(ctx context.Context, found map[place]string, name, folder string) error {
	n := len(found)
	if _, err := stat(ctx, folder+"/"+model.ModelFile); err == nil {
		found[place{name, "1"}] = folder
	}
	folders, err := list(ctx, folder)
	if err != nil {
		return err
	}
	for _, sub := range folders {
		if version := path.Base(sub); checkVersion(version) == nil {
			found[place{name, version}] = sub
		}
	}
	if w.name != "" && len(found) == n {
		return job.Fail(job.FaultInput, "%s is no model: there is neither %s nor a version, 1, 2, …, in it", folder, model.ModelFile)
	}
	return nil
}

func stat(ctx context.Context, url string) (storage.Info, error) {
	at, name, err := storage.Resolve(url)
	if err != nil {
		return storage.Info{}, err
	}
	return at.Stat(ctx, name)
}

// list returns the folders in a folder.
func list(ctx context.Context, url string) ([]string, error) {
	at, name, err := storage.Resolve(url)
	if err != nil {
		return nil, err
	}
	lister, ok := at.(storage.FolderLister)
	if !ok {
		return nil, job.Fail(job.FaultInput, "%s: folders of models are on this machine only", url)
	}
	infos, err := lister.Folders(ctx, name)
	if err != nil {
		return nil, err
	}
	folders := make([]string, len(infos))
	for i, info := range infos {
		folders[i] = strings.TrimRight(info.Name, "/")
	}
	return folders, nil
}
