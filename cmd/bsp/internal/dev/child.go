package dev

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// child is one daemon of the cluster.
type child struct {
	name     string
	args     []string // of bsp
	log      string   // path
	pid      string   // path of the file that holds its process id while it lives
	exe      string
	lifeline *os.File // reading end, inherited
	logger   *slog.Logger
}

const (
	endLimit    = time.Second            // from SIGTERM to SIGKILL: all must end within 2 s
	restartWait = 50 * time.Millisecond  // until the first restart
	restartMax  = 800 * time.Millisecond // a child that keeps dying: still back within 1 s
	healthy     = 5 * time.Second        // a child that lived so long did not die of its start
)

// run keeps the child alive until ctx ends, and ends it then. It returns an error only
// where the child cannot be started for the first time: later that is for a while, as
// long as the machine has no process to spare, or the binary is being built anew.
func (c *child) run(ctx context.Context) error {
	wait := restartWait
	for first := true; ; first = false {
		start := time.Now()
		state, err := c.once(ctx)
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // an end in order
		case err != nil && first:
			return err
		case err != nil:
			c.logger.Warn("a daemon cannot be started again now", "name", c.name, "error", err)
		default:
			c.logger.Warn("a daemon died and is started again", "name", c.name, "end", state, "log", c.log, "last", c.lastLine())
		}
		if time.Since(start) > healthy {
			wait = restartWait
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
		wait = min(2*wait, restartMax)
	}
}

// once runs the child to its end.
func (c *child) once(ctx context.Context) (string, error) {
	log, err := os.OpenFile(c.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return "", err
	}
	defer log.Close() //nolint:errcheck // the child has its own descriptor
	cmd := exec.CommandContext(ctx, c.exe, c.args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = endLimit
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = []*os.File{c.lifeline}
	cmd.Env = append(plainEnv(os.Environ()), LifelineEnv+"=3")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return "", fmt.Errorf("start %s: %w", c.name, err)
	}
	if err := writePID(c.pid, cmd.Process.Pid); err != nil {
		c.logger.Warn("process id is not written", "name", c.name, "error", err)
	}
	_ = cmd.Wait() // how it ended is in ProcessState
	_ = os.Remove(c.pid)
	return cmd.ProcessState.String(), nil
}

// writePID writes a process id by rename: who reads the file finds a whole one.
func writePID(path string, pid int) error {
	tmp := path + ".tmp"
	if err := os.WriteFile(tmp, []byte(strconv.Itoa(pid)+"\n"), 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

// plainEnv drops what is meant for the person's own bsp: a BSP_DATA of theirs
// is not the data folder of a daemon.
func plainEnv(environ []string) []string {
	var kept []string
	for _, kv := range environ {
		if !strings.HasPrefix(kv, "BSP_") {
			kept = append(kept, kv)
		}
	}
	return kept
}

// lastLine returns the last line of the child's log.
func (c *child) lastLine() string {
	f, err := os.Open(c.log)
	if err != nil {
		return ""
	}
	defer f.Close() //nolint:errcheck // read only
	const tail = 2048
	if info, err := f.Stat(); err == nil && info.Size() > tail {
		if _, err := f.Seek(-tail, io.SeekEnd); err != nil {
			return ""
		}
	}
	b, _ := io.ReadAll(io.LimitReader(f, tail)) // a hint only
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return lines[len(lines)-1]
}
