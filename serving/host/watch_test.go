package host_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"scalar/bsp/job"
	"scalar/serving/host"
	"scalar/serving/protocol"

	"golang.org/x/sys/unix"
)

// move renames a folder, whole.
func move(tb testing.TB, from, to string) {
	tb.Helper()
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		tb.Fatal(err)
	}
	if err := os.Rename(from, to); err != nil {
		tb.Fatal(err)
	}
}

// made is sum with _SUCCESS, as training leaves it, in the place of what was there.
func made(tb testing.TB, dir string, constant float32) {
	tb.Helper()
	at := sum(tb, filepath.Join(tb.TempDir(), "x"), constant)
	if err := os.WriteFile(filepath.Join(at, "_SUCCESS"), nil, 0o644); err != nil {
		tb.Fatal(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		tb.Fatal(err)
	}
	move(tb, at, dir)
}

// states lists versions as NAME/VERSION=STATE.
func states(h *host.Host) string {
	var all []string
	for _, m := range h.Models("") {
		for _, v := range m.Versions {
			all = append(all, m.Name+"/"+v.Version+"="+string(v.State))
		}
	}
	return strings.Join(all, " ")
}

// A watching test looks at a folder of models, in which m answers.
type watching struct {
	*testing.T
	h    *host.Host
	w    *host.Watcher
	root string
}

func watch(t *testing.T) *watching {
	t.Helper()
	h, root := start(t, host.Config{Cores: 1}), t.TempDir()
	return &watching{t, h, h.Watch(root), root}
}

// look looks once, and compares the states of versions.
func (w *watching) look(want string) {
	w.Helper()
	if err := w.w.Look(w.Context()); err != nil {
		w.Fatal(err)
	}
	if got := states(w.h); got != want {
		w.Errorf("%s, want %s", got, want)
	}
}

func (w *watching) answers(want float32) {
	w.Helper()
	if got, _, err := ask(w.h, "a", time.Time{}, 0, 0, 0, 0); err != nil || got[0] != want {
		w.Errorf("%v, %v: want %v", got, err, want)
	}
}

// first asks version 1.
func (w *watching) first(want float32) {
	w.Helper()
	l := acquire(w, w.h, "m", "1", "")
	defer l.Release()
	var a protocol.Answer
	if err := l.Predict(w.Context(), time.Time{}, request(1, make([]float32, 4)), &a); err != nil || a.Outputs[0].F32[0] != want {
		w.Errorf("version 1: %v, %v: want %v", a.Outputs, err, want)
	}
}

// Models that appear or change are loaded, what is no model is not.
func TestWatch(t *testing.T) {
	w := watch(t)
	w.look("")
	made(t, w.root+"/m", 1)
	made(t, w.root+"/.hidden", 1)
	made(t, w.root+"/n/notes", 1)
	made(t, w.root+"/m.tmp-mlp-1-2", 1) // jobs write them, or have not written them
	made(t, w.root+"/n/1.tmp-mlp-2-1", 1)
	if err := os.Symlink(w.root+"/nothing", w.root+"/link"); err != nil {
		t.Fatal(err)
	}
	w.look("m/1=READY")
	w.answers(1)
	made(t, w.root+"/m", 2) // the same version, another model
	w.look("m/1=READY")
	w.answers(2)
	made(t, w.root+"/k/3", 2)
	made(t, w.root+"/k/20", 2)
	w.look("k/3=READY k/20=READY m/1=READY")

	// What was unloaded stays so until it changes.
	if err := w.h.Unload("m", ""); err != nil {
		t.Fatal(err)
	}
	w.look("k/3=READY k/20=READY m/1=UNAVAILABLE")
	made(t, w.root+"/m", 2)
	w.look("k/3=READY k/20=READY m/1=READY")
	w.answers(2)
}

// unprivileged lets the rest of the test look at files as somebody who is not root.
func unprivileged(t *testing.T, root string) {
	t.Helper()
	if os.Geteuid() != 0 {
		return
	}
	if err := os.Chmod(filepath.Dir(root), 0o755); err != nil {
		t.Fatal(err)
	}
	runtime.LockOSThread() // it is about one thread
	was, err := unix.SetfsuidRetUid(65534)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		unix.SetfsuidRetUid(was) //nolint:gosec // it has been that before
		runtime.UnlockOSThread()
	})
}

// A folder that may not be read leaves the others alone, and its own model if it was loaded before.
func TestWatchUnread(t *testing.T) {
	w := watch(t)
	made(t, w.root+"/k/1", 3)
	made(t, w.root+"/m", 1)
	w.look("k/1=READY m/1=READY")
	if err := errors.Join(os.Mkdir(w.root+"/private", 0o700), os.Chmod(w.root+"/private", 0), os.Chmod(w.root+"/k", 0), os.Symlink("loop", w.root+"/loop")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(w.root+"/k", 0o755) }) //nolint:gosec // so that it can be removed
	made(t, w.root+"/m", 2)
	unprivileged(t, w.root)
	if _, err := os.ReadDir(w.root + "/private"); err == nil {
		t.Skip("this process may read all folders")
	}
	w.look("k/1=READY m/1=READY")
	w.answers(2)
	w.look("k/1=READY m/1=READY private/1=UNAVAILABLE")
	for _, m := range w.h.Models("") {
		if reason := m.Versions[0].Reason; strings.Contains(reason, "permission denied") == (m.Name == "m") {
			t.Errorf("%s: %q", m.Name, reason)
		}
	}
}

// A job's output is version 1 of a model, and jobs write further versions into it.
func TestWatchGrown(t *testing.T) {
	w := watch(t)
	made(t, w.root+"/m", 1)
	w.look("m/1=READY")
	made(t, w.root+"/m/2", 2)
	w.look("m/1=READY m/2=READY")
	w.answers(2)
	w.first(1)
	made(t, w.root+"/m/1", 3) // in its place
	w.look("m/1=READY m/2=READY")
	w.first(3)
	w.answers(2)
}

// A folder without _SUCCESS is looked at twice; one that is damaged is tried once, and again when
// it has changed, while others answer.
func TestWatchCopied(t *testing.T) {
	w := watch(t)
	made(t, w.root+"/m/1", 3)
	sum(t, w.root+"/m/7", 7)
	w.look("m/1=READY m/7=LOADING")
	w.answers(3)
	w.look("m/1=READY m/7=READY")
	w.answers(7)
	sum(t, w.root+"/m/8", 8)
	weights := w.root + "/m/8/weights.safetensors"
	whole, err := os.ReadFile(weights)
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n < 10; n++ {
		if err := os.WriteFile(weights, whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		w.look("m/1=READY m/7=READY")
	}
	w.look("m/1=READY m/7=READY m/8=UNAVAILABLE")
	w.look("m/1=READY m/7=READY m/8=UNAVAILABLE")
	w.answers(7)
	if err := os.WriteFile(weights, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	w.look("m/1=READY m/7=READY m/8=UNAVAILABLE")
	w.look("m/1=READY m/7=READY m/8=READY")
	w.answers(8)
}

// A version that two looks do not find is unloaded; where the whole folder is not there, nothing is.
func TestWatchGone(t *testing.T) {
	w := watch(t)
	made(t, w.root+"/m/7", 7)
	made(t, w.root+"/m/8", 8)
	w.look("m/7=READY m/8=READY")
	move(t, w.root+"/m/8", w.root+"/.away")
	w.look("m/7=READY m/8=READY")
	move(t, w.root+"/.away", w.root+"/m/8")
	w.look("m/7=READY m/8=READY")
	move(t, w.root+"/m/8", w.root+"/.away")
	w.look("m/7=READY m/8=READY")
	w.answers(8)
	w.look("m/7=READY")
	w.answers(7)
	move(t, w.root, w.root+"-away")
	for range 3 {
		f := job.AsFailure(w.w.Look(t.Context()), job.FaultInternal)
		if f.Code != job.ExitNotFound || !strings.Contains(f.Message, "there is no folder") {
			t.Errorf("%+v", f)
		}
	}
	w.answers(7)
	move(t, w.root+"-away", w.root)
	if err := os.RemoveAll(w.root + "/m"); err != nil {
		t.Fatal(err)
	}
	w.look("m/7=READY")
	w.look("")
}

// A model's own folder is watched under any name; Run looks once a second.
func TestWatchModel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, root := start(t, host.Config{Cores: 1, Poll: time.Second}), t.TempDir()
		w, err := h.WatchModel("digits", root+"/model")
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Look(t.Context()); job.AsFailure(err, job.FaultInternal).Code != job.ExitNotFound {
			t.Error(err)
		}
		if err := os.Mkdir(root+"/model", 0o755); err != nil {
			t.Fatal(err)
		}
		loadRefused(t, w.Look(t.Context()), "there is neither model.json nor a version")
		_, err = h.WatchModel("a/b", root)
		loadRefused(t, err, "a model cannot be called")
		ended := make(chan error)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { ended <- w.Run(ctx) }()
		synctest.Wait()
		made(t, root+"/model", 1)
		time.Sleep(time.Second - time.Millisecond)
		synctest.Wait()
		if got := states(h); got != "" {
			t.Error(got)
		}
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		if got := states(h); got != "digits/1=READY" {
			t.Error(got)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// Files that nothing has touched lately are loaded at the first look; of others it is known since then that they are there.
func TestWatchOld(t *testing.T) {
	h, root := start(t, host.Config{Cores: 1}), t.TempDir()
	sum(t, root+"/new", 1)
	age(t, sum(t, root+"/old", 1))
	w := h.Watch(root)
	if w.Found() {
		t.Error("found before a look")
	}
	lookAt(t, w)
	if got := states(h); got != "new/1=LOADING old/1=READY" || h.Ready() || !w.Found() {
		t.Errorf("%s, ready %t, found %t", got, h.Ready(), w.Found())
	}
	lookAt(t, w)
	if got := states(h); got != "new/1=READY old/1=READY" || !h.Ready() {
		t.Errorf("%s, ready %t", got, h.Ready())
	}
	w = h.Watch(root + "/none")
	if err := w.Look(t.Context()); err == nil || w.Found() {
		t.Errorf("a folder that is not there: %v, found %t", err, w.Found())
	}
}

// age makes it so that nothing has touched a model lately.
func age(t *testing.T, folder string) {
	t.Helper()
	for _, name := range []string{"model.json", "weights.safetensors"} {
		then := time.Now().Add(-time.Hour)
		if err := os.Chtimes(filepath.Join(folder, name), then, then); err != nil {
			t.Fatal(err)
		}
	}
}

func lookAt(t *testing.T, w *host.Watcher) {
	t.Helper()
	if err := w.Look(t.Context()); err != nil {
		t.Fatal(err)
	}
}
