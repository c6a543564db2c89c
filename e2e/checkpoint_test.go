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
	"sync"
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
		{"magic flipped", 1, flip(func(int) int { return 0 })},
		{"superstep flipped", 1, flip(func(int) int { return 24 })},
		{"state flipped", 1, flip(func(int) int { return 52 })},
		{"inbox flipped", 1, flip(func(size int) int { return size / 3 })},
		{"sum flipped", 1, flip(func(size int) int { return size - 1 })},
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
				if err := row.damage(filepath.Join(c.checkpoints(id), strconv.Itoa(steps[i]), "peer-2")); err != nil {
					t.Fatal(err)
				}
				say[i] = fmt.Sprintf("checkpoint of superstep %d: ", steps[i])
			}
			waiter := c.command(t, nil, "job", "wait", string(id))
			waiter.watches(t)
			if err := syscall.Kill(info.Placement[0].PID, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			waiter.ends(t, job.ExitOK)
			if got := readParts(t, out); got != want {
				t.Error("the result differs from the undisturbed run's")
			}
			for _, s := range say {
				if !strings.Contains(waiter.stderr.String(), s) {
					t.Errorf("no %q in\n%s", s, &waiter.stderr)
				}
			}
			if n := c.inspect(t, id).Attempts; n < 2+row.number { // a busy machine may cost another one
				t.Errorf("%d attempts, want %d", n, 2+row.number)
			}
			t.Logf("damaged: %s\n%s", say, &waiter.stderr)
			c.clean(t)
		})
	}
}

// flip changes a bit of the byte at an offset that the file's size gives.
func flip(at func(size int) int) func(path string) error {
	return func(path string) error {
		return rewrite(path, func(b []byte) []byte { b[at(len(b))] ^= 4; return b })
	}
}

// checkpoints returns the folder of the checkpoints of the job's first attempt.
func (c *cluster) checkpoints(id job.ID) string {
	return filepath.Join(c.data, "store/checkpoints", string(id), "1")
}

// onDisk returns the supersteps of those that have a folder.
func (c *cluster) onDisk(t *testing.T, id job.ID) (steps []int) {
	t.Helper()
	dirs, err := os.ReadDir(c.checkpoints(id))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range dirs {
		if step, err := strconv.Atoi(d.Name()); err == nil {
			steps = append(steps, step)
		}
	}
	return steps
}

// committed returns the supersteps of the job's two checkpoints, newest first.
func (c *cluster) committed(t *testing.T, info job.Info) []int {
	t.Helper()
	steps := c.onDisk(t, info.ID)
	steps = slices.DeleteFunc(steps, func(s int) bool { return s > info.Checkpoint }) // was not committed
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

// watches starts a command that follows a job, and returns when it has said its first
// line: it has looked at the job then.
func (r *command) watches(t *testing.T) {
	t.Helper()
	said := &firstLine{to: &r.stderr, there: make(chan struct{})}
	r.Stderr = said
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-said.there:
	case <-time.After(patience):
		t.Fatalf("%s has said nothing for %s", strings.Join(r.Args, " "), patience)
	}
}

// firstLine passes on what is written, and tells when that is a line.
type firstLine struct {
	to    *bytes.Buffer
	once  sync.Once
	there chan struct{} // closed by Write
}

func (w *firstLine) Write(b []byte) (int, error) {
	n, err := w.to.Write(b)
	if bytes.ContainsRune(w.to.Bytes(), '\n') {
		w.once.Do(func() { close(w.there) })
	}
	return n, err
}

// frozen stops the job's tasks in their tracks, and returns the job when no
// checkpoint is on its way to the masters: the newest one on disk is committed, or it
// stays uncommitted for 3 s, since a task was stopped before it had told of its part.
func (c *cluster) frozen(t *testing.T, id job.ID) job.Info {
	t.Helper()
	for _, p := range c.running(t, string(id)).Placement {
		if err := syscall.Kill(p.PID, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
	}
	info := c.inspect(t, id)
	for since := time.Now(); time.Since(since) < 3*time.Second && c.newest(t, info) != info.Checkpoint; time.Sleep(20 * time.Millisecond) {
		if now := c.inspect(t, id); now.Checkpoint != info.Checkpoint {
			info, since = now, time.Now()
		}
	}
	return info
}

// newest returns the superstep of the job's newest checkpoint on disk that has the
// files of all peers.
func (c *cluster) newest(t *testing.T, info job.Info) (step int) {
	t.Helper()
	for _, s := range c.onDisk(t, info.ID) {
		files, err := filepath.Glob(filepath.Join(c.checkpoints(info.ID), strconv.Itoa(s), "peer-*"))
		if err != nil {
			t.Fatal(err)
		}
		if len(files) >= info.Peers {
			step = max(step, s)
		}
	}
	return step
}
