//go:build e2e

package e2e_test

import (
	"errors"
	"fmt"
	"os/exec"
	"testing"
	"time"

	"scalar/bsp/job"
)

// TestWeather has every packet between daemons, tasks and commands pass through this
// process, which delays, loses and stalls them and resets connections: submits are
// answered, and a job ends with the undisturbed bits.
func TestWeather(t *testing.T) {
	t.Parallel()
	t.Logf("seed %d (repeat with -args -seed %d)", *seed, *seed)
	n := startNetwork(t)
	id, calm := n.chatty(t, "calm")
	if info := n.wait(t, id); info.State != job.Succeeded {
		t.Fatalf("undisturbed run: %+v", info)
	}
	want := readParts(t, n.out(calm))
	w := n.throughUs(t, *seed)
	n.settle(t)
	for _, row := range []struct {
		name  string
		shows int // of wire.counts
		weather
	}{
		{"delay", 0, weather{least: 20 * time.Millisecond, most: 100 * time.Millisecond}},
		{"loss", 1, weather{least: time.Millisecond, most: 5 * time.Millisecond, drop: 0.05}},
		{"stalls", 2, weather{least: time.Millisecond, most: 5 * time.Millisecond, stall: 0.005}},
		{"resets", 3, weather{least: time.Millisecond, most: 5 * time.Millisecond, reset: 0.01}},
	} {
		t.Run(row.name, func(t *testing.T) {
			before := w.counts()
			w.weather.Store(&row.weather)
			id, name := n.chatty(t, row.name)
			ids := []job.ID{n.small(t), n.small(t), n.small(t), n.small(t)}
			n.within(t, 2*time.Minute, "the job ends", func() bool { return n.inspect(t, id).State.Final() })
			w.weather.Store(&weather{}) // a command gives up when it finds no leader for long
			info := n.wait(t, id)
			n.kept(t, ids)
			seen := w.counts()
			for i := range seen {
				seen[i] -= before[i]
			}
			t.Logf("%s after %d attempts, %.2f s; frames passed, lost, stalled, made resets: %d", info.State, info.Attempts, info.Seconds.Total, seen)
			if seen[row.shows] == 0 {
				t.Error("the weather was fair")
			}
			if info.State != job.Succeeded {
				t.Fatalf("%s: %v", info.State, info.Error)
			}
			if got := readParts(t, n.out(name)); got != want {
				t.Error("the result differs from the undisturbed run's")
			}
			n.settle(t)
			n.goesOn(t)
		})
		if t.Failed() {
			return // the next one would only find what this one left
		}
	}
}

// chatty starts a job of some hundred packets between two grooms. In bad weather masters
// may find no leader for seconds, and say so: then it is submitted again, by another name,
// since what was answered like that may have been accepted all the same.
func (n *network) chatty(t *testing.T, name string) (id job.ID, accepted string) {
	t.Helper()
	for try := 1; ; try++ {
		accepted = fmt.Sprintf("%s-%d", name, try)
		id, err := n.randcomm(t, accepted, "10", "200", "50")
		if err == nil {
			return id, accepted
		}
		if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != job.ExitUnreachable || try == 10 {
			t.Fatalf("submit: %v", err)
		}
		t.Logf("not accepted: %v", err)
	}
}
