package main_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
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
	"slices"
	"time"

	"scalar/bsp"
)

func walk(ctx context.Context, p *bsp.Peer[int]) error {
	uneven := func() { time.Sleep(time.Duration(1+99*p.Index()) * time.Millisecond) }
	for slices.Contains(p.Args(), "deaf") {
		time.Sleep(time.Minute)
	}
	if slices.Contains(p.Args(), "brief") {
		uneven()
		p.Loaded()
		uneven()
		err := p.Sync(ctx)
		uneven()
		return err
	}
	for {
		p.Send((p.Index()+1)%p.N(), 1)
		uneven()
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

// slowest checks that peer 1, which takes 100 ms where peer 0 takes 1, is named.
func slowest(t *testing.T, c *cluster, info job.Info, phase string) {
	t.Helper()
	i := slices.IndexFunc(info.Slowest, func(s job.Slow) bool { return s.Phase == phase })
	if i < 0 {
		t.Fatalf("no slowest peer of %s: %+v", phase, info)
	}
	s := info.Slowest[i]
	if s.Peer != 1 || s.Task != 1 || s.Groom != info.Placement[1].Groom || s.Seconds < 0.1 || s.Median >= s.Seconds || s.Median < s.Seconds/2 {
		t.Errorf("slowest %+v of %+v", s, info)
	}
	if table := c.must("job", "inspect", string(info.ID)); !regexp.MustCompile(`(?i)slowest ` + phase + ` +peer 1 in task 1 on ` + s.Groom + `: \d+\.\d+ seconds, the median is `).MatchString(table) {
		t.Errorf("inspect printed\n%s", table)
	}
}

// TestJobStop stops jobs at a barrier, and by force what comes to none; while they run
// and afterwards their slowest peers are named.
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
	c.eventually("supersteps", func() bool { return inspect(id).Supersteps > 5 })
	slowest(t, c, inspect(id), job.PhaseCompute)
	_, stderr, code := c.bsp("job", "stop", "--grace", "1h", id)
	info := inspect(id)
	if code != 0 || !regexp.MustCompile(`^walk-1 stopped after \d+ supersteps\n$`).MatchString(stderr) {
		t.Errorf("exit %d, said %q", code, stderr)
	}
	if info.State != job.Stopped || info.ExitCode != job.ExitStopped || info.Attempts != 1 || info.Counters[job.CounterMessages] == 0 || info.Seconds.Compute <= 0 || !info.Stopping.IsZero() {
		t.Errorf("info %+v", info)
	}
	slowest(t, c, info, job.PhaseCompute)
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

	// A job that succeeds tells the slowest peer of every phase.
	id = submit("--", "brief")
	c.must("job", "wait", id)
	for _, phase := range []string{job.PhaseLoad, job.PhaseCompute, job.PhaseWrite} {
		slowest(t, c, inspect(id), phase)
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
		out, _, _ := c.bsp("job", "inspect", "-o", "json", "walk-5")
		return json.Unmarshal([]byte(out), &info) == nil && info.Supersteps > 0
	})
	cmd.Process.Signal(syscall.SIGINT)
	_ = cmd.Wait() // its exit code says it
	if code := cmd.ProcessState.ExitCode(); code != job.ExitStopped || !strings.Contains(said.String(), "bsp: walk-5 stopped") {
		t.Errorf("exit %d, said %q", code, &said)
	}
	if logs := c.must("job", "logs", "walk-5"); strings.Count(logs, "the job is being stopped") != 2 {
		t.Errorf("logs:\n%s", logs)
	}
}
