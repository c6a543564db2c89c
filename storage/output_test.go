package storage_test

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"scalar/storage"
)

const owner = `{"job":"pagerank-17","epoch":2}`

func crcOf(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// parts writes one part per content and closes them.
func parts(tb testing.TB, tmp string, contents ...string) []storage.PartInfo {
	tb.Helper()
	infos := make([]storage.PartInfo, 0, len(contents))
	for peer, c := range contents {
		p, err := storage.CreatePart(tb.Context(), tmp, peer)
		check(tb, err)
		_, err = io.WriteString(p, c)
		check(tb, err)
		size, crc, err := p.Close()
		check(tb, err)
		if size != int64(len(c)) || crc != crcOf([]byte(c)) {
			tb.Fatalf("peer %d: size %d crc %08x", peer, size, crc)
		}
		infos = append(infos, p.Info())
	}
	return infos
}

// tree lists a folder as "name: content" lines.
func tree(tb testing.TB, dir string) string {
	tb.Helper()
	var b strings.Builder
	check(tb, fs.WalkDir(os.DirFS(dir), ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(filepath.Join(dir, p))
		fmt.Fprintf(&b, "%s: %q\n", p, content)
		return err
	}))
	return b.String()
}

func TestCommitOutput(t *testing.T) {
	dir := t.TempDir()
	tmp, out := "file://"+dir+"/OUT.tmp-pagerank-17-2", dir+"/deep/er/OUT"
	infos := parts(t, tmp, "a\t1\n", "", "b\t2\n")
	write(t, dir, "OUT.tmp-pagerank-17-2/part-00003", "of an earlier try")
	for range 2 { // the second time it is there already
		check(t, storage.CommitOutput(t.Context(), tmp, out, owner, infos))
		golden, err := os.ReadFile("testdata/output.golden")
		check(t, err)
		if got := tree(t, out); got != string(golden) {
			t.Errorf("output:\n%swant:\n%s", got, golden)
		}
	}
	r, err := storage.OpenOutput(t.Context(), out)
	check(t, err)
	all, err := io.ReadAll(r)
	check(t, errors.Join(err, r.Close()))
	if string(all) != "a\t1\nb\t2\n" {
		t.Errorf("OpenOutput: %q", all)
	}
	if err := storage.CommitOutput(t.Context(), tmp, out, `{"job":"other-1","epoch":1}`, infos); !errors.Is(err, storage.ErrExists) {
		t.Errorf("commit of another job: %v", err)
	}
	if exists, err := storage.OutputExists(t.Context(), tmp); exists || err != nil {
		t.Errorf("temporary folder after the commit: %v %v", exists, err)
	}
}

func TestCommitRefuses(t *testing.T) {
	dir := t.TempDir()
	tmp := dir + "/tmp"
	infos := parts(t, tmp, "abc")
	check(t, os.Mkdir(dir+"/empty", 0o755))
	write(t, dir, "file", "")
	for _, name := range []string{"empty", "file"} {
		if err := storage.CommitOutput(t.Context(), tmp, dir+"/"+name, owner, infos); !errors.Is(err, storage.ErrExists) {
			t.Errorf("over %s: %v", name, err)
		}
		if exists, err := storage.OutputExists(t.Context(), dir+"/"+name); !exists || err != nil {
			t.Errorf("OutputExists(%s): %v %v", name, exists, err)
		}
	}
	for what, bad := range map[string]storage.PartInfo{
		"short":     {Path: infos[0].Path, Size: 4},
		"missing":   {Path: infos[0].Path + "0", Size: 3},
		"elsewhere": {Path: dir + "/file"},
	} {
		if err := storage.CommitOutput(t.Context(), tmp, dir+"/out", owner, []storage.PartInfo{bad}); err == nil {
			t.Errorf("%s part was committed", what)
		}
		if exists, err := storage.OutputExists(t.Context(), dir+"/out"); exists || err != nil {
			t.Errorf("%s part: output %v %v", what, exists, err)
		}
	}
	if _, err := storage.OpenOutput(t.Context(), tmp); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("OpenOutput without _SUCCESS: %v", err)
	}
	// No part at all is an output too.
	check(t, storage.CommitOutput(t.Context(), dir+"/none", dir+"/out", owner, nil))
	if got := tree(t, dir+"/out"); got != fmt.Sprintf("_SUCCESS: %q\n", owner+"\n") {
		t.Errorf("output without parts: %s", got)
	}
}

// A file system without RENAME_NOREPLACE (NFS) gets a look and a plain rename.
func TestCommitWithoutNoReplace(t *testing.T) {
	for _, refusal := range []error{unix.EINVAL, unix.ENOSYS, unix.ENOTSUP} {
		rename := func(from, to string) error {
			return storage.RenameWith(func(int, string, int, string, uint) error { return refusal }, from, to)
		}
		dir := t.TempDir()
		parts(t, dir+"/tmp", "abc")
		parts(t, dir+"/full", "x")
		check(t, os.Mkdir(dir+"/empty", 0o755))
		check(t, os.Symlink("nowhere", dir+"/link"))
		write(t, dir, "file", "")
		for _, name := range []string{"full", "empty", "link", "file"} {
			if err := rename(dir+"/tmp", dir+"/"+name); !errors.Is(err, fs.ErrExist) {
				t.Errorf("%v: over %s: %v", refusal, name, err)
			}
		}
		if err := rename(dir+"/tmp", dir+"/none/out"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%v: into no folder: %v", refusal, err)
		}
		if err := rename(dir+"/tmp", dir+"/file/out"); err == nil || errors.Is(err, fs.ErrExist) {
			t.Errorf("%v: below a file: %v", refusal, err)
		}
		check(t, rename(dir+"/tmp", dir+"/out"))
		if got := tree(t, dir+"/out"); got != "part-00000: \"abc\"\n" {
			t.Errorf("%v: output: %s", refusal, got)
		}
	}
	// Other errors are what they are.
	err := storage.RenameWith(func(int, string, int, string, uint) error { return unix.EXDEV }, "a", "b")
	if !errors.Is(err, unix.EXDEV) {
		t.Errorf("%v", err)
	}
}

// An output whose owner cannot be read may be the committer's own.
func TestCommitUnreadable(t *testing.T) {
	dir := t.TempDir()
	infos := parts(t, dir+"/tmp", "abc")
	check(t, os.MkdirAll(dir+"/out/_SUCCESS", 0o755)) // reads as a disk that is not well does
	err := storage.CommitOutput(t.Context(), dir+"/tmp", dir+"/out", owner, infos)
	if !errors.Is(err, unix.EISDIR) || errors.Is(err, storage.ErrExists) {
		t.Errorf("%v", err)
	}
}

// TestCommitAtOnce: many committers of one output all succeed, of several
// owners exactly those of one.
func TestCommitAtOnce(t *testing.T) {
	dir := t.TempDir()
	owners := []string{"one", "two"}
	var infos [2][]storage.PartInfo
	for i, o := range owners {
		infos[i] = parts(t, dir+"/tmp-"+o, "from "+o)
	}
	errs := make([]error, 16)
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() {
			errs[i] = storage.CommitOutput(t.Context(), dir+"/tmp-"+owners[i%2], dir+"/out", owners[i%2], infos[i%2])
		})
	}
	all.Wait()
	winner := 0
	if errs[0] != nil {
		winner = 1
	}
	for i, err := range errs {
		if i%2 == winner && err != nil || i%2 != winner && !errors.Is(err, storage.ErrExists) {
			t.Errorf("committer %d of %s: %v", i, owners[i%2], err)
		}
	}
	want := fmt.Sprintf("_SUCCESS: %q\npart-00000: %q\n", owners[winner]+"\n", "from "+owners[winner])
	if got := tree(t, dir+"/out"); got != want {
		t.Errorf("output: %s", got)
	}
}

// TestResumePart: whatever was written and synced before a fault is in the new
// part, and what came after is not.
func TestResumePart(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir := t.TempDir()
		chunks := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 100_000), 0, 4)
		before, lost, after := chunks.Draw(rt, "before"), chunks.Draw(rt, "lost"), chunks.Draw(rt, "after")
		p, err := storage.CreatePart(t.Context(), dir+"/tmp-1", 3)
		check(t, err)
		put(t, p, before)
		size, crc, err := p.Sync()
		check(t, err)
		put(t, p, lost)
		_, _, err = p.Close()
		check(t, err)
		old := storage.PartInfo{Peer: 3, Path: p.Info().Path, Size: size, CRC: crc}
		p, err = storage.ResumePart(t.Context(), dir+"/tmp-2", 3, old)
		check(t, err)
		if p.Info().Size != size || p.Info().CRC != crc {
			rt.Fatalf("resumed with %+v, want %+v", p.Info(), old)
		}
		put(t, p, after)
		size, crc, err = p.Close()
		check(t, err)
		got, err := os.ReadFile(dir + "/tmp-2/part-00003")
		check(t, err)
		want := slices.Concat(slices.Concat(before...), slices.Concat(after...))
		if !bytes.Equal(got, want) || size != int64(len(want)) || crc != crcOf(want) {
			rt.Fatalf("%d bytes, want %d; size %d, crc %08x", len(got), len(want), size, crc)
		}
	})
}

func put(tb testing.TB, p *storage.Part, chunks [][]byte) {
	tb.Helper()
	for _, c := range chunks {
		n, err := p.Write(c)
		check(tb, err)
		if n != len(c) {
			tb.Fatalf("wrote %d of %d", n, len(c))
		}
	}
}

func TestResumeDamagedPart(t *testing.T) {
	dir := t.TempDir()
	infos := parts(t, dir+"/tmp-1", "some lines of output")
	file := dir + "/tmp-1/part-00000"
	for what, content := range map[string]string{"flipped": "some lInes of output", "truncated": "some lines of outpu", "empty": ""} {
		check(t, os.WriteFile(file, []byte(content), 0o644))
		_, err := storage.ResumePart(t.Context(), dir+"/tmp-2", 0, infos[0])
		if !errors.Is(err, storage.ErrCorrupt) || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := storage.ResumePart(t.Context(), dir+"/tmp-1", 0, infos[0]); err == nil {
		t.Error("a part was resumed into itself")
	}
	check(t, os.RemoveAll(dir+"/tmp-1"))
	if _, err := storage.ResumePart(t.Context(), dir+"/tmp-2", 0, infos[0]); !errors.Is(err, fs.ErrNotExist) || !errors.Is(err, storage.ErrCorrupt) {
		t.Errorf("without the old part: %v", err)
	}
	// What this machine cannot see, or not read, is not damaged.
	unseen := infos[0]
	unseen.Path = dir + "/not mounted/tmp-1/part-00000"
	if _, err := storage.ResumePart(t.Context(), dir+"/tmp-2", 0, unseen); !errors.Is(err, storage.ErrUnreadable) || errors.Is(err, storage.ErrCorrupt) {
		t.Errorf("without the folder of the old output: %v", err)
	}
	check(t, os.MkdirAll(file, 0o755))
	if _, err := storage.ResumePart(t.Context(), dir+"/tmp-2", 0, infos[0]); !errors.Is(err, storage.ErrUnreadable) || errors.Is(err, storage.ErrCorrupt) {
		t.Errorf("with a folder in place of the old part: %v", err)
	}
}

func TestRemoveAll(t *testing.T) {
	dir := t.TempDir()
	parts(t, dir+"/tmp", "x")
	for range 2 {
		check(t, storage.RemoveAll(t.Context(), "file://"+dir+"/tmp"))
	}
	for _, url := range []string{"/", "file:///", "/x/..", "tmp"} {
		if err := storage.RemoveAll(t.Context(), url); !errors.Is(err, storage.ErrURL) {
			t.Errorf("RemoveAll(%q): %v", url, err)
		}
	}
}

// TestFullDisk: a write that the system refuses is reported with the file, by
// that call or the next, and stays reported.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	check(t, os.Symlink("/dev/full", dir+"/part-00000"))
	p, err := storage.CreatePart(t.Context(), dir, 0)
	check(t, err)
	_, err = io.WriteString(p, "x")
	check(t, err)
	for range 2 {
		if err := p.Flush(); err == nil || !strings.Contains(err.Error(), dir+"/part-00000: no space left on device") {
			t.Errorf("Flush: %v", err)
		}
	}
	if _, _, err := p.Close(); err == nil {
		t.Error("Close gave no error")
	}
}
