package storage_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"scalar/storage"
)

func TestResolve(t *testing.T) {
	for url, want := range map[string]string{
		"/a/b":               "file:///a/b",
		"/a//b/../c/":        "file:///a/c",
		"file:///a/b":        "file:///a/b",
		"file://localhost/a": "file:///a",
		"file:///a%20b":      "file:///a%20b",
		"/a/x://y":           "file:///a/x:/y",
	} {
		_, got, err := storage.Resolve(url)
		if got != want || err != nil {
			t.Errorf("Resolve(%q) = %q, %v; want %q", url, got, err, want)
		}
	}
	for _, url := range []string{"", "a/b", "./a", "file:a", "file://", "file://localhost", "file://host/a", "s3://b/k", "hdfs:///a", "x://y", "://"} {
		if _, got, err := storage.Resolve(url); !errors.Is(err, storage.ErrURL) {
			t.Errorf("Resolve(%q) = %q, %v", url, got, err)
		}
	}
}

func TestLocal(t *testing.T) {
	dir, ctx := t.TempDir(), t.Context()
	fsys := storage.Local()
	name := "file://" + dir + "/sub/f"
	w, err := fsys.Create(ctx, name)
	check(t, err)
	_, err = io.WriteString(w, "abc")
	check(t, err)
	if _, err := fsys.Stat(ctx, name); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("visible before Commit: %v", err)
	}
	check(t, w.Commit())
	check(t, w.Abort()) // after Commit it does nothing
	aborted, err := fsys.Create(ctx, name)
	check(t, err)
	check(t, aborted.Abort())
	infos, err := fsys.List(ctx, dir+"/sub")
	check(t, err)
	if len(infos) != 1 || infos[0].Name != name || infos[0].Size != 3 || infos[0].Dir || infos[0].Version == "" {
		t.Errorf("List: %+v", infos)
	}
	if st, err := fsys.Stat(ctx, dir+"/sub"); !st.Dir || st.Size != 0 || err != nil {
		t.Errorf("Stat of a folder: %+v %v", st, err)
	}
	r, err := fsys.Open(ctx, name)
	check(t, err)
	b := make([]byte, 2)
	n, err := r.ReadAt(b, 1)
	check(t, errors.Join(err, r.Close()))
	if n != 2 || string(b) != "bc" || r.Size() != 3 {
		t.Errorf("read %q, size %d", b, r.Size())
	}
	for _, bad := range []string{dir, "/dev/null", "rel"} {
		if _, err := fsys.Open(ctx, bad); err == nil {
			t.Errorf("Open(%q) gave no error", bad)
		}
	}
	check(t, fsys.Remove(ctx, name))
	if err := fsys.Remove(ctx, name); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("second Remove: %v", err)
	}
	check(t, os.WriteFile(dir+"/plain", nil, 0o644))
	if _, err := fsys.Create(ctx, dir+"/plain/f"); err == nil {
		t.Error("created a file below a file")
	}
}

// TestLocalFolders leaves out links that lead nowhere, and has the other folders.
func TestLocalFolders(t *testing.T) {
	dir := t.TempDir()
	check(t, os.WriteFile(dir+"/file", nil, 0o600))
	check(t, os.Mkdir(dir+"/a", 0o700))
	for link, to := range map[string]string{"b": "a", "gone": "nothing", "loop": "loop", "through": "file/x", "plain": "file"} {
		check(t, os.Symlink(to, dir+"/"+link))
	}
	lister, _ := storage.Local().(storage.FolderLister)
	folders, err := lister.Folders(t.Context(), dir)
	check(t, err)
	names := make([]string, 0, len(folders))
	for _, f := range folders {
		if names = append(names, f.Name); !f.Dir {
			t.Errorf("%+v", f)
		}
	}
	if want := []string{"file://" + dir + "/a", "file://" + dir + "/b"}; !slices.Equal(names, want) {
		t.Errorf("%v, want %v", names, want)
	}
}

// TestLocalPipe checks that opening what is no file is refused at once: nobody writes into the pipe.
func TestLocalPipe(t *testing.T) {
	pipe := t.TempDir() + "/pipe"
	check(t, syscall.Mkfifo(pipe, 0o600))
	if _, err := storage.Local().Open(t.Context(), "file://"+pipe); err == nil || !strings.Contains(err.Error(), "no regular file") {
		t.Errorf("%v", err)
	}
}
