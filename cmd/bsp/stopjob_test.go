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
		p.Write("peer", p.Index())
		uneven()
		return err
	}
	p.Note(fmt.Sprintf("peer %d walks", p.Index()))
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

// walk is a cluster that runs walkers.
type walk struct {
	*cluster
	dir string
}

func (w walk) submit(args ...string) (id string) {
	return strings.TrimSpace(w.must(append([]string{"job", "submit", "-d", "--peers", "2", "--name", "walk", w.dir}, args...)...))
}

func (w walk) inspect(id string) (info job.Info) {
	w.t.Helper()
	if out := w.must("job", "inspect", "-o", "json", id); json.Unmarshal([]byte(out), &info) != nil {
		w.t.Fatalf("inspect printed %q", out)
	}
	return info
}

// works waits until all tasks of a job are past loading.
func (w walk) works(id string) {
	w.t.Helper()
	w.eventually(id+" works", func() bool {
		info := w.inspect(id)
		return info.State == job.Running && !slices.ContainsFunc(info.Placement, func(p job.Placed) bool { return p.State != "working" })
	})
}

// TestJobStop stops jobs at a barrier, and by force what comes to none; while they run
// and afterwards their slowest peers are named.
func TestJobStop(t *testing.T) {
	w := walk{startDev(t, "--masters", "1", "--grooms", "2", "--slots", "1"), walker(t)}
	t.Run("at a barrier", func(t *testing.T) { w.atBarrier(t) })
	t.Run("slowest", func(t *testing.T) { // a job that succeeds tells it of every phase
		id := w.submit("--", "brief")
		w.must("job", "wait", id)
		for _, phase := range []string{job.PhaseLoad, job.PhaseCompute, job.PhaseWrite} {
			slowest(t, w.cluster, w.inspect(id), phase)
		}
	})
	t.Run("by force", func(t *testing.T) { // when the time is over
		id := w.submit("--", "deaf")
		w.works(id)
		began := time.Now()
		w.must("job", "stop", "--grace", "500ms", id)
		if info := w.inspect(id); info.State != job.Stopped || time.Since(began) < 500*time.Millisecond {
			t.Errorf("%s after %s", info.State, time.Since(began))
		}
	})
	t.Run("hurried", func(t *testing.T) { w.hurried(t) })
	t.Run("interrupt", func(t *testing.T) { w.interrupt(t) })
	for _, row := range []struct {
		args, want string
		code       int
	}{
		{"job stop --grace 25h walk-1", "choose 0s to 24h0m0s", job.ExitUsage},
		{"job stop --now nope-7", "no such job", job.ExitNotFound},
	} {
		if _, stderr, code := w.bsp(strings.Fields(row.args)...); code != row.code || !strings.Contains(stderr, row.want) {
			t.Errorf("bsp %s: exit %d, %s", row.args, code, stderr)
		}
	}
}

// atBarrier: the tasks end together, long before they would be killed.
func (w walk) atBarrier(t *testing.T) {
	t.Helper()
	id := w.submit()
	w.eventually("supersteps", func() bool { return w.inspect(id).Supersteps > 5 })
	slowest(t, w.cluster, w.inspect(id), job.PhaseCompute)
	if info := w.inspect(id); info.Note != "peer 0 walks" {
		t.Errorf("the note is %q", info.Note)
	}
	for command, row := range map[string]string{"inspect": `(?im)^note +peer 0 walks$`, "status": `(?m) NOTE\n.* peer 0 walks$`} {
		if table := w.must("job", command, id); !regexp.MustCompile(row).MatchString(table) {
			t.Errorf("%s printed\n%s", command, table)
		}
	}
	_, stderr, code := w.bsp("job", "stop", "--grace", "1h", id)
	info := w.inspect(id)
	if code != 0 || !regexp.MustCompile(`^walk-1 stopped after \d+ supersteps\n$`).MatchString(stderr) {
		t.Errorf("exit %d, said %q", code, stderr)
	}
	if info.State != job.Stopped || info.ExitCode != job.ExitStopped || info.Attempts != 1 || info.Counters[job.CounterMessages] == 0 || info.Seconds.Compute <= 0 || !info.Stopping.IsZero() || info.Note != "" {
		t.Errorf("info %+v", info)
	}
	slowest(t, w.cluster, info, job.PhaseCompute)
	// The last words of both are in the logs, of the same superstep, and it is the one told.
	lines := regexp.MustCompile(`peer \d after (\d+) supersteps: the job is being stopped`).FindAllStringSubmatch(w.must("job", "logs", id), -1)
	if len(lines) != 2 || lines[0][1] != lines[1][1] || !strings.Contains(stderr, "after "+lines[0][1]+" supersteps") {
		t.Errorf("%q in the logs, told %q", lines, stderr)
	}
	if _, stderr, code := w.bsp("job", "wait", id); code != job.ExitStopped || !strings.Contains(stderr, "walk-1 stopped") {
		t.Errorf("wait: exit %d, %s", code, stderr)
	}
	if why := w.must("job", "why", id); !strings.Contains(why, "was stopped by admin") {
		t.Errorf("why printed %q", why)
	}
}

// hurried: while its tasks have time the job runs on and says so; a second stop takes it.
func (w walk) hurried(t *testing.T) {
	t.Helper()
	id := w.submit("--", "deaf")
	w.works(id)
	var said bytes.Buffer
	slow := exec.CommandContext(t.Context(), "bsp", "job", "stop", "--grace", "1h", id)
	slow.Env, slow.Stderr = w.env, &said
	if err := slow.Start(); err != nil {
		t.Fatal(err)
	}
	w.eventually("it is being stopped", func() bool { return !w.inspect(id).Stopping.IsZero() })
	if info := w.inspect(id); info.State != job.Running || time.Until(info.Stopping) < 30*time.Minute {
		t.Errorf("while it is stopped: %+v", info)
	}
	if why := w.must("job", "why", id); !strings.Contains(why, "is being stopped by admin: its tasks end at their next barrier") {
		t.Errorf("why printed %q", why)
	}
	if table := w.must("job", "inspect", id); !strings.Contains(table, "its tasks are killed at ") {
		t.Errorf("inspect printed %q", table)
	}
	w.must("job", "stop", "--now", id)
	if err := slow.Wait(); err != nil || said.String() != id+" stopped after 0 supersteps\n" {
		t.Errorf("the first stop: %v, %q", err, &said)
	}
}

// interrupt: the first ^C of submit gives the tasks the time to end in order.
func (w walk) interrupt(t *testing.T) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bsp", "job", "submit", "--peers", "2", "--name", "walk", w.dir)
	var said bytes.Buffer
	cmd.Env, cmd.Stderr = w.env, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.eventually("supersteps", func() bool {
		var info job.Info
		out, _, _ := w.bsp("job", "inspect", "-o", "json", "walk-5")
		return json.Unmarshal([]byte(out), &info) == nil && info.Supersteps > 0
	})
	cmd.Process.Signal(syscall.SIGINT)
	_ = cmd.Wait() // its exit code says it
	if code := cmd.ProcessState.ExitCode(); code != job.ExitStopped || !strings.Contains(said.String(), "bsp: walk-5 stopped") {
		t.Errorf("exit %d, said %q", code, &said)
	}
	if logs := w.must("job", "logs", "walk-5"); strings.Count(logs, "the job is being stopped") != 2 {
		t.Errorf("logs:\n%s", logs)
	}
}
