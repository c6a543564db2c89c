package main_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
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

// TestRecoverCommand: a master is asked for by its id, and goes on with what it had.
func TestRecoverCommand(t *testing.T) {
	c := startDev(t, "--masters", "1", "--grooms", "1", "--slots", "1")
	id := strings.TrimSpace(c.must("job", "submit", "-d", "--peers", "2", "pi")) // does not fit: it waits
	folder := filepath.Join(c.dir, "m1")
	ask := func(stdin string, args ...string) (string, int) {
		t.Helper()
		c.stdin = strings.NewReader(stdin)
		defer func() { c.stdin = nil }()
		out, err, code := c.bsp(append([]string{"operator", "raft", "recover"}, args...)...)
		if out != "" {
			t.Errorf("bsp operator raft recover %s prints %q", args, out)
		}
		return err, code
	}
	if said, code := ask("", "--data", folder, "--yes"); code != 2 || !strings.Contains(said, "in use") {
		t.Errorf("while it runs: exit %d, %s", code, said)
	}
	c.cmd.Process.Signal(syscall.SIGTERM)
	<-c.wait
	said, code := ask("", "--data", folder)
	server := regexp.MustCompile(`^master (m1-[0-9a-f]+) of cluster`).FindStringSubmatch(said)
	if code != 2 || server == nil || !strings.Contains(said, "nothing was changed") {
		t.Fatalf("without an answer: exit %d, %s", code, said)
	}
	if said, code := ask("m1\n", "--data", folder); code != 2 {
		t.Errorf("another answer: exit %d, %s", code, said)
	}
	if b, err := os.ReadFile(filepath.Join(folder, "audit.log")); err != nil || bytes.Contains(b, []byte("recover raft")) {
		t.Errorf("audit log before: %v\n%s", err, b)
	}
	if said, code := ask(server[1]+"\n", "--data", folder); code != 0 || !strings.Contains(said, "kept 1 job and 0 tokens") {
		t.Errorf("the answer: exit %d, %s", code, said)
	}
	if b, err := os.ReadFile(filepath.Join(folder, "audit.log")); err != nil || !bytes.Contains(b, []byte("recover raft")) {
		t.Errorf("audit log: %v\n%s", err, b)
	}
	c = startDevIn(t, c.dir, "--masters", "1", "--grooms", "1", "--slots", "1")
	if out := c.must("job", "list"); !strings.Contains(out, id) {
		t.Errorf("jobs:\n%s", out)
	}
	if out := c.must("operator", "raft", "list"); !strings.Contains(out, server[1]) {
		t.Errorf("masters:\n%s", out)
	}
}

// TestNewGossipKey: daemons take another gossip key while they run, and nobody is lost.
func TestNewGossipKey(t *testing.T) {
	c := startDev(t, "--masters", "1", "--grooms", "1", "--slots", "2", "--serve", "off") // the server does not gossip
	file := filepath.Join(c.dir, "gossip.key")
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	waiting := func() string { // the key that is not used
		t.Helper()
		var keys []struct {
			ID   string
			Used bool
		}
		if err := json.Unmarshal([]byte(c.must("operator", "keyring", "list", "-o", "json", "--file", file)), &keys); err != nil || len(keys) != 2 || keys[1].Used {
			t.Fatalf("keys %+v, %v", keys, err)
		}
		return keys[1].ID
	}
	told := func(line string, times int) {
		t.Helper()
		for name, pid := range c.daemons() {
			syscall.Kill(pid, syscall.SIGHUP)
			c.eventually(name+" says: "+line, func() bool {
				b, _ := os.ReadFile(filepath.Join(c.dir, "log", name+".log"))
				return bytes.Count(b, []byte(line)) == times
			})
		}
		c.must("job", "submit", "--peers", "2", "pi", "--", "--samples", "1000")
	}
	c.must("operator", "keyring", "add", "--file", file)
	told("the gossip keys were renewed", 1)
	c.must("operator", "keyring", "use", waiting(), "--file", file)
	told("the gossip keys were renewed", 2)
	c.must("operator", "keyring", "remove", waiting(), "--file", file)
	told("the gossip keys were renewed", 3)
	if after, err := os.ReadFile(file); err != nil || bytes.Equal(before, after) || len(after) != len(before) {
		t.Errorf("the file is what it was, or longer: %v", err)
	}
	if out := c.must("node", "list"); strings.Contains(out, "lost") {
		t.Errorf("nodes:\n%s", out)
	}
	if err := os.WriteFile(file, []byte("no key\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	told("the gossip keys were not renewed, as before", 1)
}
