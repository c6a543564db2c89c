package host_test

import (
	"os"
	"testing"
)

// A host is ready when all versions have been tried that were there at the first look, but for one that is being written, and those
// that come later.
func TestReadyVersions(t *testing.T) {
	for _, written := range []bool{false, true} {
		w := watch(t)
		age(t, sum(t, w.root+"/m/1", 1))
		sum(t, w.root+"/m/2", 2)
		w.look("m/1=READY m/2=LOADING")
		w.answers(1)
		if w.h.Ready() {
			t.Error("ready before version 2 was tried")
		}
		want := "READY"
		if written {
			if err := os.Truncate(w.root+"/m/2/weights.safetensors", 10); err != nil {
				t.Fatal(err)
			}
			w.look("m/1=READY m/2=LOADING")
			if !w.h.Ready() {
				t.Error("not ready while version 2 is written")
			}
			want = "UNAVAILABLE"
		}
		w.look("m/1=READY m/2=" + want)
		if !w.h.Ready() {
			t.Errorf("not ready with version 2 %s", want)
		}
		sum(t, w.root+"/m/3", 3)
		w.look("m/1=READY m/2=" + want)
		if !w.h.Ready() {
			t.Error("not ready while a version comes")
		}
	}
}
