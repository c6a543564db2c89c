package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A served is a server under load: a process, or a group of them.
type served struct {
	name  string
	url   string // of the predictions
	ready string // a URL that answers 200 once the server is ready; empty: it writes that it is
	log   string // file that takes what it writes

	workers int // of a peer

	cmd   *exec.Cmd
	ended chan struct{} // closed when the process has ended
	exit  error         // of it, then
}

// onCore returns the command that runs another on one core.
func onCore(core int, exe string, args ...string) []string {
	return append([]string{"taskset", "-c", strconv.Itoa(core), exe}, args...)
}

// startServer runs a server's command and waits until it is ready.
func (h *harness) startServer(ctx context.Context, s *served, env []string, command ...string) error {
	h.outputs++
	s.log = filepath.Join(h.scratch, "server-"+strconv.Itoa(h.outputs)+".log")
	out, err := os.Create(s.log)
	if err != nil {
		return err
	}
	defer out.Close() //nolint:errcheck // the process has its own
	s.cmd = exec.CommandContext(ctx, command[0], command[1:]...)
	s.cmd.Env = append(plainEnv(), env...)
	s.cmd.Stdout, s.cmd.Stderr = out, out
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a peer's workers end with it
	if err := s.cmd.Start(); err != nil {
		return err
	}
	s.ended = make(chan struct{})
	go func() {
		s.exit = s.cmd.Wait()
		close(s.ended)
	}()
	return s.await(ctx)
}

func (s *served) await(ctx context.Context) error {
	client := &http.Client{Timeout: 2 * time.Second}
	for start := time.Now(); time.Since(start) < 90*time.Second; time.Sleep(5 * time.Millisecond) {
		select {
		case <-s.ended:
			return fmt.Errorf("%s ended at once: %w", s.name, errors.Join(s.exit, errors.New(s.last())))
		default:
		}
		if s.isReady(ctx, client) {
			return nil
		}
	}
	return errors.Join(fmt.Errorf("%s does not answer at %s: %s", s.name, s.ready, s.last()), s.stop())
}

func (s *served) isReady(ctx context.Context, client *http.Client) bool {
	if s.ready != "" {
		return answers(ctx, client, s.ready)
	}
	b, err := os.ReadFile(s.log)
	return err == nil && strings.Contains("\n"+string(b), "\nready: ")
}

// answers reports whether a URL answers 200.
func answers(ctx context.Context, client *http.Client, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return false
	}
	r, err := client.Do(req)
	if err != nil {
		return false
	}
	return r.Body.Close() == nil && r.StatusCode == http.StatusOK
}

// last returns the last line that a server wrote.
func (s *served) last() string {
	b, err := os.ReadFile(s.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return lines[len(lines)-1]
}

// stop ends a server and what it has started; after 10 s by force.
func (s *served) stop() error {
	if s.cmd == nil || s.cmd.Process == nil {
		return nil
	}
	group := -s.cmd.Process.Pid
	if err := syscall.Kill(group, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	select {
	case <-s.ended:
	case <-time.After(10 * time.Second):
	}
	if err := syscall.Kill(group, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return nil
}

// resident returns the memory that a server's process has now, MiB.
func (s *served) resident() (float64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, after, _ := strings.Cut(string(b), "VmRSS:")
	fields := strings.Fields(after)
	if len(fields) == 0 {
		return 0, fmt.Errorf("%s has no VmRSS", s.name)
	}
	kib, err := strconv.ParseFloat(fields[0], 64)
	return kib / 1024, err
}

// ours starts bsp serve; with a core it runs there.
func (h *harness) ours(ctx context.Context, port int, core []int, args ...string) (*served, error) {
	at := "127.0.0.1:" + strconv.Itoa(port)
	scheme := "https://"
	if slices.Contains(args, "--insecure") {
		scheme = "http://"
	}
	s := &served{name: "bsp serve", url: scheme + at + inferPath}
	command := append([]string{h.bsp, "serve", "--log-level", "error", "--listen", at}, args...)
	for _, c := range core {
		command = onCore(c, command[0], command[1:]...)
	}
	return s, h.startServer(ctx, s, nil, command...)
}
