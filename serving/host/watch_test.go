package host_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"scalar/bsp/job"
	"scalar/serving/host"
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

// A folder of models is followed: what appears, changes, is copied by hand, is damaged, goes.
func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, root := start(t, host.Config{Cores: 1}), t.TempDir()
		w := h.Watch(root)
		look := func(want string) {
			t.Helper()
			if err := w.Look(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := states(h); got != want {
				t.Errorf("%s, want %s", got, want)
			}
		}
		answers := func(want float32) {
			t.Helper()
			if got, _, err := ask(h, "a", "m", time.Time{}, 0, 0, 0, 0); err != nil || got[0] != want {
				t.Errorf("%v, %v: want %v", got, err, want)
			}
		}
		look("")
		made(t, root+"/m", 1)
		made(t, root+"/.hidden", 1)
		made(t, root+"/n/notes", 1)
		if err := os.Symlink(root+"/nothing", root+"/link"); err != nil {
			t.Fatal(err)
		}
		look("m/1=READY")
		answers(1)
		made(t, root+"/m", 2) // the same version, another model
		look("m/1=READY")
		answers(2)

		// Versions, of which the highest answers. One without _SUCCESS is looked at twice: the bubble's clock
		// is long before the files'.
		if err := os.RemoveAll(root + "/m"); err != nil {
			t.Fatal(err)
		}
		made(t, root+"/m/1", 3)
		sum(t, root+"/m/7", 7)
		look("m/1=READY")
		answers(3)
		look("m/1=READY m/7=READY")
		answers(7)

		// Half a copy is not loaded; one that is damaged is, in vain, once, and then again when it has changed.
		sum(t, root+"/m/8", 8)
		weights := root + "/m/8/weights.safetensors"
		whole, err := os.ReadFile(weights)
		if err != nil {
			t.Fatal(err)
		}
		for n := 1; n < 10; n++ {
			if err := os.WriteFile(weights, whole[:n], 0o600); err != nil {
				t.Fatal(err)
			}
			look("m/1=READY m/7=READY")
		}
		look("m/1=READY m/7=READY m/8=UNAVAILABLE")
		answers(7)
		if err := os.WriteFile(weights, whole, 0o600); err != nil {
			t.Fatal(err)
		}
		look("m/1=READY m/7=READY m/8=UNAVAILABLE")
		look("m/1=READY m/7=READY m/8=READY")
		answers(8)

		// What was unloaded stays so until it changes; touching it is no change.
		if err := h.Unload("m", "8"); err != nil {
			t.Fatal(err)
		}
		look("m/1=READY m/7=READY m/8=UNAVAILABLE")
		answers(7)
		made(t, root+"/m/8", 9)
		look("m/1=READY m/7=READY m/8=READY")
		answers(9)

		// A version that goes for one look stays.
		move(t, root+"/m/8", root+"/.away")
		look("m/1=READY m/7=READY m/8=READY")
		move(t, root+"/.away", root+"/m/8")
		look("m/1=READY m/7=READY m/8=READY")
		move(t, root+"/m/8", root+"/.away")
		look("m/1=READY m/7=READY m/8=READY")
		look("m/1=READY m/7=READY")
		answers(7)

		// Without its folder nothing is unloaded.
		move(t, root, root+"-away")
		for range 3 {
			f := job.AsFailure(w.Look(t.Context()), job.FaultInternal)
			if f.Code != job.ExitNotFound || !strings.Contains(f.Message, "there is no folder") {
				t.Errorf("%+v", f)
			}
		}
		answers(7)
		move(t, root+"-away", root)
		if err := os.RemoveAll(root + "/m"); err != nil {
			t.Fatal(err)
		}
		look("m/1=READY m/7=READY")
		look("")
	})
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
		ctx, cancel := withCancel(t)
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

// Files that nothing has touched lately are loaded at the first look.
func TestWatchOld(t *testing.T) {
	h, root := start(t, host.Config{Cores: 1}), t.TempDir()
	sum(t, root+"/new", 1)
	old := sum(t, root+"/old", 1)
	for _, name := range []string{"model.json", "weights.safetensors"} {
		then := time.Now().Add(-time.Hour)
		if err := os.Chtimes(filepath.Join(old, name), then, then); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.Watch(root).Look(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := states(h); got != "old/1=READY" {
		t.Error(got)
	}
}
