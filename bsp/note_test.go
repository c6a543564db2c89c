package bsp_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"scalar/bsp"
	"scalar/bsp/job"
	"scalar/bsp/wire"
)

// The newest note of the lowest peer that has one is told with the progress, also while
// no superstep ends, and once taken back it is gone.
func TestNote(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var notes []string
		_, err := bsp.RunTask(t.Context(), bsp.TaskConfig{
			Start: wire.TaskStart{Key: wire.TaskKey{Job: "note-1", Epoch: 1}, Ranges: []job.Range{{Hi: 3}}},
			Report: func(m wire.FromTask) {
				if m.Progress != nil {
					notes = append(notes, m.Progress.Note)
				}
			},
			Runner: bsp.NewRunner(func(_ context.Context, p *bsp.Peer[int]) error {
				time.Sleep(time.Duration(3-p.Index()) * time.Second)
				for n := range 3 {
					p.Note("peer " + strconv.Itoa(p.Index()) + ",\nnote " + strconv.Itoa(n) + strings.Repeat(" ", 300))
					time.Sleep(200 * time.Millisecond)
				}
				p.Note("  ")
				time.Sleep(5 * time.Second)
				return nil
			}),
		})
		if err != nil {
			t.Fatal(err)
		}
		want := []string{
			"", "peer 2, note 0", "peer 2, note 1", "peer 2, note 2", "", "peer 1, note 0", "peer 1, note 1", "peer 1, note 2", "",
			"peer 0, note 0", "peer 0, note 1", "peer 0, note 2", "",
		}
		if !slices.Equal(slices.Compact(notes), want) {
			t.Errorf("got %q", notes)
		}
	})
}

// noter goes on until the file "end" is in the folder that is its argument. Peer 3 has a
// note from the beginning, and peer 1 once the file "1" is there.
func noter(ctx context.Context, p *bsp.Peer[int]) error {
	there := func(name string) bool {
		_, err := os.Stat(filepath.Join(p.Args()[0], name))
		return err == nil
	}
	for !p.AllHalted() {
		if p.Index() == 3 || p.Index() == 1 && there("1") {
			p.Note("peer " + strconv.Itoa(p.Index()))
		}
		p.Vote(p.Index() > 0 || there("end"))
		time.Sleep(time.Millisecond)
		if err := p.Sync(ctx); err != nil {
			return err
		}
	}
	return nil
}

// In processes of this machine the note is that of the lowest task that has one.
func TestLocalNote(t *testing.T) {
	for _, tasks := range []int{1, 2, 4} {
		dir := t.TempDir()
		var notes []string
		_, _, err := local(t.Context(), t, spec("noter", 4, tasks, dir), func(cfg *bsp.LocalConfig) {
			cfg.Progress = func(p bsp.Progress) {
				notes = append(notes, p.Note)
				for note, file := range map[string]string{"peer 3": "1", "peer 1": "end"} {
					if p.Note == note && p.Phase == "runs" {
						_ = os.WriteFile(filepath.Join(dir, file), nil, 0o600) // else the test does not end
					}
				}
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		notes = slices.Compact(notes)
		if notes[0] == "" { // one task was there before the other
			notes = notes[1:]
		}
		if want := []string{"peer 3", "peer 1", ""}; !slices.Equal(notes, want) {
			t.Errorf("%d tasks: got %q, want %q", tasks, notes, want)
		}
	}
}
