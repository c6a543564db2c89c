package groom_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"scalar/bsp/wire"
	"scalar/groom"
)

func TestLogOfALivingTask(t *testing.T) {
	_, m, _ := one(t)
	key := newKey()
	m.order(play(key, "stay"))
	m.awaitPhase(key, wire.Working)
	var got []byte
	for deadline := time.Now().Add(patience); !bytes.Contains(got, []byte("connected to")); {
		var r wire.LogReply
		must(t, m.call(wire.MethodLog, wire.LogRequest{Key: key, Offset: int64(len(got)), Max: 7}, &r))
		if r.EOF || r.Gone || len(r.Data) > 7 || r.Offset != int64(len(got)) || time.Now().After(deadline) {
			t.Fatalf("after %q: %+v", got, r)
		}
		got = append(got, r.Data...)
	}
	m.order()
	m.awaitGone(key)
	var r wire.LogReply
	must(t, m.call(wire.MethodLog, wire.LogRequest{Key: key}, &r))
	if !r.EOF || string(r.Data) != "connected to [127.0.0.1:1]\n" {
		t.Errorf("after the end: %+v", r)
	}
	for _, unknown := range []wire.TaskKey{newKey(), {Job: "../../../etc", Epoch: 1}} {
		must(t, m.call(wire.MethodLog, wire.LogRequest{Key: unknown}, &r))
		if !r.Gone {
			t.Errorf("log of an unknown task: %+v", r)
		}
	}
}

func TestManyBytesOfLog(t *testing.T) {
	c, m, g := one(t)
	key := newKey()
	order := play(key, "flood") // 200 MB
	order.Limits.LogMax = 8 << 20
	m.order(order)
	m.awaitPhase(key, wire.Done)
	m.order()
	m.awaitGone(key)
	files, err := filepath.Glob(filepath.Join(g.cfg.DataDir, "logs", string(key.Job), "*"))
	must(t, err)
	var kept int64
	for _, f := range files {
		info, err := os.Stat(f)
		must(t, err)
		kept += info.Size()
	}
	if kept > 8<<20 || kept < 4<<20 {
		t.Errorf("%d bytes kept in %v", kept, files)
	}
	var r wire.LogReply
	must(t, m.call(wire.MethodLog, wire.LogRequest{Key: key, Offset: 0}, &r))
	const total = int64(len("connected to [127.0.0.1:1]\n") + 200<<20/100*100 + len("last line\n"))
	if r.Offset != total-kept || len(r.Data) != 256<<10 || r.EOF {
		t.Errorf("first bytes kept at %d of %d, %d of them, EOF %v", r.Offset, total, len(r.Data), r.EOF)
	}
	must(t, m.call(wire.MethodLog, wire.LogRequest{Key: key, Offset: total - 20}, &r))
	if !r.EOF || !strings.HasSuffix(string(r.Data), "x\nlast line\n") {
		t.Errorf("end of the log: %+v", r)
	}
	stored := c.storedLog(key)
	if !strings.HasPrefix(stored, "[the first ") || !strings.HasSuffix(stored, "x\nlast line\n") || int64(len(stored)) < kept {
		t.Errorf("stored %d bytes: %.60q", len(stored), stored)
	}
}

func TestOldLogsAreRemoved(t *testing.T) {
	c, m, g := one(t)
	key := newKey()
	m.order(play(key, "done"))
	m.awaitPhase(key, wire.Done)
	m.order()
	m.awaitGone(key)
	c.storedLog(key)
	must(t, g.stop())
	dir := filepath.Join(g.cfg.DataDir, "logs", string(key.Job))
	if _, err := os.Stat(dir); err != nil {
		t.Fatal(err)
	}
	cfg := g.cfg
	cfg.LogKeep = 20 * time.Millisecond
	c.run(cfg)
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		if _, err := os.Stat(dir); os.IsNotExist(err) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("old logs stay")
		}
	}
}

// Of the logs that nobody writes to any more the newest are kept, as far as there is
// room. In the store only the cluster's own read them.
func TestLogsAreBounded(t *testing.T) {
	c, m, g := one(t)
	keys := make([]wire.TaskKey, 0, 3)
	for range 3 {
		key := newKey()
		keys = append(keys, key)
		m.order(play(key, "done"))
		m.awaitPhase(key, wire.Done)
		m.order()
		m.awaitGone(key)
		c.storedLog(key)
	}
	must(t, g.stop())
	info, err := os.Stat(filepath.Join(c.store, "logs", string(keys[0].Job), "1-0.log"))
	must(t, err)
	if info.Mode().Perm() != 0o640 {
		t.Errorf("mode %v in the store", info.Mode())
	}
	local := func(key wire.TaskKey) bool {
		_, err := os.Stat(filepath.Join(g.cfg.DataDir, "logs", string(key.Job), "1-0.log"))
		return err == nil
	}
	cfg := g.cfg
	cfg.LogBytes = 2*info.Size() + 1
	next := c.run(cfg)
	eventually(t, "the oldest log is removed", func() bool { return !local(keys[0]) })
	must(t, next.stop())
	if !local(keys[1]) || !local(keys[2]) {
		t.Errorf("kept: %v %v", local(keys[1]), local(keys[2]))
	}
}

func TestMetrics(t *testing.T) {
	var log lockedBuffer
	_, m, _ := one(t, withMetrics(&log))
	key := newKey()
	m.order(play(key, "stay"))
	m.awaitPhase(key, wire.Working)
	body := metrics(t, &log)
	for _, want := range []string{
		`bsp_groom_tasks{phase="working"} 1`, "bsp_groom_slots_used 1", "bsp_groom_slots 4", "bsp_groom_tasks_started_total 1",
		"bsp_groom_tasks_restarted_total 0", "bsp_groom_log_bytes_total 0", "bsp_groom_program_fetches_total 0",
	} {
		if !strings.Contains(body, want+"\n") {
			t.Errorf("no %q in\n%s", want, body)
		}
	}
}

// withMetrics has a groom serve its metrics on a free port, which it logs.
func withMetrics(log *lockedBuffer) func(*groom.Config) {
	return func(c *groom.Config) {
		c.Metrics = "127.0.0.1:0"
		c.Logger = slog.New(slog.NewTextHandler(log, nil))
	}
}

// metrics returns what a groom withMetrics serves.
func metrics(t *testing.T, log *lockedBuffer) string {
	t.Helper()
	var url string
	eventually(t, "the URL of the metrics is logged", func() bool {
		_, rest, found := strings.Cut(log.String(), "url=")
		var whole bool
		url, _, whole = strings.Cut(rest, "\n")
		return found && whole
	})
	return get(t, url)
}

// A store that hangs holds no slots: the task is gone while its log is on its way.
func TestStoreThatHangs(t *testing.T) {
	c, m, g := one(t)
	key := newKey()
	m.order(play(key, "linger"))
	m.awaitPhase(key, wire.Done)
	name := filepath.Join(g.cfg.DataDir, "logs", string(key.Job), "1-0.log")
	must(t, os.Remove(name))
	must(t, syscall.Mkfifo(name, 0o600)) // who opens it waits
	m.order()
	m.awaitGone(key)
	g.empty()
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteString("through\n")
	must(t, err)
	must(t, f.Close())
	if log := c.storedLog(key); log != "through\n" {
		t.Errorf("log %q", log)
	}
}
