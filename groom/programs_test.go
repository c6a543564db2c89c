package groom_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"scalar/bsp/job"
	"scalar/bsp/wire"
	"scalar/groom"
	"scalar/storage"
)

// putProgram stores this test binary with some bytes behind it, which do not
// matter to the kernel.
func (c *cluster) putProgram(exe, extra string) job.Program {
	c.t.Helper()
	b, err := os.ReadFile(exe)
	must(c.t, err)
	b = append(b, extra...)
	digest, size, err := storage.Digest(bytes.NewReader(b))
	must(c.t, err)
	blobs, err := storage.OpenBlobs("file://" + c.store + "/programs")
	must(c.t, err)
	must(c.t, blobs.Put(c.t.Context(), bytes.NewReader(b), digest, size))
	return job.Program{Name: "p" + extra, Digest: digest, Size: size}
}

// runProgram runs a program to its end.
func (m *master) runProgram(p job.Program) {
	m.c.t.Helper()
	key := newKey()
	o := play(key, "done")
	o.Program = p
	m.order(o)
	m.awaitPhase(key, wire.Done)
	m.order()
	m.awaitGone(key)
}

func cached(t *testing.T, g *running) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(g.cfg.DataDir, "programs"))
	must(t, err)
	out := make([]string, 0, len(entries))
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

func TestProgramCacheIsBoundedAndChecked(t *testing.T) {
	var limit int64
	c, m, g := one(t, func(cfg *groom.Config) {
		info, err := os.Stat(cfg.Exe)
		must(t, err)
		limit = info.Size() + 100
		cfg.ProgramCache = limit
	})
	a, b := c.putProgram(g.cfg.Exe, "a"), c.putProgram(g.cfg.Exe, "b")
	m.runProgram(a)
	m.runProgram(b)
	if got := cached(t, g); len(got) != 1 || got[0] != b.Digest {
		t.Errorf("cache holds %v, want only %s", got, b.Digest)
	}
	must(t, g.stop())

	// The next incarnation does not trust what it finds.
	name := filepath.Join(g.cfg.DataDir, "programs", b.Digest)
	must(t, os.Chmod(name, 0o755))
	must(t, os.WriteFile(name, []byte("#!/bin/false\n"), 0o755))
	must(t, os.WriteFile(filepath.Join(g.cfg.DataDir, "programs", ".x.tmp-1"), nil, 0o600))
	m.mu.Lock()
	m.reports = 0
	m.mu.Unlock()
	g = c.run(g.cfg)
	m.runProgram(b)
	if got := cached(t, g); len(got) != 1 || got[0] != b.Digest {
		t.Errorf("cache holds %v, want only %s", got, b.Digest)
	}
}

func TestManyTasksShareOneFetch(t *testing.T) {
	var log lockedBuffer
	c, m, g := one(t, withMetrics(&log))
	p := c.putProgram(g.cfg.Exe, "x")
	orders := make([]wire.TaskOrder, 0, 8)
	for i := range 8 {
		key := newKey()
		key.Task = i
		o := play(key, "done")
		o.Program = p
		orders = append(orders, o)
	}
	m.order(orders...)
	for _, o := range orders {
		m.awaitPhase(o.Start.Key, wire.Done)
	}
	if body := metrics(t, &log); !strings.Contains(body, "bsp_groom_program_fetches_total 1\n") {
		t.Errorf("more than one fetch:\n%s", body)
	}
}

// A groom whose tasks could not even reach their folders says so at its start. What
// comes in between later is the node's fault, not the program's.
func TestFolderOutOfReach(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	c, m, g := one(t, func(cfg *groom.Config) { cfg.TaskUser = reachable(t, cfg.DataDir) })
	m.conn() // the groom has looked
	above := filepath.Dir(g.cfg.DataDir)
	must(t, os.Chmod(above, 0o700))
	key := newKey()
	o := play(key, "done")
	o.Program = c.putProgram(g.cfg.Exe, "x")
	m.order(o)
	if f := m.awaitDead(key); f.Kind != job.FaultGroom || !strings.Contains(f.Message, "permission denied") {
		t.Errorf("failure %+v", f)
	}
	must(t, g.stop())
	again, err := groom.New(g.cfg)
	must(t, err)
	if err := again.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "task_user 65534 cannot reach "+g.cfg.DataDir) {
		t.Errorf("Run: %v", err)
	}
}

// reachable lets nobody pass to a folder, and returns that user.
func reachable(t *testing.T, dir string) *groom.User {
	t.Helper()
	for dir = filepath.Dir(dir); len(dir) > len(os.TempDir()); dir = filepath.Dir(dir) {
		must(t, os.Chmod(dir, 0o755))
	}
	return &groom.User{UID: 65534, GID: 65534}
}

func TestTasksOfAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	c, m, g := one(t, func(cfg *groom.Config) { cfg.TaskUser = reachable(t, cfg.DataDir) })
	key := newKey()
	o := play(key, "describe")
	o.Program = c.putProgram(g.cfg.Exe, "x")
	o.Limits.Procs = 1000
	m.order(o)
	m.awaitPhase(key, wire.Done)
	m.order()
	m.awaitGone(key)
	if log := c.storedLog(key); !bytes.Contains([]byte(log), []byte("Uid:\t65534\t65534")) {
		t.Errorf("log %s", log)
	}
	g.empty()
	var st syscall.Stat_t
	must(t, syscall.Stat(g.cfg.DataDir, &st))
	if st.Uid != 0 {
		t.Error("the data folder is not the groom's any more")
	}
}
