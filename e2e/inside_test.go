//go:build e2e

package e2e_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"scalar/bsp/job"
)

// TestKillsInside kills -9 each role in the middle of what must not be cut short: a
// barrier, the write and the commit of a checkpoint, the write and the commit of
// the output. Other processes are stopped meanwhile, so that it cannot be over by
// then. Each job ends with the undisturbed bits and leaves nothing.
func TestKillsInside(t *testing.T) {
	c := startCluster(t, 3, 2)
	calm := filepath.Join(t.TempDir(), "calm")
	if info := c.wait(t, c.submit(t, calm)); info.State != job.Succeeded {
		t.Fatalf("undisturbed run: %+v", info)
	}
	want := readParts(t, calm)
	for _, row := range []struct {
		moment string
		reach  func(t *testing.T, id job.ID, out string) held
		roles  string
	}{
		{"barrier", c.inBarrier, "task groom leader"},
		{"checkpoint write", c.inWrite, "task groom leader"},
		{"checkpoint commit", c.inCommit, "task groom leader"},
		{"checkpoint in Raft", c.inRaft, "task groom leader"},
		{"output write", c.inOutput, "task groom leader"},
		{"output commit", c.inRename, "grooms leader"}, // the tasks have ended
		{"output committed", c.afterRename, "grooms leader"},
	} {
		for role := range strings.FieldsSeq(row.roles) {
			t.Run(row.moment+"/"+role, func(t *testing.T) {
				term := c.term(t)
				id, h, out := c.holdAndKill(t, role, strings.ReplaceAll(row.moment, " ", "-"), row.reach)
				info := c.wait(t, id)
				if info.State != job.Succeeded {
					t.Fatalf("%s: the job %s: %v", h.what, info.State, info.Error)
				}
				if got := readParts(t, out); got != want {
					t.Error("the result differs from the undisturbed run's")
				}
				c.settle(t)
				if role == "leader" && c.term(t) == term {
					t.Error("the leader was killed, and the term is the same")
				}
				if (role == "task" || role == "groom") && info.Attempts < 2 {
					t.Errorf("%d attempts, want another one", info.Attempts)
				}
				t.Logf("%s; %d attempts, %.2f s", h.what, info.Attempts, info.Seconds.Total)
				c.clean(t)
			})
			if t.Failed() {
				return // the next one would only find what this one left
			}
		}
	}
}

// holdAndKill runs the job, and again where the moment was missed, until it stands still
// there, and kills the role's processes.
func (c *cluster) holdAndKill(t *testing.T, role, name string, reach func(*testing.T, job.ID, string) held) (id job.ID, h held, out string) {
	t.Helper()
	for try := range 10 {
		out = filepath.Join(filepath.Dir(c.data), fmt.Sprintf("%s-%s-%d", name, role, try)) // leftovers looks there
		leader := c.leader(t)                                                               // one without followers would not say so
		id = c.submit(t, out)
		h = reach(t, id, out)
		if !h.missed {
			c.killHeld(t, role, h, leader)
			h.thaw()
			return id, h, out
		}
		h.thaw()
		t.Logf("missed: %s", h.what)
		c.wait(t, id)
	}
	t.Fatal("missed the moment ten times")
	return id, h, out
}

// killHeld kills the processes of a role.
func (c *cluster) killHeld(t *testing.T, role string, h held, leader int) {
	t.Helper()
	var pids []int
	switch role {
	case "task":
		pids = append(pids, h.task)
	case "groom", "grooms": // all of them: one is the one that commits
		for _, name := range h.grooms {
			pids = append(pids, c.pid(name))
		}
	case "leader":
		pids = append(pids, leader)
	}
	for _, pid := range pids {
		if !alive(pid) {
			t.Fatalf("%s: %s %d has ended already", h.what, role, pid)
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
}

// leader returns the process of the master that leads.
func (c *cluster) leader(t *testing.T) (pid int) {
	t.Helper()
	c.until(t, "a master leads", func() bool {
		for _, n := range c.nodes(t) {
			if n.Role == "master" && n.State == "leader" {
				pid = c.pid(n.ID)
			}
		}
		return pid > 0
	})
	return pid
}
