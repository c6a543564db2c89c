//go:build e2e

package e2e_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"scalar/bsp/job"
)

// running waits until the job's tasks compute.
func (c *cluster) running(t *testing.T, id string) job.Info {
	t.Helper()
	var info job.Info
	c.until(t, id+" runs", func() bool {
		info = c.inspect(t, job.ID(id))
		return info.State == job.Running && len(info.Placement) > 0 && !slices.ContainsFunc(info.Placement, func(p job.Placed) bool { return p.PID == 0 || p.State != "working" })
	})
	return info
}

// TestQueue holds all slots with one job and looks at those that wait.
func TestQueue(t *testing.T) {
	c := startCluster(t, 1, 2)
	holder := strings.TrimSpace(c.does(t, "job", "submit", "-d", "--peers", "4", "--name", "endless", "randcomm", "--", "--size", "8", "--messages", "10", "--supersteps", "1000000000"))
	c.running(t, holder)

	waiting := c.command(t, nil, "job", "submit", "--name", "patient", "--peers", "2", "pi", "--", "--samples", "1000")
	if err := waiting.Start(); err != nil {
		t.Fatal(err)
	}
	id := c.queued(t, "patient")
	var why job.Why
	if err := json.Unmarshal([]byte(c.does(t, "job", "why", id, "-o", "json")), &why); err != nil {
		t.Fatal(err)
	}
	held := slices.ContainsFunc(why.Reasons, func(r job.Reason) bool { return slices.Contains(r.Holders, job.ID(holder)) })
	if why.State != job.Queued || !held {
		t.Errorf("why: %+v", why)
	}
	if text := c.does(t, "job", "why", id); !strings.Contains(text, holder) || !strings.Contains(text, "slots") {
		t.Errorf("why says\n%s", text)
	}

	interrupted := c.command(t, nil, "job", "submit", "--name", "hasty", "--peers", "4", "pi")
	if err := interrupted.Start(); err != nil {
		t.Fatal(err)
	}
	hasty := c.queued(t, "hasty")
	if err := interrupted.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	interrupted.ends(t, job.ExitStopped, hasty+" stopped")
	if info := c.inspect(t, job.ID(hasty)); info.State != job.Stopped {
		t.Errorf("%s: %v", hasty, info.State)
	}

	c.does(t, "job", "stop", holder)
	waiting.ends(t, 0)
	if out := waiting.stdout.String(); !strings.HasPrefix(out, "pi\t3.") {
		t.Errorf("the job that waited printed %q", out)
	}
	c.goesOn(t)
}

// queued waits until a job of that name waits for slots.
func (c *cluster) queued(t *testing.T, name string) (id string) {
	t.Helper()
	c.until(t, name+" waits", func() bool {
		var jobs []job.Info
		if err := json.Unmarshal([]byte(c.does(t, "job", "list", "-o", "json")), &jobs); err != nil {
			t.Fatal(err)
		}
		for _, i := range jobs {
			if i.Name == name && i.State == job.Queued {
				id = string(i.ID)
			}
		}
		return id != ""
	})
	return id
}
