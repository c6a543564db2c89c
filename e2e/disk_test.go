//go:build e2e

package e2e_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"scalar/bsp/job"
)

// TestFullDisks fills the data folders of masters and grooms and the store, each of
// which is a small file system of its own, while jobs run.
func TestFullDisks(t *testing.T) {
	t.Parallel()
	c := &cluster{bsp: os.Getenv("BSP"), data: filepath.Join(t.TempDir(), "cluster"), masters: 3, grooms: 2}
	for _, name := range []string{"m1", "m2", "m3", "g1", "g2", "store"} {
		small(t, filepath.Join(c.data, name))
	}
	dev := c.start(t)
	t.Cleanup(func() { c.end(t, dev) })
	c.settle(t)
	calm := filepath.Join(t.TempDir(), "calm")
	if info := c.wait(t, c.submit(t, calm)); info.State != job.Succeeded {
		t.Fatalf("undisturbed run: %+v", info)
	}
	want := readParts(t, calm)
	for _, row := range []struct {
		name string
		fill func(t *testing.T, want string)
	}{
		{"leader", c.leaderFull},
		{"masters", c.mastersFull},
		{"grooms", c.groomsFull},
		{"store", c.storeFull},
		{"results", c.resultsFull},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.fill(t, want)
			c.settle(t)
			c.goesOn(t)
		})
		if t.Failed() {
			return // the next one would only find what this one left
		}
	}
}

// small mounts a file system of 200 MiB, or skips the test where that is not allowed.
func small(t *testing.T, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=200m,mode=0700")
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENODEV) {
		t.Skipf("file systems cannot be mounted here: %v", err)
	}
	if err != nil {
		t.Fatalf("mount %s: %v", dir, err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Errorf("unmount %s: %v", dir, err)
		}
	})
}

// fill takes all the room of a file system until the returned function gives it back.
func fill(t *testing.T, dir string) (free func()) {
	t.Helper()
	name := filepath.Join(dir, ".filler")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(f, io.LimitReader(zeros{}, 1<<30))
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("%s does not get full: %v", dir, err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	free = func() { _ = os.Remove(name) } // twice, perhaps
	t.Cleanup(free)
	return free
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

// leaderFull fills the leader's disk while a job runs: another one leads, jobs are
// accepted, and the job that runs does not notice.
func (c *cluster) leaderFull(t *testing.T, _ string) {
	t.Helper()
	out := filepath.Join(filepath.Dir(c.data), "leader-full")
	id := c.submit(t, out)
	c.running(t, string(id))
	full := c.leaderName(t)
	free := fill(t, filepath.Join(c.data, full))
	start := time.Now()
	c.until(t, "another master leads", func() bool { now := c.leaderName(t); return now != "" && now != full })
	t.Logf("another master leads after %.2f s", time.Since(start).Seconds())
	c.accepts(t)
	if info := c.wait(t, id); info.State != job.Succeeded || info.Attempts != 1 {
		t.Errorf("%s after %d attempts: %v", info.State, info.Attempts, info.Error)
	}
	free()
}

// leaderName returns the name of the master that leads, "" if none does.
func (c *cluster) leaderName(t *testing.T) string {
	t.Helper()
	for _, n := range c.nodes(t) {
		if n.Role == "master" && n.State == "leader" {
			name, _, _ := strings.Cut(n.ID, "-")
			return name
		}
	}
	return ""
}

// accepts checks that a job is accepted and ends.
func (c *cluster) accepts(t *testing.T) {
	t.Helper()
	c.until(t, "a job is accepted and ends", func() bool {
		_, err := c.run(t, "job", "submit", "--peers", "1", "pi", "--", "--samples", "1000")
		return err == nil
	})
}

// mastersFull fills the disks of all masters: jobs are refused in one line, what
// runs goes on to its end, reads are answered, and room makes all well again.
func (c *cluster) mastersFull(t *testing.T, _ string) {
	t.Helper()
	id := c.submit(t, filepath.Join(filepath.Dir(c.data), "masters-full"))
	c.running(t, string(id))
	frees := make([]func(), 0, 3)
	for _, name := range []string{"m1", "m2", "m3"} {
		frees = append(frees, fill(t, filepath.Join(c.data, name)))
	}
	c.until(t, "jobs are refused", func() bool {
		_, err := c.run(t, "job", "submit", "-d", "--peers", "1", "pi")
		return err != nil && strings.Contains(err.Error(), "disk is nearly full")
	})
	c.command(t, nil, "job", "submit", "-d", "pi").ends(t, job.ExitUnreachable, "disk is nearly full", c.data)
	if info := c.wait(t, id); info.State != job.Succeeded || info.Attempts != 1 {
		t.Errorf("%s after %d attempts: %v", info.State, info.Attempts, info.Error)
	}
	c.does(t, "job", "list")
	for _, free := range frees {
		free()
	}
	c.accepts(t)
}

// groomsFull fills the grooms' disks: a job that needs none of it ends well; one whose
// program finds no room says so with the path, and goes on when there is room.
func (c *cluster) groomsFull(t *testing.T, want string) {
	t.Helper()
	program := c.buildBadProgram(t)
	free1, free2 := fill(t, filepath.Join(c.data, "g1")), fill(t, filepath.Join(c.data, "g2"))
	out := filepath.Join(filepath.Dir(c.data), "grooms-full")
	if info := c.wait(t, c.submit(t, out)); info.State != job.Succeeded {
		t.Errorf("a built-in program: %s after %d attempts: %v", info.State, info.Attempts, info.Error)
	} else if readParts(t, out) != want {
		t.Error("the result differs from the undisturbed run's")
	}
	id := strings.TrimSpace(c.does(t, "job", "submit", "-d", "--peers", "2", "--tasks", "2", program, "--", "nothing"))
	var why string
	c.until(t, "the masters say that there is no room", func() bool {
		b, err := c.run(t, "job", "why", id)
		why = string(b)
		return err == nil && strings.Contains(why, "no space left on device") && strings.Contains(why, c.data)
	})
	t.Logf("job why: %s", why)
	free1()
	free2()
	if info := c.wait(t, job.ID(id)); info.State != job.Succeeded || info.Attempts < 2 {
		t.Errorf("%s after %d attempts: %v", info.State, info.Attempts, info.Error)
	}
}

// storeFull fills the store while a job runs that has taken a checkpoint: it goes on
// without new ones.
func (c *cluster) storeFull(t *testing.T, want string) {
	t.Helper()
	out := filepath.Join(filepath.Dir(c.data), "store-full")
	id := c.submit(t, out)
	c.until(t, "a checkpoint is committed", func() bool { return c.inspect(t, id).Checkpoint > 0 })
	free := fill(t, filepath.Join(c.data, "store"))
	info := c.wait(t, id)
	if info.State != job.Succeeded || info.Attempts != 1 {
		t.Errorf("%s after %d attempts: %v", info.State, info.Attempts, info.Error)
	} else if readParts(t, out) != want {
		t.Error("the result differs from the undisturbed run's")
	}
	t.Logf("newest checkpoint %d", info.Checkpoint)
	free()
}

// resultsFull fills the store, where a job without an output folder writes its
// result: it fails in one line with the path.
func (c *cluster) resultsFull(t *testing.T, _ string) {
	t.Helper()
	free := fill(t, filepath.Join(c.data, "store"))
	r := c.command(t, nil, "job", "submit", "--peers", "2", "pi", "--", "--samples", "1000").ends(t, job.ExitFailed, "no space left on device", c.data)
	if r.stdout.Len() > 0 {
		t.Errorf("printed %q", r.stdout.String())
	}
	free()
}
