package fsm_test

import (
	"bytes"
	"testing"
	"time"

	"scalar/bsp/job"
	"scalar/bsp/wire"
	"scalar/master/fsm"
)

// What a saved snapshot brings back, and what stays as the cluster is now.
func TestAdopt(t *testing.T) {
	start := time.Date(2031, 5, 6, 7, 8, 0, 0, time.UTC)
	s, index := fsm.New(), uint64(0)
	apply := func(after time.Duration, c fsm.Command) {
		t.Helper()
		c.Now = start.Add(after)
		b, err := c.Encode()
		if err != nil {
			t.Fatal(err)
		}
		index++
		next, r := fsm.ApplyEncoded(s, index, b)
		if err := r.Err(); err != nil {
			t.Fatal(err)
		}
		s = next
	}
	spec := job.Spec{Program: job.Program{Name: "p", Builtin: "p"}, Peers: 2}
	apply(0, fsm.Command{Bootstrap: &fsm.Bootstrap{Cluster: "one", AdminHash: bytes.Repeat([]byte{1}, 32)}})
	apply(0, fsm.Command{RegisterGroom: &fsm.RegisterGroom{Facts: fsm.Facts{Name: "a", Incarnation: 1, Addr: "h", Slots: 2, Cores: 2, Memory: 1 << 30}}})
	apply(0, fsm.Command{Submit: &fsm.Submit{Spec: spec, Results: "file:///r"}})
	place := func(epoch job.Epoch) {
		t.Helper()
		apply(time.Minute, fsm.Command{Place: &fsm.Place{Job: "p-1", Epoch: epoch, Base: index, Tasks: []fsm.Assignment{
			{Peers: job.Range{Hi: 2}, Groom: "a", Incarnation: 1, Host: "h", Claim: fsm.Claim{Slots: 2, MilliCores: 2000, Memory: 1 << 30}},
		}}})
	}
	place(1)
	apply(time.Minute, fsm.Command{CommitCheckpoint: &fsm.CommitCheckpoint{Job: "p-1", Epoch: 1, Checkpoint: wire.Checkpoint{Superstep: 4, Epoch: 1, Files: []wire.Part{{Path: "c"}}}}})
	saved := s
	apply(time.Hour, fsm.Command{EndAttempt: &fsm.EndAttempt{Job: "p-1", Epoch: 1, Failure: *job.Fail(job.FaultLink, "x")}})
	place(2)
	apply(time.Hour, fsm.Command{CommitCheckpoint: &fsm.CommitCheckpoint{Job: "p-1", Epoch: 2, Checkpoint: wire.Checkpoint{Superstep: 9, Epoch: 2, Files: []wire.Part{{Path: "d"}}}}})
	apply(time.Hour, fsm.Command{Submit: &fsm.Submit{Spec: spec, Results: "file:///r"}})
	apply(time.Hour, fsm.Command{Drain: &fsm.Drain{Groom: "a", On: true}})

	n := s.Adopt(saved)
	j, ok := n.Job("p-1")
	if !ok || j.State != job.Queued || j.Epoch != 2 || j.Checkpoint != 9 || len(n.Jobs()) != 1 {
		t.Errorf("job %+v of %d", j, len(n.Jobs()))
	}
	g, _ := n.Groom("a")
	if n.Index != s.Index || !n.Now.Equal(s.Now) || n.LastJob != 2 || n.Cluster != "one" || !g.Draining || g.Used != (fsm.Claim{}) {
		t.Errorf("state %d, %v, %d, %s, groom %+v", n.Index, n.Now, n.LastJob, n.Cluster, g)
	}
	back, err := fsm.Restore(bytes.NewReader(encode(t, n)))
	if err != nil || !bytes.Equal(encode(t, back), encode(t, n)) {
		t.Errorf("encoded and restored: %v", err)
	}
	if old, _ := saved.Job("p-1"); old.State != job.Running {
		t.Error("the saved state has changed")
	}
}

// A state that was another cluster's says so, whatever snapshots of its own follow.
func TestAdoptOfAnother(t *testing.T) {
	found := func(cluster string) *fsm.State {
		s, _ := fsm.Apply(fsm.New(), 1, fsm.Command{Now: start, Bootstrap: &fsm.Bootstrap{Cluster: cluster}})
		return s
	}
	one, two := found("one"), found("two")
	heir := two.Adopt(one)
	if own := heir.Adopt(heir); one.Adopt(one).Before != "" || heir.Before != "one" || heir.Cluster != "two" || own.Before != "one" {
		t.Errorf("heirs of %q and %q", heir.Before, own.Before)
	}
	if back, err := fsm.Restore(bytes.NewReader(encode(t, heir))); err != nil || back.Before != "one" {
		t.Errorf("%v", err)
	}
}
