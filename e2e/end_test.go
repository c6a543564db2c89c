//go:build e2e

package e2e_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"scalar/bsp/job"
)

// TestEnd ends bsp dev while a job computes: no process may be left.
func TestEnd(t *testing.T) {
	bad := (&cluster{bsp: os.Getenv("BSP")}).buildBadProgram(t)
	for _, row := range []struct {
		name   string
		signal syscall.Signal
		limit  time.Duration
	}{
		{"SIGTERM", syscall.SIGTERM, 2 * time.Second},
		{"SIGKILL", syscall.SIGKILL, 2 * time.Second}, // 1 s on a machine that does nothing else
	} {
		t.Run(row.name, func(t *testing.T) {
			c, dev := launch(t, 3, 2)
			c.settle(t)
			c.running(t, strings.TrimSpace(c.does(t, "job", "submit", "-d", "--peers", "3", "--tasks", "2", "randcomm", "--", "--size", "8", "--messages", "10", "--supersteps", "1000000000")))
			id := strings.TrimSpace(c.does(t, "job", "submit", "-d", "--peers", "1", bad, "--", "cling"))
			c.running(t, id)
			children := c.children(t, id)
			start := time.Now()
			if err := dev.Process.Signal(row.signal); err != nil {
				t.Fatal(err)
			}
			err := dev.Wait()
			if row.signal == syscall.SIGTERM && err != nil {
				t.Errorf("bsp dev: %v", err)
			}
			var left []string
			for {
				left = processes(c.data)
				if len(left) == 0 || time.Since(start) > 10*time.Second {
					break
				}
				time.Sleep(10 * time.Millisecond)
			}
			took := time.Since(start)
			t.Logf("all gone after %v", took)
			if len(left) > 0 || took > row.limit {
				t.Errorf("after %v, want %v: left %s", took, row.limit, strings.Join(left, "\n"))
			}
			gone(t, children)
			if groups := c.cgroups(true); len(groups) > 0 {
				t.Errorf("cgroups left: %s", groups)
			}
		})
	}
}

// TestWholeClusterDies kills bsp dev and all with it while a job computes: the
// same folder started again brings the job to its end, with the same bits.
func TestWholeClusterDies(t *testing.T) {
	c, dev := launch(t, 3, 2)
	c.settle(t)
	scratch := t.TempDir()
	calm, out := filepath.Join(scratch, "calm"), filepath.Join(scratch, "out")
	if info := c.wait(t, c.submit(t, calm)); info.State != job.Succeeded {
		t.Fatalf("undisturbed run: %+v", info)
	}
	id := c.submit(t, out)
	c.until(t, "a checkpoint is committed", func() bool { return c.inspect(t, id).Checkpoint > 0 })
	if err := dev.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = dev.Wait() // killed
	c.until(t, "all is gone", func() bool { return len(processes(c.data)) == 0 })

	start := time.Now()
	dev = c.start(t)
	defer c.end(t, dev)
	c.settle(t)
	t.Logf("up again after %v", time.Since(start))
	info := c.wait(t, id)
	if info.State != job.Succeeded || info.Attempts < 2 {
		t.Errorf("%s after %d attempts: %v", info.State, info.Attempts, info.Error)
	}
	if readParts(t, out) != readParts(t, calm) {
		t.Error("the result differs from the undisturbed run's")
	}
	t.Logf("%d attempts, %.2f s", info.Attempts, info.Seconds.Total)
	c.goesOn(t)
}
