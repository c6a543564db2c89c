package storage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

const fileScheme = "file://"

type local struct{}

// Local returns the file system of this machine: file:// URLs and bare absolute
// paths.
func Local() FS { return local{} }

func (local) Open(ctx context.Context, name string) (Reader, error) {
	p, err := path(ctx, name)
	if err != nil {
		return nil, err
	}
	if st, err := os.Stat(p); err == nil && !st.Mode().IsRegular() { // to open a pipe would be to wait for who writes into it
		return nil, fmt.Errorf("%s is no regular file", p)
	}
	f, err := os.Open(p)
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = fmt.Errorf("%s is no regular file", p)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &localReader{File: f, size: st.Size()}, nil
}

func (local) Create(ctx context.Context, name string) (Writer, error) {
	p, err := path(ctx, name)
	if err != nil {
		return nil, err
	}
	if err := mkdirSync(filepath.Dir(p)); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(filepath.Dir(p), "."+filepath.Base(p)+".tmp-*")
	if err != nil {
		return nil, err
	}
	return &localWriter{File: f, path: p, mode: 0o644}, nil
}

func (local) List(ctx context.Context, name string) ([]Info, error) {
	p, err := path(ctx, name)
	if err != nil {
		return nil, err
	}
	st, err := os.Stat(p)
	if err != nil {
		return nil, err
	}
	if st.Mode().IsRegular() {
		return []Info{info(p, st)}, nil
	}
	if !st.IsDir() {
		return nil, fmt.Errorf("%w: %s is neither a regular file nor a folder", ErrURL, p)
	}
	entries, err := os.ReadDir(p) // sorted by name
	if err != nil {
		return nil, err
	}
	infos := make([]Info, 0, len(entries))
	for _, e := range entries {
		file := filepath.Join(p, e.Name())
		st, err := os.Stat(file) // follows links
		if err != nil {
			return nil, err
		}
		if st.Mode().IsRegular() {
			infos = append(infos, info(file, st))
		}
	}
	return infos, nil
}

// A FolderLister is an FS whose folders hold folders.
type FolderLister interface {
	// Folders returns the folders directly in a folder in name order, those that cannot be looked at too.
	Folders(ctx context.Context, name string) ([]Info, error)
}

func (local) Folders(ctx context.Context, name string) ([]Info, error) {
	p, err := path(ctx, name)
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(p) // sorted by name
	if err != nil {
		return nil, err
	}
	var infos []Info
	for _, e := range entries {
		if !e.IsDir() && e.Type()&fs.ModeSymlink == 0 {
			continue
		}
		folder := filepath.Join(p, e.Name())
		st, err := os.Stat(folder) // follows links
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ELOOP), errors.Is(err, syscall.ENOTDIR):
			// it has just gone, or is a link to nothing
		case err != nil:
			infos = append(infos, Info{Name: fileScheme + folder, Dir: true}) // who opens it is told why
		case st.IsDir():
			infos = append(infos, info(folder, st))
		}
	}
	return infos, nil
}

func (local) Stat(ctx context.Context, name string) (Info, error) {
	p, err := path(ctx, name)
	if err != nil {
		return Info{}, err
	}
	st, err := os.Stat(p)
	if err != nil {
		return Info{}, err
	}
	return info(p, st), nil
}

func (local) Remove(ctx context.Context, name string) error {
	p, err := path(ctx, name)
	if err != nil {
		return err
	}
	return os.Remove(p)
}

// RemoveAll removes a file or a folder with all that is in it; nothing there is
// no error.
func RemoveAll(ctx context.Context, url string) error {
	p, err := path(ctx, url)
	if err != nil {
		return err
	}
	if p == "/" {
		return fmt.Errorf("%w: %q: will not remove the root folder", ErrURL, url)
	}
	err = os.RemoveAll(p)
	if err != nil {
		if _, gone := os.Lstat(p); errors.Is(gone, fs.ErrNotExist) { // as on a file system that is read-only
			return nil
		}
	}
	return err
}

func path(ctx context.Context, url string) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	return Path(url)
}

func info(p string, st fs.FileInfo) Info {
	i := Info{Name: fileScheme + p, ModTime: st.ModTime(), Version: version(st), Dir: st.IsDir()}
	if !i.Dir {
		i.Size = st.Size()
	}
	return i
}

type localReader struct {
	*os.File
	size int64
}

func (r *localReader) Size() int64 { return r.size }

// localWriter writes a hidden file beside its final name.
type localWriter struct {
	*os.File
	path string
	mode fs.FileMode
	done bool
}

func (w *localWriter) Commit() error {
	if w.done {
		return fs.ErrClosed
	}
	w.done = true
	err := errors.Join(w.Chmod(w.mode), w.Sync())
	if err = errors.Join(err, w.Close()); err == nil {
		err = os.Rename(w.Name(), w.path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(w.Name()))
	}
	return syncDir(filepath.Dir(w.path))
}

func (w *localWriter) Abort() error {
	if w.done {
		return nil
	}
	w.done = true
	return errors.Join(w.Close(), os.Remove(w.Name()))
}

// syncDir makes the names in a folder durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// mkdirSync is os.MkdirAll with every new name synced.
func mkdirSync(dir string) error {
	if st, err := os.Stat(dir); err == nil {
		if !st.IsDir() {
			return fmt.Errorf("%s is no folder", dir)
		}
		return nil
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := mkdirSync(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(parent)
}

// Display returns how a URL is shown to people: a local file as its path.
func Display(url string) string { return strings.TrimPrefix(url, fileScheme) }
