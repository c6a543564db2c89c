package main_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"scalar/bsp/job"
)

// walker returns a program whose peers go from barrier to barrier until they are told
// that there is none any more, and with the argument "deaf" come to none at all.
func walker(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "bsp", "program", "new", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(`package main

import (
	"context"
	"fmt"
	"time"

	"scalar/bsp"
)

func walk(ctx context.Context, p *bsp.Peer[int]) error {
	for len(p.Args()) > 0 {
		time.Sleep(time.Minute)
	}
	for {
		p.Send((p.Index()+1)%p.N(), 1)
		time.Sleep(time.Duration(1+9*p.Index()) * time.Millisecond)
		if err := p.Sync(ctx); err != nil {
			fmt.Printf("peer %d after %d supersteps: %v\n", p.Index(), p.Superstep(), err)
			return err
		}
	}
}

func main() { bsp.Main(walk) }
`), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestJobStop stops jobs at a barrier, and by force what comes to none.
func TestJobStop(t *testing.T) {
	c := startDev(t, "--masters", "1", "--grooms", "2", "--slots", "1")
	dir := walker(t)
	submit := func(args ...string) string {
		return strings.TrimSpace(c.must(append([]string{"job", "submit", "-d", "--peers", "2", "--name", "walk", dir}, args...)...))
	}
	inspect := func(id string) (info job.Info) {
		if out := c.must("job", "inspect", "-o", "json", id); json.Unmarshal([]byte(out), &info) != nil {
			t.Fatalf("inspect printed %q", out)
		}
		return info
	}
	works := func(id string) {
		c.eventually(id+" works", func() bool {
			for _, p := range inspect(id).Placement {
				if p.State != "working" || p.PID == 0 {
					return false
				}
			}
			return inspect(id).State == job.Running
		})
	}

	// The tasks end together at a barrier, long before they would be killed.
	id := submit()
	c.eventually("supersteps", func() bool { return inspect(id).Supersteps > 3 })
	_, stderr, code := c.bsp("job", "stop", "--grace", "1h", id)
	info := inspect(id)
	if code != 0 || !regexp.MustCompile(`^walk-1 stopped after \d+ supersteps\n$`).MatchString(stderr) {
		t.Errorf("exit %d, said %q", code, stderr)
	}
	if info.State != job.Stopped || info.ExitCode != job.ExitStopped || info.Attempts != 1 || info.Counters[job.CounterMessages] == 0 || info.Seconds.Compute <= 0 || !info.Stopping.IsZero() {
		t.Errorf("info %+v", info)
	}
	// The last words of both are in the logs, of the same superstep, and it is the one told.
	lines := regexp.MustCompile(`peer \d after (\d+) supersteps: the job is being stopped`).FindAllStringSubmatch(c.must("job", "logs", id), -1)
	if len(lines) != 2 || lines[0][1] != lines[1][1] || !strings.Contains(stderr, "after "+lines[0][1]+" supersteps") {
		t.Errorf("%q in the logs, told %q", lines, stderr)
	}
	if _, stderr, code := c.bsp("job", "wait", id); code != job.ExitStopped || !strings.Contains(stderr, "walk-1 stopped") {
		t.Errorf("wait: exit %d, %s", code, stderr)
	}
	if why := c.must("job", "why", id); !strings.Contains(why, "was stopped by admin") {
		t.Errorf("why printed %q", why)
	}

	// What comes to no barrier is killed when the time is over.
	id = submit("--", "deaf")
	works(id)
	began := time.Now()
	c.must("job", "stop", "--grace", "500ms", id)
	if info := inspect(id); info.State != job.Stopped || time.Since(began) < 500*time.Millisecond {
		t.Errorf("%s after %s", info.State, time.Since(began))
	}

	// While it has time it runs on and says so; a second stop hurries it.
	id = submit("--", "deaf")
	works(id)
	var said bytes.Buffer
	slow := exec.CommandContext(t.Context(), "bsp", "job", "stop", "--grace", "1h", id)
	slow.Env, slow.Stderr = c.env, &said
	if err := slow.Start(); err != nil {
		t.Fatal(err)
	}
	c.eventually("it is being stopped", func() bool { return !inspect(id).Stopping.IsZero() })
	if info := inspect(id); info.State != job.Running || time.Until(info.Stopping) < 30*time.Minute {
		t.Errorf("while it is stopped: %+v", info)
	}
	if why := c.must("job", "why", id); !strings.Contains(why, "is being stopped by admin: its tasks end at their next barrier") {
		t.Errorf("why printed %q", why)
	}
	if table := c.must("job", "inspect", id); !strings.Contains(table, "its tasks are killed at ") {
		t.Errorf("inspect printed %q", table)
	}
	c.must("job", "stop", "--now", id)
	if err := slow.Wait(); err != nil || said.String() != id+" stopped after 0 supersteps\n" {
		t.Errorf("the first stop: %v, %q", err, &said)
	}

	// ^C of submit gives the tasks the time to end in order.
	cmd := exec.CommandContext(t.Context(), "bsp", "job", "submit", "--peers", "2", "--name", "walk", dir)
	said.Reset()
	cmd.Env, cmd.Stderr = c.env, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c.eventually("supersteps", func() bool {
		out, _, _ := c.bsp("job", "inspect", "-o", "json", "walk-4")
		return json.Unmarshal([]byte(out), &info) == nil && info.Supersteps > 0
	})
	cmd.Process.Signal(syscall.SIGINT)
	_ = cmd.Wait() // its exit code says it
	if code := cmd.ProcessState.ExitCode(); code != job.ExitStopped || !strings.Contains(said.String(), "bsp: walk-4 stopped") {
		t.Errorf("exit %d, said %q", code, &said)
	}
	if logs := c.must("job", "logs", "walk-4"); strings.Count(logs, "the job is being stopped") != 2 {
		t.Errorf("logs:\n%s", logs)
	}
}
