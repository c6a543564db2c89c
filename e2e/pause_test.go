//go:build e2e

package e2e_test

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"scalar/bsp/job"
)

// Times of the masters that these tests see from outside.
const (
	pause   = 5 * time.Second // of a process that is stopped, and must not be taken for dead
	actedOn = 6 * time.Second // 3 s within which a dead groom is acted on, and as much for a busy machine to tell; a stopped one has 10 s
)

// stopped stops a groom, the leader, a follower and a task for 5 s each, beside the
// job with another one that outlasts that: nobody takes them for dead.
func (n *network) stopped(t *testing.T, _ job.ID) {
	t.Helper()
	id := strings.TrimSpace(n.does(t, "job", "submit", "-d", "--peers", "2", "--tasks", "2", "randcomm", "--", "--size", "8", "--messages", "10", "--supersteps", "1000000000"))
	first := n.running(t, id).Placement[0]
	leader := n.masterIn(t, "leader", "")
	n.stop(t, id, first.Groom, n.daemons[first.Groom].Process.Pid)
	n.stop(t, id, "task of "+first.Groom, first.PID)
	n.stop(t, id, "a follower", n.daemons[n.masterIn(t, "follower", "")].Process.Pid)

	ids := []job.ID{n.small(t)}
	thaw := freeze(t, n.daemons[leader].Process.Pid)
	start := time.Now()
	n.within(t, healing, "another master leads", func() bool { return n.masterIn(t, "leader", leader) != "" })
	for time.Since(start) < pause {
		ids = append(ids, n.small(t))
	}
	thaw()
	n.within(t, healing, leader+" answers", func() bool { return n.answers(t, hub, leader) })
	n.kept(t, ids)
	n.untouched(t, id, first, "the leader")
	n.does(t, "job", "stop", id)
}

// stop stops a process for a while and checks that the job has not noticed: 3 s later
// too, when what is decided late would be seen.
func (n *network) stop(t *testing.T, id, what string, pid int) {
	t.Helper()
	before := n.inspect(t, job.ID(id)).Placement[0]
	thaw := freeze(t, pid)
	time.Sleep(pause)
	thaw()
	n.untouched(t, id, before, what)
	step := n.inspect(t, job.ID(id)).Supersteps
	n.until(t, "the job goes on", func() bool { return n.inspect(t, job.ID(id)).Supersteps > step })
	n.untouched(t, id, before, what)
}

// untouched checks that the job is in its first attempt, with the task that it had.
func (n *network) untouched(t *testing.T, id string, task job.Placed, what string) {
	t.Helper()
	info := n.inspect(t, job.ID(id))
	if info.State != job.Running || info.Attempts != 1 || !alive(task.PID) || info.Error != nil {
		t.Errorf("%s was stopped for %v: the job is %v in attempt %d, its task %d alive: %v: %v", what, pause, info.State, info.Attempts, task.PID, alive(task.PID), info.Error)
	}
}

// ends waits until the masters act on a groom that is gone: the attempt ends.
func (n *network) ends(t *testing.T, id job.ID, why string) {
	t.Helper()
	n.within(t, actedOn, why+": the attempt ends", func() bool {
		info := n.inspect(t, id)
		return info.Attempts > 1 || info.State == job.Queued
	})
}

// vanished has the machine of a groom with a task go silent for good: the groom and its
// tasks are killed while nobody hears it.
func (n *network) vanished(t *testing.T, id job.ID) {
	t.Helper()
	victim := n.running(t, string(id)).Placement[0]
	n.isolate(t, victim.Groom)
	for _, pid := range []int{n.daemons[victim.Groom].Process.Pid, victim.PID} {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	n.ends(t, id, victim.Groom+"'s machine is gone")
	_ = n.daemons[victim.Groom].Wait() // killed
	n.heal(t, victim.Groom)
	n.launch(t, victim.Groom)
	n.within(t, healing, victim.Groom+" is ready", func() bool { return n.state(t, victim.Groom) == "ready" })
}
