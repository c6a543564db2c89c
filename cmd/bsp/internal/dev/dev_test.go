package dev_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"scalar/bsp/job"
	"scalar/cmd/bsp/internal/dev"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// script replaces a program at once, as a build does.
func script(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	must(t, os.WriteFile(path+".new", []byte(text), mode))
	must(t, os.Rename(path+".new", path))
}

func awaitFile(t *testing.T, path, what string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(2 * time.Millisecond) {
		if b, err := os.ReadFile(path); err == nil && strings.Contains(string(b), what) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("no %q in %s", what, path)
		}
	}
}

// A daemon that cannot be started again for a while is no end of the cluster.
func TestRestartThatFails(t *testing.T) {
	dir := t.TempDir()
	lifeline, other, err := os.Pipe()
	must(t, err)
	defer lifeline.Close()
	defer other.Close()
	exe := filepath.Join(dir, "bsp")
	warnings, err := os.Create(filepath.Join(dir, "warnings"))
	must(t, err)
	defer warnings.Close()
	logger := slog.New(slog.NewTextHandler(warnings, nil))
	if err := dev.Keep(t.Context(), exe, dir, lifeline, logger); err == nil {
		t.Error("a daemon that never started is no error")
	}

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go1, go2 := filepath.Join(dir, "go1"), filepath.Join(dir, "go2")
	script(t, exe, "#!/bin/sh\necho first life\nuntil [ -e "+go1+" ]; do sleep 0.01; done\nexit 1\n", 0o755)
	ended := make(chan error, 1)
	go func() { ended <- dev.Keep(ctx, exe, dir, lifeline, logger) }()
	log := filepath.Join(dir, "m1.log")
	awaitFile(t, log, "first life")
	awaitFile(t, filepath.Join(dir, "m1.pid"), "\n") // it may speak before its number is written
	pid, err := os.ReadFile(filepath.Join(dir, "m1.pid"))
	must(t, err)
	if _, err := strconv.Atoi(strings.TrimSpace(string(pid))); err != nil {
		t.Error(err)
	}
	script(t, exe, "half a bin", 0o644) // a build is under way
	must(t, os.WriteFile(go1, nil, 0o600))
	awaitFile(t, warnings.Name(), "cannot be started again now")
	script(t, exe, "#!/bin/sh\necho second life\ntouch "+go2+"\nsleep 100\n", 0o755)
	awaitFile(t, log, "second life")
	awaitFile(t, go2, "")
	cancel()
	must(t, <-ended)
	awaitFile(t, warnings.Name(), "a daemon died")
	if _, err := os.Stat(filepath.Join(dir, "m1.pid")); !os.IsNotExist(err) {
		t.Errorf("pid file: %v", err)
	}
}

// What a cluster's folder remembers of the last time is not taken for what is there.
func TestAbsent(t *testing.T) {
	began := time.Now()
	node := func(role, id, state string, seen time.Duration) job.Node {
		n := job.Node{Role: role, ID: id, State: state}
		if seen != 0 {
			n.LastSeen = began.Add(seen)
		}
		return n
	}
	masters := []job.Node{node("master", "m1-05439b60", "leader", 0), node("master", "m2-fb6f2331", "follower", 0)}
	for _, c := range []struct {
		what  string
		nodes []job.Node
		want  string
	}{
		{"all", []job.Node{node("groom", "g1", "ready", 1), node("groom", "g2", "draining", 1)}, ""},
		{"not seen by this leader", []job.Node{node("groom", "g1", "ready", 0), node("groom", "g2", "ready", 1)}, "g1"},
		{"seen the last time", []job.Node{node("groom", "g1", "ready", 1), node("groom", "g2", "ready", -time.Minute)}, "g2"},
		{"other names", []job.Node{node("groom", "g3", "ready", 1), node("groom", "g4", "ready", 1)}, "g1 g2"},
		{"lost", []job.Node{node("groom", "g1", "lost", 1), node("groom", "g2", "ready", 1)}, "g1"},
	} {
		got := strings.Join(dev.Absent(slices.Concat(masters, c.nodes), dev.Config{Masters: 2, Grooms: 2}, began), " ")
		if got != c.want {
			t.Errorf("%s: %q is absent, want %q", c.what, got, c.want)
		}
	}
	got := dev.Absent([]job.Node{node("master", "m1-05439b60", "leader", 0), node("master", "m2-fb6f2331", "joining", 0)}, dev.Config{Masters: 2}, began)
	if strings.Join(got, " ") != "1 masters" {
		t.Errorf("absent: %v", got)
	}
}
