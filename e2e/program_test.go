//go:build e2e

package e2e_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"scalar/bsp/job"
)

// TestPrograms submits what people write: the first program of the README, and
// programs that do what they should not.
func TestPrograms(t *testing.T) {
	c := startCluster(t, 1, 2)
	t.Run("first", func(t *testing.T) {
		dir := t.TempDir()
		c.does(t, "program", "new", dir) // empty, and far from the repository
		main, err := os.ReadFile(filepath.Join(dir, "main.go"))
		if err != nil {
			t.Fatal(err)
		}
		if n := codeLines(string(main[bytes.Index(main, []byte("func pi")):])); n > 20 {
			t.Errorf("the first program has %d lines of code, want 20 at most", n)
		}
		if out := c.does(t, "job", "submit", dir); !strings.HasPrefix(out, "pi\t3.14") {
			t.Errorf("pi is %q", out)
		}
		c.clean(t)
	})
	bad := c.buildBadProgram(t)
	t.Run("bad", func(t *testing.T) { c.badPrograms(t, bad) })
	t.Run("stopped", func(t *testing.T) {
		out := filepath.Join(filepath.Dir(c.data), "stopped") // leftovers looks there
		id := strings.TrimSpace(c.does(t, "job", "submit", "-d", "--peers", "4", "--output", out, bad, "--", "hang"))
		c.running(t, id)
		c.until(t, "the job has a process, a task's folder and an unfinished output", func() bool { // what must be gone at the end
			left := strings.Join(c.leftovers(t), "\n")
			return strings.Contains(left, "/proc/") && strings.Contains(left, c.data+"/g1/tasks/"+id) && strings.Contains(left, out+".tmp-"+id)
		})
		waiter := c.command(t, nil, "job", "wait", id)
		if err := waiter.Start(); err != nil {
			t.Fatal(err)
		}
		c.does(t, "job", "stop", id)
		waiter.ends(t, job.ExitStopped, id+" stopped")
		c.goesOn(t)
	})
	t.Run("flood", func(t *testing.T) { c.flood(t, bad) })
	t.Run("fork", func(t *testing.T) {
		id := strings.TrimSpace(c.does(t, "job", "submit", "-d", "--peers", "1", bad, "--", "fork"))
		c.does(t, "job", "wait", id)
		gone(t, c.children(t, id))
		c.goesOn(t)
	})
	t.Run("groom dies", func(t *testing.T) {
		id := strings.TrimSpace(c.does(t, "job", "submit", "-d", "--peers", "1", bad, "--", "cling"))
		info := c.running(t, id)
		first := c.children(t, id)
		if err := syscall.Kill(c.pid(info.Placement[0].Groom), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		c.until(t, "a second attempt runs", func() bool { return c.inspect(t, job.ID(id)).Attempts > 1 })
		c.running(t, id)
		c.settle(t) // a groom that is back has cleaned up
		gone(t, first)
		c.does(t, "job", "stop", id)
		c.goesOn(t)
	})
}

// codeLines counts the lines that are neither blank nor a comment.
func codeLines(source string) (n int) {
	for line := range strings.Lines(source) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "//") {
			n++
		}
	}
	return n
}

// children returns the processes that the program has started, as it printed them.
func (c *cluster) children(t *testing.T, id string) (pids []int) {
	t.Helper()
	c.until(t, "children are started", func() bool {
		pids = nil
		for _, m := range regexp.MustCompile(`child (\d+)`).FindAllStringSubmatch(c.does(t, "job", "logs", id), -1) {
			pid, _ := strconv.Atoi(m[1])
			pids = append(pids, pid)
		}
		return len(pids) == 2
	})
	if strings.Contains(c.file(t, "log/g1.log"), "cgroups=none") { // nothing finds one that has dropped its environment
		_ = syscall.Kill(pids[1], syscall.SIGKILL)
		return pids[:1]
	}
	return pids
}

// gone checks that processes have ended.
func gone(t *testing.T, pids []int) {
	t.Helper()
	for _, pid := range pids {
		if alive(pid) {
			t.Errorf("left over: process %d", pid)
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// alive reports whether a process is there, and no zombie.
func alive(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !bytes.Contains(b, []byte(") Z "))
}

// buildBadProgram makes a binary of testdata/badprogram as a person would.
func (c *cluster) buildBadProgram(t *testing.T) string {
	t.Helper()
	dir, bin := filepath.Join(t.TempDir(), "bad"), filepath.Join(t.TempDir(), "bad")
	c.does(t, "program", "new", dir)
	source, err := os.ReadFile("testdata/badprogram/main.go")
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "main.go"), source, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", bin, ".")
	build.Dir, build.Env = dir, append(os.Environ(), "CGO_ENABLED=0", "GOPROXY=off")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return bin
}

// badPrograms has each of them end in one line and its exit code.
func (c *cluster) badPrograms(t *testing.T, bad string) {
	t.Helper()
	for _, row := range []struct {
		what  string
		flags []string
		code  int
		want  []string // in the line
	}{
		{"panic", []string{"--peers", "4"}, job.ExitFailed, []string{"panic: runtime error: index out of range [4] with length 0"}},
		{"exit", []string{"--peers", "4", "--max-attempts", "1"}, job.ExitFailed, []string{"task 0 exited with code 3"}},
		{"error", []string{"--peers", "4", "--max-attempts", "1"}, job.ExitFailed, []string{"peer 0: this program never works"}},
		{"background", []string{"--peers", "4", "--max-attempts", "1"}, job.ExitFailed, []string{"exited with code 2", "panic: in the background"}},
		{"nonsense", []string{"--peers", "1", "--max-attempts", "1"}, job.ExitFailed, []string{"task 0 sent what is no message"}},
		{"asleep", []string{"--peers", "4", "--timeout", "1s"}, job.ExitTimedOut, []string{"timed out"}},
		{"hang", []string{"--peers", "4", "--timeout", "1s"}, job.ExitTimedOut, []string{"timed out"}},
		{"spin", []string{"--peers", "4", "--timeout", "1s"}, job.ExitTimedOut, []string{"timed out"}},
		{"spin", []string{"--peers", "2", "--tasks", "1", "--timeout", "1s"}, job.ExitTimedOut, []string{"timed out"}},
		{"send", []string{"--peers", "1", "--memory", "256MiB", "--max-attempts", "1"}, job.ExitFailed, []string{"spill messages to ", "more than may wait on disk"}},
		{"allocate", []string{"--peers", "1", "--memory", "256MiB", "--max-attempts", "1"}, job.ExitFailed, []string{"used more than its 256 MiB of memory", "--memory"}},
	} {
		t.Run(row.what, func(t *testing.T) {
			out := filepath.Join(filepath.Dir(c.data), "out") // leftovers looks here
			args := append([]string{"job", "submit", "--output", out}, row.flags...)
			r := c.command(t, nil, append(args, bad, "--", row.what)...).ends(t, row.code, row.want...)
			if r.stdout.Len() > 0 {
				t.Errorf("printed %q", r.stdout.String())
			}
			if _, err := os.Stat(out); err == nil {
				t.Errorf("the failed job has an output")
			}
			c.goesOn(t)
		})
	}
}

// flood has a task print 2 GB: the log stays within its bound, and ends with
// what was printed last.
func (c *cluster) flood(t *testing.T, bad string) {
	t.Helper()
	id := strings.TrimSpace(c.does(t, "job", "submit", "-d", "--peers", "1", bad, "--", "flood", strconv.Itoa(2<<30)))
	c.does(t, "job", "wait", id)
	const most = 64 << 20
	for _, pattern := range []string{"g*/logs/" + id + "/*", "store/logs/" + id + "/*"} {
		var size int64
		c.until(t, pattern+" is there", func() bool { // the store's copy follows the end of the task
			size = sizeOf(t, filepath.Join(c.data, pattern))
			return size > 0
		})
		if size > most {
			t.Errorf("%s: %d bytes", pattern, size)
		}
	}
	logs := c.does(t, "job", "logs", id)
	if len(logs) == 0 || len(logs) > most || !strings.HasSuffix(logs, "\nthe end\n") {
		t.Errorf("%d bytes of logs that end with %q", len(logs), tail(logs, 80))
	}
	c.goesOn(t)
}

// sizeOf adds up the sizes of files.
func sizeOf(t *testing.T, pattern string) (size int64) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if info, err := os.Stat(f); err == nil {
			size += info.Size()
		}
	}
	return size
}
