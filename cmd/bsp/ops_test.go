package main_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"scalar/bsp/job"
)

// TestLogsOutliveTheGroom: the logs of a job are there after it has ended, by task, and
// after its groom was killed; when the store has lost them too, that is said.
func TestLogsOutliveTheGroom(t *testing.T) {
	c := startDev(t, "--masters", "1", "--grooms", "1", "--slots", "2")
	id := strings.TrimSpace(c.must("job", "submit", "-d", "--peers", "2", "--tasks", "2", talker(t, "2")))
	c.must("job", "wait", id)
	const words = "half of line 0\nhalf of line 1\nwithout an end\n"
	one := func() string { return c.must("job", "logs", "--task", "1", id) }
	if got := one(); got != words {
		t.Errorf("log of task 1: %q, want %q", got, words)
	}
	if _, said, code := c.bsp("job", "logs", "--task", "2", id); code != 2 {
		t.Errorf("a task that it has not: exit %d, %s", code, said)
	}
	copied := filepath.Join(c.dir, "store", "logs", id)
	c.eventually("the groom copies both logs", func() bool {
		files, err := filepath.Glob(filepath.Join(copied, "1-*.log"))
		return err == nil && len(files) == 2
	})
	before := c.daemons()["g1"]
	if err := syscall.Kill(before, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if got := one(); got != words { // whether the groom is gone or has come back
		t.Errorf("after a kill: %q, want %q", got, words)
	}
	c.eventually("another life of the groom", func() bool { now, ok := c.daemons()["g1"]; return ok && now != before })
	c.must("job", "submit", "--peers", "2", "pi", "--", "--samples", "1000") // it is back
	if got := c.must("job", "logs", id); strings.Count(got, "task 0: half of line 1\n") != 1 || strings.Count(got, "task 1: half of line 1\n") != 1 {
		t.Errorf("both logs: %q", got)
	}
	if err := os.RemoveAll(filepath.Join(c.dir, "g1", "logs", id)); err != nil { // as after their time
		t.Fatal(err)
	}
	if got := one(); got != words {
		t.Errorf("from the store: %q, want %q", got, words)
	}
	if err := os.RemoveAll(copied); err != nil {
		t.Fatal(err)
	}
	if got, want := one(), "[the rest of this log is missing: groom g1 has it no more, and the store has no copy]\n"; got != want {
		t.Errorf("lost: %q, want %q", got, want)
	}
}

// TestPriority: of two jobs that wait for the same slots the one with the higher priority
// runs first, though it came last.
func TestPriority(t *testing.T) {
	c := startDev(t, "--masters", "1", "--grooms", "1", "--slots", "2")
	submit := func(args ...string) string {
		t.Helper()
		return strings.TrimSpace(c.must(append([]string{"job", "submit", "-d", "--peers", "2"}, args...)...))
	}
	inspect := func(id string) (info job.Info) {
		t.Helper()
		if err := json.Unmarshal([]byte(c.must("job", "inspect", "-o", "json", id)), &info); err != nil {
			t.Fatal(err)
		}
		return info
	}
	blocker := submit("randcomm", "--", "--size", "8", "--messages", "1", "--supersteps", "10000000")
	c.eventually("the slots are taken", func() bool { return inspect(blocker).State == job.Running })
	low := submit("--priority", "1", "pi", "--", "--samples", "1000")
	high := submit("--priority", "2", "pi", "--", "--samples", "1000")
	c.bsp("job", "stop", blocker)
	c.must("job", "wait", low)
	c.must("job", "wait", high)
	if first, second := inspect(high).Finished, inspect(low).Finished; !first.Before(second) {
		t.Errorf("priority 2 has finished at %v, priority 1 at %v", first, second)
	}
}
