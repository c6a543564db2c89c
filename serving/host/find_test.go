package host_test

import (
	"os"
	"path/filepath"
	"testing"
)

// To load a model anew is to load what has come into its folder too, looks or none.
func TestReloadFinds(t *testing.T) {
	w := watch(t)
	made(t, w.root+"/m/1", 1)
	w.look("m/1=READY")
	made(t, w.root+"/m/2", 2)
	made(t, w.root+"/k", 3)
	made(t, w.root+"/.hidden", 4)
	made(t, w.root+"/m.tmp-mlp-1-2", 5)
	for _, name := range []string{"m", "k"} {
		if err := w.h.Reload(t.Context(), name); err != nil {
			t.Error(err)
		}
	}
	if got := states(w.h); got != "k/1=READY m/1=READY m/2=READY" {
		t.Error(got)
	}
	w.answers(2)
	for _, name := range []string{"n", ".hidden", "m.tmp-mlp-1-2", ".", "..", "../" + filepath.Base(w.root) + "/m", ""} {
		refused(t, w.h.Reload(t.Context(), name), 404, "there is no model")
	}
	w.look("k/1=READY m/1=READY m/2=READY")
}

// What was loaded by request is forgotten when it goes, though no look has seen it.
func TestReloadGone(t *testing.T) {
	w := watch(t)
	made(t, w.root+"/m/1", 1)
	w.look("m/1=READY")
	made(t, w.root+"/k", 2)
	made(t, w.root+"/bad", 3)
	if err := os.WriteFile(w.root+"/bad/model.json", []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := w.h.Reload(t.Context(), "k"); err != nil {
		t.Error(err)
	}
	if err := w.h.Reload(t.Context(), "bad"); err == nil || w.h.Ready() {
		t.Error("ready with a model that cannot be loaded")
	}
	for _, name := range []string{"k", "bad"} {
		if err := os.RemoveAll(w.root + "/" + name); err != nil {
			t.Fatal(err)
		}
	}
	w.look("bad/1=UNAVAILABLE k/1=READY m/1=READY") // as if a folder was being swapped
	w.look("m/1=READY")
	if !w.h.Ready() {
		t.Error("not ready for models that are gone")
	}
}

// A folder that goes, and is forgotten, while its model is loaded by request stays forgotten.
func TestReloadGoing(t *testing.T) {
	w := watch(t)
	made(t, w.root+"/k", 1)
	made(t, w.root+"/m/1", 1)
	w.look("k/1=READY m/1=READY")
	made(t, w.root+"/m/1", 2)
	err := w.h.Reload(&meanwhile{Context: t.Context(), do: func() {
		if err := os.RemoveAll(w.root + "/m"); err != nil {
			t.Error(err)
		}
		w.look("k/1=READY m/1=READY")
		w.look("k/1=READY")
	}}, "m")
	if err == nil {
		t.Error("loaded from a folder that is gone")
	}
	for range 2 {
		if err := w.w.Look(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if got := states(w.h); got != "k/1=READY" || !w.h.Ready() {
		t.Error(got)
	}
}

// A model that is watched by its own folder is nothing of the same name in a folder of models.
func TestWatchBoth(t *testing.T) {
	w := watch(t)
	own := t.TempDir()
	made(t, own+"/7", 7)
	made(t, w.root+"/m/8", 8)
	made(t, w.root+"/k", 1)
	one, err := w.h.WatchModel("m", own)
	if err != nil {
		t.Fatal(err)
	}
	lookAt(t, one)
	w.look("k/1=READY m/7=READY")
	w.answers(7)
	if err := w.h.Reload(t.Context(), "m"); err != nil {
		t.Error(err)
	}
	w.look("k/1=READY m/7=READY")
}
