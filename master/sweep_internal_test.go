package master

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"scalar/bsp/job"
	"scalar/bsp/wire"
	"scalar/master/fsm"
	"scalar/storage"
)

// sweepWorld is a store, a state, and a groom that removes what it is asked to.
type sweepWorld struct {
	*sweeper
	t       *testing.T
	dir     string
	fsm     *fsm.State
	largest int // number of names in one request
	refuse  error
}

func newSweepWorld(t *testing.T) *sweepWorld {
	t.Helper()
	w := &sweepWorld{t: t, dir: t.TempDir(), fsm: fsm.New()}
	w.sweeper = &sweeper{
		store: w.dir, logKeep: 7 * 24 * time.Hour, archiveKeep: 90 * 24 * time.Hour, aside: newAsides(), blobs: map[string]*storage.Blobs{},
		state: func() *fsm.State { return w.fsm }, now: time.Now, log: slog.New(slog.DiscardHandler),
		ask: func(_ context.Context, _ string, s wire.Sweep) (string, wire.SweepReply, error) {
			w.largest = max(w.largest, len(s.Names))
			if s.Cluster != "uuid" {
				t.Errorf("asked in the name of %q", s.Cluster)
			}
			for _, name := range s.Names {
				if err := os.RemoveAll(filepath.Join(w.dir, string(s.Kind), name)); err != nil {
					t.Error(err)
				}
			}
			return "g", wire.SweepReply{Removed: len(s.Names)}, w.refuse
		},
	}
	for _, kind := range []string{"programs", "files"} {
		b, err := storage.OpenBlobs(filepath.Join(w.dir, kind))
		if err != nil {
			t.Fatal(err)
		}
		w.blobs[kind] = b
	}
	w.apply(fsm.Command{Bootstrap: &fsm.Bootstrap{Cluster: "uuid"}})
	return w
}

func (w *sweepWorld) apply(c fsm.Command) fsm.Result {
	w.t.Helper()
	c.Now = time.Now()
	var r fsm.Result
	w.fsm, r = fsm.Apply(w.fsm, w.fsm.Index+1, c)
	if err := r.Err(); err != nil {
		w.t.Fatal(err)
	}
	return r
}

// submit queues a job that needs a program, and a file if there is one.
func (w *sweepWorld) submit(program string, files ...string) job.ID {
	spec := job.Spec{Name: "p", Program: job.Program{Digest: program}, Peers: 1}
	for i, f := range files {
		spec.Files = append(spec.Files, job.File{Name: strconv.Itoa(i), Digest: f})
	}
	return w.apply(fsm.Command{Submit: &fsm.Submit{Spec: spec, Results: "file:///r"}}).Job
}

// end ends a job; it is in the history then.
func (w *sweepWorld) end(id job.ID) {
	w.apply(fsm.Command{Stop: &fsm.Stop{Job: id}})
	w.apply(fsm.Command{Cleaned: &fsm.Cleaned{Job: id}})
}

// put makes a file, or a folder where the name ends so, that looks some days old.
func (w *sweepWorld) put(days int, name string) {
	w.t.Helper()
	path := filepath.Join(w.dir, name)
	err := os.MkdirAll(filepath.Dir(path), 0o750)
	if err == nil && strings.HasSuffix(name, "/") {
		err = os.MkdirAll(path, 0o750)
	} else if err == nil {
		err = os.WriteFile(path, nil, 0o600)
	}
	at := time.Now().Add(-time.Duration(days) * 24 * time.Hour)
	if err = errors.Join(err, os.Chtimes(path, at, at)); err != nil {
		w.t.Fatal(err)
	}
}

func (w *sweepWorld) round() {
	w.t.Helper()
	if err := w.sweeper.round(w.t.Context()); err != nil {
		w.t.Error(err)
	}
}

func (w *sweepWorld) left() (names []string) {
	w.t.Helper()
	err := filepath.WalkDir(w.dir, func(path string, d os.DirEntry, err error) error {
		if rel, _ := filepath.Rel(w.dir, path); strings.Count(rel, "/") > 0 && (!strings.HasPrefix(rel, "archive/") || !d.IsDir()) {
			names = append(names, rel)
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return names
}

func TestSweepRound(t *testing.T) {
	w := newSweepWorld(t)
	digest := func(i int) string { return fmt.Sprintf("%064x", i) }
	waits := w.submit(digest(1), digest(11))    // p-1
	done := w.submit(digest(2), digest(12))     // p-2
	archived := w.submit(digest(3), digest(13)) // p-3
	w.end(done)
	w.end(archived)
	w.apply(fsm.Command{Archived: &fsm.Archived{Jobs: []job.ID{archived}}})
	if waits != "p-1" || done != "p-2" || archived != "p-3" {
		t.Fatal(waits, done, archived)
	}
	keep := make([]string, 0, 32)
	keep = append(
		keep, "logs/p-1", "logs/p-2", "results/p-1", "results/p-2", "checkpoints/p-1",
		"archive/000000/p-2.json.zst", // being archived right now
		"logs/p-4", "results/p-9",     // of numbers to come
		"logs/notes", "results/README", "archive/000000/README", "archive/000000/.p-3.json.zst.tmp-x",
	)
	for _, name := range keep {
		w.put(400, name)
	}
	for _, name := range []string{"logs/q-3", "results/q-3", "results/q-3.tmp-q-3-1", "checkpoints/q-3"} {
		w.put(6, name)
		keep = append(keep, name)
	}
	for _, name := range []string{"archive/000000/q-3.json.zst", "archive/000000/.q-3.json.zst.tmp-1"} {
		w.put(89, name)
		keep = append(keep, name)
	}
	for _, name := range []string{"logs/p-3", "results/p-3", "results/p-3.tmp-p-3-2", "checkpoints/p-3"} {
		w.put(8, name)
	}
	w.put(91, "archive/000000/p-3.json.zst")
	w.put(91, "archive/000000/.p-3.json.zst.tmp-1") // its writer was killed
	for i := range 4 {
		w.put(2, "programs/"+digest(i)) // 1 is needed, and 2 by the history
		w.put(2, "files/"+digest(10+i)) // 11 is needed
	}
	w.put(0, "programs/"+digest(9))
	keep = append(keep, "programs/"+digest(1), "programs/"+digest(2), "programs/"+digest(9), "files/"+digest(11))
	w.round()
	slices.Sort(keep)
	if left := w.left(); !slices.Equal(left, keep) {
		t.Errorf("left:\n%s\nwant:\n%s", strings.Join(left, "\n"), strings.Join(keep, "\n"))
	}

	// The logs of a finished job go after their time though the job is remembered.
	w.now = func() time.Time { return time.Now().Add(8 * 24 * time.Hour) }
	w.round()
	left := w.left()
	if slices.Contains(left, "logs/p-2") || !slices.Contains(left, "logs/p-1") || !slices.Contains(left, "results/p-2") || slices.Contains(left, "logs/q-3") {
		t.Errorf("a week later: %v", left)
	}
}

// Much is removed a bounded piece at a time, and a round that a groom cuts off is made up
// for by the next.
func TestSweepMuch(t *testing.T) {
	w := newSweepWorld(t)
	const n = sweepMost + 300
	for i := range n {
		w.put(8, fmt.Sprintf("logs/p-%d", i+1))
		w.put(91, fmt.Sprintf("archive/%06d/p-%d.json.zst", (i+1)/1000, i+1))
	}
	w.fsm.LastJob = 2 * n
	w.refuse = errors.New("the groom is lost")
	if err := w.sweeper.round(t.Context()); !errors.Is(err, w.refuse) || len(w.left()) != 2*n-wire.MaxSweep {
		t.Errorf("%v, %d left", err, len(w.left()))
	}
	w.refuse = nil
	w.round()
	if left := w.left(); len(left) > 0 || w.largest > wire.MaxSweep {
		t.Errorf("%d are left, %d in one request", len(left), w.largest)
	}
}

// Three folders of the archive without anything old end the look: the rest is younger.
func TestSweepArchiveInOrder(t *testing.T) {
	w := newSweepWorld(t)
	w.fsm.LastJob = 20_000
	for i := range 10 {
		days := 1
		if i == 1 || i == 4 || i == 9 {
			days = 91
		}
		w.put(days, fmt.Sprintf("archive/%06d/p-%d.json.zst", i, i*1000))
	}
	w.round()
	var gone []int
	for i := range 10 {
		if _, err := os.Stat(filepath.Join(w.dir, fmt.Sprintf("archive/%06d/p-%d.json.zst", i, i*1000))); err != nil {
			gone = append(gone, i)
		}
	}
	if !slices.Equal(gone, []int{1, 4}) {
		t.Errorf("removed from the folders %v", gone)
	}
}
