package groom_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"scalar/bsp/job"
	"scalar/bsp/wire"
	"scalar/groom"
	"scalar/internal/pack"
	"scalar/storage"
)

// awaitStorage returns the outcome of the only storage order.
func (m *master) awaitStorage() wire.StorageStatus {
	m.c.t.Helper()
	m.mu.Lock()
	seq := m.orders.Seq
	m.mu.Unlock()
	return m.await("storage", func(r wire.Report) bool { return r.OrdersSeq == seq && len(r.Storage) == 1 }).Storage[0]
}

func TestCommitAndRemove(t *testing.T) {
	_, m, _ := one(t)
	dir := t.TempDir()
	out := filepath.Join(dir, "out")
	tmp := out + ".tmp-pr-1-2"
	p, err := storage.CreatePart(t.Context(), "file://"+tmp, 0)
	must(t, err)
	_, err = p.Write([]byte("a\t1\n"))
	must(t, err)
	size, crc, err := p.Close()
	must(t, err)
	commit := wire.StorageOrder{Job: "pr-1", Epoch: 2, Commit: &wire.OutputCommit{
		Tmp: "file://" + tmp, Output: "file://" + out,
		Parts: []wire.Part{{Peer: 0, Path: "file://" + tmp + "/part-00000", Size: size, CRC: crc}},
	}}
	for range 2 { // the second time by another order for the same epoch
		m.orderStorage(commit)
		if s := m.awaitStorage(); !s.Done || s.Failure != nil || !s.Commit || s.Job != "pr-1" || s.Epoch != 2 {
			t.Fatalf("status %+v", s)
		}
		m.orderStorage()
		m.await("order gone", func(r wire.Report) bool { return len(r.Storage) == 0 })
	}
	b, err := os.ReadFile(filepath.Join(out, "_SUCCESS"))
	must(t, err)
	if string(b) != `{"cluster":"uuid","job":"pr-1","epoch":2}`+"\n" {
		t.Errorf("_SUCCESS: %q", b)
	}

	// Another job's commit to the same place fails.
	other := commit
	other.Job = "pr-2"
	m.orderStorage(other)
	if s := m.awaitStorage(); s.Done || s.Failure == nil || s.Failure.Kind != job.FaultOutput || s.Failure.Code != job.ExitUsage {
		t.Errorf("status %+v", s)
	}

	for _, name := range []string{"out.tmp-pr-1-1", "out.tmp-pr-1-3", "out.tmp-pr-17-1", "checkpoints/pr-1/x", "checkpoints/pr-2"} {
		must(t, os.MkdirAll(filepath.Join(dir, name), 0o755))
	}
	m.orderStorage(wire.StorageOrder{Job: "pr-1", Epoch: 2, Remove: []string{
		"file://" + out + ".tmp-pr-1-1", "file://" + out + ".tmp-pr-1-3", "file://" + dir + "/checkpoints/pr-1", "file://" + dir + "/nothing/pr-1",
	}})
	if s := m.awaitStorage(); !s.Done || s.Commit {
		t.Errorf("status %+v", s)
	}
	for name, want := range map[string]bool{
		"out": true, "out.tmp-pr-1-1": false, "out.tmp-pr-1-3": false, "out.tmp-pr-17-1": true,
		"checkpoints/pr-1": false, "checkpoints/pr-2": true,
	} {
		_, err := os.Stat(filepath.Join(dir, name))
		if (err == nil) != want {
			t.Errorf("%s: %v, want it there: %v", name, err, want)
		}
	}

	// A path that has nothing to do with the job is not touched.
	m.orderStorage(wire.StorageOrder{Job: "pr-1", Epoch: 2, Remove: []string{"file://" + out}})
	if s := m.awaitStorage(); s.Failure == nil || !strings.Contains(s.Failure.Message, "does not name job pr-1") {
		t.Errorf("status %+v", s)
	}
}

func TestProbe(t *testing.T) {
	_, m, _ := one(t)
	dir := t.TempDir()
	var r wire.ProbeReply
	must(t, m.call(wire.MethodProbe, wire.Probe{Inputs: []string{"file://" + dir, dir + "/no", "gopher://x"}, Output: "file://" + dir}, &r))
	if len(r.Missing) != 2 || r.Missing[0] != dir+"/no" || !r.OutputExists {
		t.Errorf("%+v", r)
	}
	r = wire.ProbeReply{}
	must(t, m.call(wire.MethodProbe, wire.Probe{Inputs: []string{dir}, Output: dir + "/new"}, &r))
	if len(r.Missing) != 0 || r.OutputExists {
		t.Errorf("%+v", r)
	}
}

// A look that hangs on a dead mount ends for its caller with the caller's context, and
// a bounded number of them is left hanging.
func TestProbesThatHang(t *testing.T) {
	back := make(chan struct{})
	serve := groom.ServeProbes(t.TempDir(), func(context.Context, wire.Probe) wire.ProbeReply {
		<-back
		return wire.ProbeReply{}
	})
	question, err := pack.Marshal(wire.Probe{})
	must(t, err)
	probe := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		_, err := serve(ctx, wire.MethodProbe, question)
		return err
	}
	for range 16 {
		if err := probe(); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a look that hangs: %v", err)
		}
	}
	if err := probe(); err == nil || !strings.Contains(err.Error(), "hang on this node") {
		t.Errorf("one more: %v", err)
	}
	close(back)
	eventually(t, "looks are possible again", func() bool { return probe() == nil })
}
