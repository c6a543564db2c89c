package host_test

import (
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
