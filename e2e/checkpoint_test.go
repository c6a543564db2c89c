//go:build e2e

package e2e_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"scalar/bsp/job"
)

// TestDamagedCheckpoint kills a task after its newest committed checkpoint was
// damaged: the job goes on from the one before, and ends with the same bits.
func TestDamagedCheckpoint(t *testing.T) {
	c := startCluster(t, 1, 2)
	calm := filepath.Join(t.TempDir(), "calm")
	if info := c.wait(t, c.submit(t, calm)); info.State != job.Succeeded {
		t.Fatalf("undisturbed run: %+v", info)
	}
	want := readParts(t, calm)
	for _, row := range []struct {
		name   string
		number int // of the newest ones
		damage func(path string) error
	}{
		{"truncated", 1, func(path string) error { return rewrite(path, func(b []byte) []byte { return b[:len(b)/2] }) }},
		{"bit flipped", 1, func(path string) error {
			return rewrite(path, func(b []byte) []byte { b[len(b)/3] ^= 4; return b })
		}},
		{"missing", 1, os.Remove},
		{"both empty", 2, func(path string) error { return os.Truncate(path, 0) }},
	} {
		t.Run(row.name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "out")
			id := c.submit(t, out)
			c.until(t, "two checkpoints are committed", func() bool { return c.inspect(t, id).Checkpoint >= 100 })
			info := c.frozen(t, id)
			say := make([]string, row.number)
			steps := c.committed(t, info)
			for i := range row.number {
				if err := row.damage(filepath.Join(c.data, "store/checkpoints", string(id), "1", strconv.Itoa(steps[i]), "peer-2")); err != nil {
					t.Fatal(err)
				}
				say[i] = fmt.Sprintf("checkpoint of superstep %d: ", steps[i])
			}
			waiter := c.command(t, nil, "job", "wait", string(id))
			said := c.watch(t, waiter)
			if err := syscall.Kill(info.Placement[0].PID, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			waiter.ends(t, job.ExitOK)
			if got := readParts(t, out); got != want {
				t.Error("the result differs from the undisturbed run's")
			}
			for _, s := range say {
				if !strings.Contains(said.String(), s) {
					t.Errorf("no %q in\n%s", s, said)
				}
			}
			if n := c.inspect(t, id).Attempts; n != 2+row.number {
				t.Errorf("%d attempts, want %d", n, 2+row.number)
			}
			t.Logf("damaged: %s\n%s", say, said)
			c.clean(t)
		})
	}
}

// committed returns the supersteps of the job's two checkpoints, newest first.
func (c *cluster) committed(t *testing.T, info job.Info) (steps []int) {
	t.Helper()
	dirs, err := os.ReadDir(filepath.Join(c.data, "store/checkpoints", string(info.ID), "1"))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range dirs {
		if step, err := strconv.Atoi(d.Name()); err == nil && step <= info.Checkpoint { // what is newer was not committed
			steps = append(steps, step)
		}
	}
	slices.SortFunc(steps, func(a, b int) int { return b - a })
	if len(steps) < 2 || steps[0] != info.Checkpoint {
		t.Fatalf("checkpoints on disk: %v, newest committed %d", steps, info.Checkpoint)
	}
	return steps
}

// rewrite changes a file's content.
func rewrite(path string, change func([]byte) []byte) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return os.WriteFile(path, change(b), 0o600)
}

// watch starts a command that follows a job, and returns what it says once it
// has said something.
func (c *cluster) watch(t *testing.T, r *command) *bytes.Buffer {
	t.Helper()
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(200 * time.Millisecond) // it looks at the job before anything happens to it
	return &r.stderr
}

// frozen stops the job's tasks in their tracks, and returns the job when no
// checkpoint is on its way to the masters.
func (c *cluster) frozen(t *testing.T, id job.ID) job.Info {
	t.Helper()
	info := c.running(t, string(id))
	for _, p := range info.Placement {
		if err := syscall.Kill(p.PID, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
	}
	for since := time.Now(); time.Since(since) < 300*time.Millisecond; time.Sleep(20 * time.Millisecond) {
		if now := c.inspect(t, id); now.Checkpoint != info.Checkpoint {
			info, since = now, time.Now()
		}
	}
	return info
}
