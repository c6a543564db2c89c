package groom_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"scalar/bsp/job"
	"scalar/bsp/wire"
	"scalar/groom"
	"scalar/storage"
)

func TestLifeOfATask(t *testing.T) {
	c, m, g := one(t)
	key := newKey()
	order := play(key, "stay")
	order.Addrs = nil
	m.order(order)
	s := m.awaitPhase(key, wire.Listening)
	if s.Addr != "127.0.0.1:4711" || s.PID == 0 {
		t.Errorf("listening as %+v", s)
	}
	order.Addrs = []string{s.Addr}
	m.order(order)
	m.await("progress", func(r wire.Report) bool {
		return len(r.Tasks) == 1 && r.Tasks[0].Phase == wire.Working && r.Tasks[0].Superstep == 3 && r.Tasks[0].Counters["messages"] == 7 && r.Tasks[0].Note == "3 of 9"
	})
	m.order() // kill it
	m.awaitGone(key)
	g.empty()
	if log := c.storedLog(key); !strings.Contains(log, "connected to [127.0.0.1:4711]") {
		t.Errorf("log in the store: %q", log)
	}

	done := newKey()
	m.order(play(done, "done"))
	s = m.awaitPhase(done, wire.Done)
	if s.Superstep != 9 || len(s.Parts) != 1 || s.Failure != nil {
		t.Errorf("done as %+v", s)
	}
	m.order()
	m.awaitGone(done)
	g.empty()
}

// A task that is ordered to stop is asked once, and its end is told as that of one
// which has done nothing wrong.
func TestStopAtBarrier(t *testing.T) {
	c, m, g := one(t)
	for _, early := range []bool{true, false} { // before the task has met the others, and after
		key := newKey()
		order := play(key, "obedient")
		addrs := order.Addrs
		if early {
			order.Addrs, order.Stop = nil, true
			m.order(order)
			m.awaitPhase(key, wire.Listening)
			order.Addrs = addrs
		}
		m.order(order)
		if !early {
			m.await("progress", func(r wire.Report) bool { return len(r.Tasks) == 1 && r.Tasks[0].Superstep == 3 })
			order.Stop = true
			m.order(order)
		}
		m.order(order) // asked again, it is not told again
		s := m.awaitPhase(key, wire.Stopped)
		if s.Superstep != 11 || s.Counters["messages"] != 8 || s.Failure != nil || len(s.Parts) > 0 {
			t.Errorf("stopped as %+v", s)
		}
		m.order()
		m.awaitGone(key)
		if log := c.storedLog(key); !strings.Contains(log, "stopped as asked") {
			t.Errorf("log in the store: %q", log)
		}
	}
	g.empty()
}

// storedLog waits for a task's log in the store.
func (c *cluster) storedLog(key wire.TaskKey) string {
	c.t.Helper()
	name := filepath.Join(c.store, "logs", string(key.Job), fmt.Sprintf("%d-%d.log", key.Epoch, key.Task))
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if b, err := os.ReadFile(name); err == nil {
			return string(b)
		}
	}
	c.t.Fatalf("no log %s", name)
	return ""
}

func TestFailures(t *testing.T) {
	_, m, g := one(t)
	for _, c := range []struct {
		role, message, detail string
		kind                  job.FailureKind
	}{
		{"exit3", "task 0 exited with code 3 before it finished", "cannot go on", job.FaultProgram},
		{"suicide", "task 0 was killed (signal: killed)", "connected to", job.FaultProgram},
		{"panic", "task 0 exited with code 2 before it finished: panic: boom", "goroutine ", job.FaultProgram},
		{"failed", "line 7: no number", "", job.FaultInput},
		{"nonsense", "task 0 sent what is no message of this version", "", job.FaultProgram},
		{"boaster", "task 0 sent what is no message of this version: 1000 files where there can be 1", "", job.FaultProgram},
		{"dreamer", "task 0 sent what is no message of this version: times of peers that cannot be", "", job.FaultProgram},
		{"gossip", "task 0 sent what is no message of this version: a note of 4 bytes: it must be one line of at most 200", "", job.FaultProgram},
		{"rogue", "task 0 sent what is no message of this version: a path that is too long", "", job.FaultProgram},
		{"nowhere", "task 0 sent what is no message of this version: an address of 8912896 bytes", "", job.FaultProgram},
		{"linklost", "the link to task 1 broke", "", job.FaultLink},
	} {
		t.Run(c.role, func(t *testing.T) {
			key := newKey()
			m.order(play(key, c.role))
			r := m.await("dead", func(r wire.Report) bool {
				return len(r.Tasks) == 1 && r.Tasks[0].Key == key && r.Tasks[0].Phase == wire.Dead
			})
			f := r.Tasks[0].Failure
			if f.Kind != c.kind || f.Code != job.ExitFailed || f.Groom != "g1" || f.Task != 0 {
				t.Errorf("failure %+v", f)
			}
			if !strings.HasPrefix(f.Message, c.message) || !strings.Contains(f.Detail, c.detail) || len(f.Detail) > 4096 {
				t.Errorf("message %q, detail %q", f.Message, f.Detail)
			}
			m.order()
			m.awaitGone(key)
			g.empty()
		})
	}
}

func TestMemoryLimitByWatchdog(t *testing.T) {
	_, m, g := one(t)
	for _, role := range []string{"hog", "forkhog"} {
		key := newKey()
		order := play(key, role)
		order.Limits.Memory = 64 << 20
		m.order(order)
		r := m.await("dead", func(r wire.Report) bool {
			return len(r.Tasks) == 1 && r.Tasks[0].Key == key && r.Tasks[0].Phase == wire.Dead
		})
		if got := r.Tasks[0].Failure.Message; got != "task 0 used more than its 64 MiB of memory: raise --memory" {
			t.Errorf("%s: %q", role, got)
		}
		m.order()
		m.awaitGone(key)
	}
	g.empty()
}

// What processes share counts once.
func TestSharedMemoryCountsOnce(t *testing.T) {
	_, m, _ := one(t)
	key := newKey()
	order := play(key, "sharehog")
	order.Limits.Memory = 150 << 20
	m.order(order)
	m.awaitPhase(key, wire.Done)
}

func TestWhatATaskFinds(t *testing.T) {
	c, m, g := one(t)
	content := []byte("hello file")
	digest, _, err := storage.Digest(bytes.NewReader(content))
	must(t, err)
	blobs, err := storage.OpenBlobs("file://" + c.store + "/files")
	must(t, err)
	must(t, blobs.Put(t.Context(), bytes.NewReader(content), digest, 1<<20))
	key := newKey()
	order := play(key, "describe")
	order.Files = []job.File{{Name: "input.txt", Digest: digest}}
	order.Env["MINE"] = "yes"
	m.order(order)
	m.awaitPhase(key, wire.Done)
	m.order()
	m.awaitGone(key)
	folder := filepath.Join(g.cfg.DataDir, "tasks", string(key.Job)+"-1-0")
	log := c.storedLog(key)
	prio, err := syscall.Getpriority(syscall.PRIO_PROCESS, 0) // 20 - nice
	must(t, err)
	for _, want := range []string{
		"env MINE=yes", "env BSP_TASK=1", "env BSP_TASK_ID=" + string(key.Job) + "-1-0", "env HOME=" + folder + "/work", "env TMPDIR=" + folder + "/tmp",
		"wd " + folder + "/work", "listen 127.0.0.1", "file hello file", "core 0 0", "NoNewPrivs:\t1", fmt.Sprint("nice ", min(20-prio+5, 19)),
	} {
		if !strings.Contains(log, want+"\n") {
			t.Errorf("no %q in\n%s", want, log)
		}
	}
	var names []string
	for line := range strings.Lines(log) {
		if e, ok := strings.CutPrefix(line, "env "); ok {
			name, _, _ := strings.Cut(e, "=")
			names = append(names, name)
		}
	}
	slices.Sort(names)
	want := []string{"BSP_TASK", "BSP_TASK_DIR", "BSP_TASK_ID", roleEnv, "HOME", "LANG", "MINE", "PATH", "TMPDIR"}
	slices.Sort(want)
	if !slices.Equal(slices.Compact(names), want) {
		t.Errorf("environment %v, want %v", names, want)
	}
}

func TestFileNamesStayInside(t *testing.T) {
	_, m, g := one(t)
	key := newKey()
	order := play(key, "done")
	order.Files = []job.File{{Name: "../x", Digest: strings.Repeat("0", 64)}}
	m.order(order)
	f := m.awaitDead(key)
	if f.Kind != job.FaultInput {
		t.Errorf("failure %+v", f)
	}
	bad := newKey()
	bad.Job = "../../etc"
	m.order(play(bad, "done"))
	if f := m.awaitDead(bad); f.Kind != job.FaultInternal {
		t.Errorf("failure %+v", f)
	}
	m.order()
	m.awaitGone(bad)
	m.awaitGone(key)
	g.empty()
}

func (m *master) awaitDead(key wire.TaskKey) *job.Failure {
	m.c.t.Helper()
	var f *job.Failure
	m.await("dead", func(r wire.Report) bool {
		for _, s := range r.Tasks {
			if s.Key == key && s.Phase == wire.Dead {
				f = s.Failure
			}
		}
		return f != nil
	})
	return f
}

func TestProgramByDigest(t *testing.T) {
	c, m, g := one(t)
	exe, err := os.Open(g.cfg.Exe)
	must(t, err)
	defer exe.Close()
	digest, size, err := storage.Digest(exe)
	must(t, err)
	blobs, err := storage.OpenBlobs("file://" + c.store + "/programs")
	must(t, err)
	_, err = exe.Seek(0, 0)
	must(t, err)
	must(t, blobs.Put(t.Context(), exe, digest, size))
	orders := make([]wire.TaskOrder, 0, 2)
	for i := range 2 {
		key := newKey()
		key.Task = i
		o := play(key, "done")
		o.Program = job.Program{Name: "mine", Digest: digest, Size: size}
		orders = append(orders, o)
	}
	m.order(orders...)
	m.awaitPhase(orders[0].Start.Key, wire.Done)
	m.awaitPhase(orders[1].Start.Key, wire.Done)
	info, err := os.Stat(filepath.Join(g.cfg.DataDir, "programs", digest))
	must(t, err)
	if info.Mode().Perm() != 0o555 {
		t.Errorf("mode %v", info.Mode())
	}
}

func TestProgramsThatCannotRun(t *testing.T) {
	c, m, _ := one(t)
	blobs, err := storage.OpenBlobs("file://" + c.store + "/programs")
	must(t, err)
	// Bytes that are not what their name says are refused.
	wrong := strings.Repeat("ab", 32)
	must(t, os.WriteFile(filepath.Join(c.store, "programs", wrong), []byte("#!/bin/sh\n"), 0o644))
	key := newKey()
	o := play(key, "done")
	o.Program = job.Program{Name: "evil", Digest: wrong}
	m.order(o)
	if f := m.awaitDead(key); f.Kind != job.FaultProgram || !strings.Contains(f.Message, "program evil is damaged in the store") {
		t.Errorf("failure %+v", f)
	}
	key = newKey()
	o.Start.Key, o.Program.Digest, o.Program.Name = key, strings.Repeat("cd", 32), "lost"
	m.order(o)
	if f := m.awaitDead(key); f.Code != job.ExitNotFound || !strings.Contains(f.Message, "program lost is not in the store") {
		t.Errorf("failure %+v", f)
	}
	key = newKey()
	text := []byte("no program at all")
	digest, _, err := storage.Digest(bytes.NewReader(text))
	must(t, err)
	must(t, blobs.Put(t.Context(), bytes.NewReader(text), digest, 100))
	o.Start.Key, o.Program = key, job.Program{Name: "text", Digest: digest}
	m.order(o)
	if f := m.awaitDead(key); f.Kind != job.FaultProgram || !strings.Contains(f.Message, "cannot be executed") {
		t.Errorf("failure %+v", f)
	}
}

// A process that is no task at all does not hold its slots for ever.
func TestMuteProcessIsEnded(t *testing.T) {
	_, m, g := one(t, func(c *groom.Config) { c.HelloLimit = 200 * time.Millisecond })
	key := newKey()
	m.order(play(key, "mute"))
	if f := m.awaitDead(key); f.Kind != job.FaultProgram || !strings.Contains(f.Message, "did not speak within 200ms") {
		t.Errorf("failure %+v", f)
	}
	m.order()
	m.awaitGone(key)
	g.empty()
}

func TestLingeringTaskIsEnded(t *testing.T) {
	_, m, g := one(t)
	key := newKey()
	m.order(play(key, "linger"))
	m.awaitPhase(key, wire.Done)
	m.order()
	m.awaitGone(key)
	g.empty()
}

// A process that a task leaves holds the socket, so that no end comes after the last
// word: the word counts, and the end is not waited for.
func TestLastWordsAreHeard(t *testing.T) {
	_, m, g := one(t)
	for range 5 {
		key := newKey()
		m.order(play(key, "holder"))
		m.awaitPhase(key, wire.Done)
		m.order()
		m.awaitGone(key)
	}
	g.empty()
}

func TestCheckpointsAreReported(t *testing.T) {
	_, m, _ := one(t)
	key := newKey()
	m.order(play(key, "checkpoint"))
	m.await("checkpoints", func(r wire.Report) bool {
		if len(r.Tasks) != 1 {
			return false
		}
		c := r.Tasks[0].Checkpoints
		return len(c) == 16 && c[0].Superstep == 4 && c[15].Superstep == 19
	})
}

func TestEscapedChildrenAreFound(t *testing.T) {
	for _, how := range []string{"setsid", "doublefork", "cleanenv"} {
		t.Run(how, func(t *testing.T) {
			_, m, g := one(t, func(c *groom.Config) { c.DisableCgroups = how != "cleanenv" })
			if how == "cleanenv" && !groom.CgroupsUsable(t.TempDir()) {
				t.Skip("no cgroup can be made here")
			}
			arg := uniqueSleep()
			key := newKey()
			m.order(play(key, "escape", how, arg))
			m.awaitPhase(key, wire.Done)
			m.order()
			m.awaitGone(key)
			if left := sleepers(arg); len(left) > 0 {
				t.Errorf("left over: %v", left)
			}
			g.empty()
		})
	}
}

// A chain of processes, of which each ends when it has made the next, is not missed
// by a look at /proc that comes in between.
func TestChainOfProcesses(t *testing.T) {
	_, m, g := one(t)
	for range 5 {
		key := newKey()
		file := filepath.Join(t.TempDir(), "links")
		m.order(play(key, "chain", file))
		m.awaitPhase(key, wire.Done)
		m.order()
		m.awaitGone(key)
		before, err := os.ReadFile(file)
		must(t, err)
		time.Sleep(50 * time.Millisecond) // a link takes one or two
		after, err := os.ReadFile(file)
		must(t, err)
		if len(after) > len(before) {
			t.Errorf("the chain goes on: %d links, then %d", len(before)/2, len(after)/2)
		}
	}
	g.empty()
}

// Which counters a report keeps depends on their names alone, and the engine's stay.
func TestBoundCounters(t *testing.T) {
	all := map[string]int64{job.CounterMessages: 7, job.CounterWireBytes: 8}
	for i := range 1000 {
		all[fmt.Sprintf("a%04d", i)] = int64(i)
	}
	got := groom.BoundCounters(all)
	if len(got) != 256 || got[job.CounterMessages] != 7 || got[job.CounterWireBytes] != 8 {
		t.Errorf("%d counters, messages %d", len(got), got[job.CounterMessages])
	}
	for i := range 254 {
		if name := fmt.Sprintf("a%04d", i); got[name] != int64(i) {
			t.Errorf("%s is %d", name, got[name])
		}
	}
}
