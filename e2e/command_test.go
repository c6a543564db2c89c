//go:build e2e

package e2e_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// command is a run of bsp as a person types it.
type command struct {
	*exec.Cmd
	stdout, stderr bytes.Buffer
}

// command prepares a run of bsp against the cluster; env changes its environment.
func (c *cluster) command(t *testing.T, env []string, args ...string) *command {
	t.Helper()
	r := &command{Cmd: c.cmd(t.Context(), args)}
	r.Env = append(append(r.Env, "GOPROXY=off"), env...)
	r.Stdout, r.Stderr = &r.stdout, &r.stderr
	return r
}

// ends runs or waits for the command and checks its exit code. A failure must
// have exactly one error line, which has each of the wanted words.
func (r *command) ends(t *testing.T, code int, want ...string) *command {
	t.Helper()
	start := time.Now()
	run := r.Wait
	if r.Process == nil {
		run = r.Run
	}
	limit := time.AfterFunc(2*patience, func() { _ = r.Process.Kill() })
	defer limit.Stop()
	if err := run(); err != nil && r.ProcessState == nil {
		t.Fatal(err)
	}
	what := fmt.Sprintf("%s: exit %d after %.2f s", strings.Join(r.Args, " "), r.ProcessState.ExitCode(), time.Since(start).Seconds())
	if got := r.ProcessState.ExitCode(); got != code {
		t.Errorf("%s, want %d\n%s", what, code, tail(r.stderr.String(), 4<<10))
	}
	var lines []string
	for line := range strings.Lines(r.stderr.String()) {
		if strings.HasPrefix(line, "bsp: ") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	switch {
	case code == 0 && len(lines) > 0:
		t.Errorf("%s: errors of a success: %q", what, lines)
	case code == 0:
	case len(lines) != 1 || len(lines[0]) > 500:
		t.Errorf("%s: %d error lines, want one\n%s", what, len(lines), tail(r.stderr.String(), 4<<10))
	default:
		for _, w := range want {
			if !strings.Contains(lines[0], w) {
				t.Errorf("%s: no %q in %q", what, w, lines[0])
			}
		}
		t.Logf("exit %d after %.2f s, %s", code, time.Since(start).Seconds(), lines[0])
	}
	return r
}

// does runs bsp, which must succeed, and returns what it printed.
func (c *cluster) does(t *testing.T, args ...string) string {
	t.Helper()
	return c.command(t, nil, args...).ends(t, 0).stdout.String()
}

// goesOn checks that the cluster still runs jobs on all its slots, and that
// what ran before has left nothing.
func (c *cluster) goesOn(t *testing.T) {
	t.Helper()
	if out := c.does(t, "job", "submit", "--peers", "4", "pi", "--", "--samples", "1000"); !strings.HasPrefix(out, "pi\t3.") {
		t.Errorf("pi is %q", out)
	}
	c.clean(t)
}

// clean waits until no job has anything left on this machine: processes, task
// folders, cgroups, checkpoints or unfinished output.
func (c *cluster) clean(t *testing.T) {
	t.Helper()
	var left []string
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		if left = c.leftovers(t); len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("left after %s:\n%s", patience, strings.Join(left, "\n"))
			return
		}
	}
}

func (c *cluster) leftovers(t *testing.T) []string {
	t.Helper()
	left := processes("BSP_TASK_DIR=" + c.data)
	for _, pattern := range []string{"g*/tasks/*", "store/checkpoints/*", "store/results/*.tmp-*", "../*.tmp-*"} {
		found, err := filepath.Glob(filepath.Join(c.data, pattern))
		if err != nil {
			t.Fatal(err)
		}
		left = append(left, found...)
	}
	return append(left, c.cgroups(false)...)
}

// cgroups returns the control groups of the cluster's tasks and, where the cluster
// is over, those of its grooms.
func (c *cluster) cgroups(over bool) (found []string) {
	own := map[string]bool{} // the grooms' folders
	for i := range c.grooms {
		name := fmt.Sprintf("g%d", i+1)
		sum := sha256.Sum256([]byte(filepath.Join(c.data, name)))
		own["bsp-"+name+"-"+hex.EncodeToString(sum[:4])] = true
	}
	_ = filepath.WalkDir("/sys/fs/cgroup", func(path string, d fs.DirEntry, err error) error { // groups come and go
		if err == nil && d.IsDir() && (own[filepath.Base(filepath.Dir(path))] || over && own[filepath.Base(path)]) {
			found = append(found, path)
		}
		return nil
	})
	return found
}
