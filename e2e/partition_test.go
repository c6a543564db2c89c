//go:build e2e

package e2e_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"scalar/bsp/job"
)

// disturbance is a fault under a job, and whether the job may notice.
type disturbance struct {
	name     string
	attempts int // at least; 1: the job must not notice
	disturb  func(t *testing.T, id job.ID)
}

// TestPartitions cuts daemons off from each other and stops them for a while: the
// job ends with the undisturbed bits each time, and nothing is left over.
func TestPartitions(t *testing.T) {
	n := startNetwork(t)
	n.disturbed(t, []disturbance{
		{"leader", 1, n.leaderIsolated},
		{"groom", 2, n.groomIsolated},
		{"follower", 1, n.followerIsolated},
		{"both followers", 1, n.noQuorum},
		{"one way", 2, n.oneWay},
		{"leader from one", 1, n.leaderFromOne},
		{"leader mute", 1, n.leaderMute},
		{"groom from leader", 2, n.groomFromLeader},
		{"leader to groom", 2, n.leaderToGroom},
		{"groom to leader", 2, n.groomToLeader},
		{"stopped", 1, n.stopped},
		{"vanished groom", 2, n.vanished},
	})
}

// TestForgottenGroom waits for most of its time, beside other tests.
func TestForgottenGroom(t *testing.T) {
	t.Parallel()
	n := startNetwork(t)
	n.disturbed(t, []disturbance{{"forgotten groom", 2, n.forgotten}})
}

// disturbed runs the job undisturbed, and then once under each fault.
func (n *network) disturbed(t *testing.T, rows []disturbance) {
	t.Helper()
	calm := n.out("calm")
	start := time.Now()
	if info := n.wait(t, n.long(t, "calm")); info.State != job.Succeeded {
		t.Fatalf("undisturbed run: %+v", info)
	}
	t.Logf("undisturbed: %v", time.Since(start))
	want := readParts(t, calm)
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			id := n.long(t, row.name)
			n.until(t, "a checkpoint is committed", func() bool { return n.inspect(t, id).Checkpoint > 0 })
			n.running(t, string(id))
			row.disturb(t, id)
			info := n.wait(t, id)
			if info.State != job.Succeeded {
				t.Fatalf("%s: %v", info.State, info.Error)
			}
			if got := readParts(t, n.out(row.name)); got != want {
				t.Error("the result differs from the undisturbed run's")
			}
			if info.Attempts < row.attempts || row.attempts == 1 && info.Attempts > 1 {
				t.Errorf("%d attempts, want %d", info.Attempts, row.attempts)
			}
			t.Logf("%d attempts, %.2f s", info.Attempts, info.Seconds.Total)
			n.settle(t)
			n.goesOn(t)
		})
		if t.Failed() {
			return // the next one would only find what this one left
		}
	}
}

func (n *network) out(name string) string {
	return filepath.Join(filepath.Dir(n.data), "out-"+strings.ReplaceAll(name, " ", "-"))
}

// long starts the job of the trials, some seconds long.
func (n *network) long(t *testing.T, name string) job.ID {
	t.Helper()
	id, err := n.randcomm(t, name, "100", "2000", "5000")
	if err != nil {
		t.Fatalf("submit: %v", err)
	}
	return id
}

// randcomm starts a job of four peers in two tasks.
func (n *network) randcomm(t *testing.T, name, checkpointEvery, messages, supersteps string) (job.ID, error) {
	t.Helper()
	b, err := n.run(t, "job", "submit", "-d", "-o", "json", "--peers", "4", "--tasks", "2", "--checkpoint-every", checkpointEvery,
		"--output", n.out(name), "randcomm", "--", "--size", "16", "--messages", messages, "--supersteps", supersteps)
	if err != nil {
		return "", err
	}
	var info job.Info
	if err := json.Unmarshal(b, &info); err != nil {
		t.Fatalf("submit printed %q: %v", b, err)
	}
	return info.ID, nil
}

// within waits until ok, for a limit, and says how long it took.
func (n *network) within(t *testing.T, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	start := time.Now()
	for !ok() {
		if time.Since(start) > limit {
			t.Fatalf("not within %v: %s", limit, what)
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Logf("%s after %.2f s", what, time.Since(start).Seconds())
}

// masterIn returns a master in a state, but not the one called but.
func (n *network) masterIn(t *testing.T, state, but string) string {
	t.Helper()
	for _, node := range n.nodes(t) {
		name, _, _ := strings.Cut(node.ID, "-")
		if node.Role == "master" && node.State == state && name != but {
			return name
		}
	}
	return ""
}

// small submits a job of one peer, and returns its id if it was accepted.
func (n *network) small(t *testing.T) job.ID {
	t.Helper()
	out, err := n.run(t, "job", "submit", "-d", "--peers", "1", "pi", "--", "--samples", "1000")
	if err != nil {
		t.Logf("not accepted: %v", err)
	}
	return job.ID(strings.TrimSpace(string(out)))
}

// kept checks that jobs that were accepted end well.
func (n *network) kept(t *testing.T, ids []job.ID) {
	t.Helper()
	accepted := 0
	for _, id := range ids {
		if id == "" {
			continue
		}
		accepted++
		if info := n.wait(t, id); info.State != job.Succeeded {
			t.Errorf("%s: %s: %v", id, info.State, info.Error)
		}
	}
	t.Logf("%d of %d submits accepted and done", accepted, len(ids))
	if accepted < 2 {
		t.Error("want some that were accepted")
	}
}

// leaderIsolated isolates the leader for 5 s, while jobs are submitted.
func (n *network) leaderIsolated(t *testing.T, _ job.ID) {
	t.Helper()
	leader := n.masterIn(t, "leader", "")
	ids := []job.ID{n.small(t), n.small(t)}
	follower := n.masterIn(t, "follower", "")
	n.isolate(t, leader)
	start := time.Now()
	n.within(t, 5*time.Second, follower+", which asks the leader that is gone, answers", func() bool { return n.answers(t, hub, follower) })
	var next string
	n.within(t, 5*time.Second, "a new leader", func() bool {
		next = n.masterIn(t, "leader", leader)
		return next != ""
	})
	for time.Since(start) < 5*time.Second {
		ids = append(ids, n.small(t))
	}
	if n.answers(t, leader, leader) {
		t.Errorf("the isolated leader %s still answers", leader)
	}
	n.heal(t, leader)
	n.within(t, 10*time.Second, leader+" follows", func() bool { return n.answers(t, hub, leader) })
	n.kept(t, ids)
}

// answers reports whether a master alone answers a question asked from a
// namespace: it must be the leader or know it.
func (n *network) answers(t *testing.T, from, master string) bool {
	t.Helper()
	there := *n.cluster
	there.enter = n.inside(from)
	_, err := there.run(t, "job", "list", "--addr", "https://"+n.hosts[master]+":7350", "--ca", filepath.Join(n.data, "ca.pem"), "--token", n.file(t, "admin.token"))
	return err == nil
}

// groomIsolated isolates a groom with a task for longer than its lease.
func (n *network) groomIsolated(t *testing.T, id job.ID) {
	t.Helper()
	before := n.running(t, string(id))
	victim := before.Placement[0]
	n.isolate(t, victim.Groom)
	start := time.Now()
	n.ends(t, id, victim.Groom+" is cut off")
	n.within(t, 8*time.Second, "the job computes elsewhere", func() bool {
		info := n.inspect(t, id)
		if info.Attempts < 2 || info.State != job.Running {
			return false
		}
		for _, p := range info.Placement {
			if p.Groom == victim.Groom || p.State != "working" {
				return false
			}
		}
		return len(info.Placement) > 0
	})
	time.Sleep(time.Until(start.Add(8 * time.Second)))
	n.heal(t, victim.Groom)
	n.within(t, 10*time.Second, "the fenced task is gone", func() bool { return syscall.Kill(victim.PID, 0) != nil })
}

// followerIsolated isolates a follower; when it is back, the other one is
// isolated: then the leader can commit only with the first.
func (n *network) followerIsolated(t *testing.T, _ job.ID) {
	t.Helper()
	leader := n.masterIn(t, "leader", "")
	first := n.masterIn(t, "follower", "")
	ids := []job.ID{}
	for _, follower := range []string{first, n.masterIn(t, "follower", first)} {
		n.isolate(t, follower)
		for start := time.Now(); time.Since(start) < 3*time.Second; {
			ids = append(ids, n.small(t))
		}
		n.heal(t, follower)
		n.within(t, 10*time.Second, follower+" follows", func() bool { return n.answers(t, hub, follower) })
	}
	if now := n.masterIn(t, "leader", ""); now != leader {
		t.Logf("leader %s, was %s: a busy machine can cost the leader its lease of 400 ms", now, leader)
	}
	n.kept(t, ids)
}

// noQuorum isolates both followers for 5 s: no master leads, the tasks go on.
func (n *network) noQuorum(t *testing.T, id job.ID) {
	t.Helper()
	leader := n.masterIn(t, "leader", "")
	first := n.masterIn(t, "follower", "")
	second := n.masterIn(t, "follower", first)
	n.isolate(t, first)
	n.isolate(t, second)
	start := time.Now()
	n.within(t, 5*time.Second, leader+" leads no more", func() bool { return !n.answers(t, hub, leader) })
	time.Sleep(time.Until(start.Add(5 * time.Second)))
	n.heal(t, first)
	n.heal(t, second)
	n.within(t, 10*time.Second, "a leader", func() bool { return n.masterIn(t, "leader", "") != "" })
	t.Logf("at superstep %d", n.inspect(t, id).Supersteps)
}

// oneWay has one of two grooms with tasks lose what it sends to the other.
func (n *network) oneWay(t *testing.T, id job.ID) {
	t.Helper()
	placed := n.running(t, string(id)).Placement
	from, to := placed[0].Groom, placed[1].Groom
	if from == to {
		t.Fatalf("both tasks are on %s", from)
	}
	mend := n.cut(t, from, to)
	n.within(t, 30*time.Second, fmt.Sprintf("%s no longer reaches %s: a second attempt", from, to), func() bool { return n.inspect(t, id).Attempts > 1 })
	mend()
}

// forgotten isolates a groom with a task until gossip has forgotten it: called
// dead after some 8 s, forgotten 30 s later. The task ends by itself.
func (n *network) forgotten(t *testing.T, id job.ID) {
	t.Helper()
	victim := n.running(t, string(id)).Placement[0]
	n.isolate(t, victim.Groom)
	start := time.Now()
	n.within(t, 45*time.Second, "the lost task is gone", func() bool { return syscall.Kill(victim.PID, 0) != nil })
	time.Sleep(time.Until(start.Add(45 * time.Second)))
	t.Logf("%s is %s", victim.Groom, n.state(t, victim.Groom))
	n.heal(t, victim.Groom)
	n.within(t, healing, victim.Groom+" is ready", func() bool { return n.state(t, victim.Groom) == "ready" })
}
