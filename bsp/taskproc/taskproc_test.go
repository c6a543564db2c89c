package taskproc_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"scalar/bsp/taskproc"
	"scalar/bsp/wire"
	"scalar/internal/pack"
)

// TestMain makes the test binary its own task: BSP_TEST_ROLE says what it does.
func TestMain(m *testing.M) {
	if os.Getenv("BSP_TASK") == "1" {
		task(os.Getenv("BSP_TEST_ROLE"))
	}
	goleak.VerifyTestMain(m)
}

func task(role string) {
	conn, err := net.FileConn(os.NewFile(3, "owner"))
	if err != nil {
		os.Exit(90)
	}
	var m wire.ToTask
	if err := pack.ReadFrame(conn, pack.MaxOrders, &m); err != nil || m.Start == nil {
		os.Exit(91)
	}
	_ = pack.WriteFrame(conn, wire.FromTask{Address: &wire.Address{Addr: m.Start.Name}})
	switch role {
	case "exit":
		os.Exit(3)
	case "escape": // a child in a group, and one in a session, of their own
		for _, cmd := range []string{"exec setsid sleep 1000", "set -m; sleep 1000 & sleep 1000"} {
			c := exec.CommandContext(context.Background(), "sh", "-c", cmd)
			c.Env = append(os.Environ(), "BSP_TEST_MARK="+strconv.Itoa(os.Getpid()))
			_ = c.Start()
		}
	case "child": // leaves a child in its group that would live long
		_ = exec.CommandContext(context.Background(), "sleep", "1000").Start()
	}
	_ = pack.ReadFrame(conn, pack.MaxOrders, &m) // until the lifeline ends
	os.Exit(0)
}

func start(t *testing.T, role string) *taskproc.Proc {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	p, err := taskproc.Start(t.Context(), taskproc.Config{Path: exe, Env: []string{"BSP_TEST_ROLE=" + role, "PATH=" + os.Getenv("PATH")}, Stdout: &out, Stderr: &out})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Send(wire.ToTask{Start: &wire.TaskStart{Name: "hello"}}); err != nil {
		t.Fatal(err)
	}
	if m, err := p.Recv(); err != nil || m.Address == nil || m.Address.Addr != "hello" {
		t.Fatalf("Recv = %+v, %v", m, err)
	}
	return p
}

func TestExitCode(t *testing.T) {
	p := start(t, "exit")
	if _, err := p.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("Recv of a dead task: %v, want EOF", err)
	}
	exit, err := p.Wait()
	if err != nil || exit.Code() != 3 || exit.Signal() != 0 || exit.String() != "exited with code 3 before it finished" {
		t.Errorf("Wait = %v, %v", exit, err)
	}
}

func TestKillEndsTheGroup(t *testing.T) {
	p := start(t, "child")
	eventually(t, p, group, "the child runs", func(n int) bool { return n >= 2 })
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	exit, err := p.Wait()
	if err != nil || exit.Signal() != syscall.SIGKILL || exit.String() != "was killed (signal: killed)" {
		t.Errorf("Wait = %v, %v", exit, err)
	}
	eventually(t, p, group, "nothing is left", func(n int) bool { return n == 0 })
}

// A process that cannot be killed does not save the others.
func TestKillGoesOn(t *testing.T) {
	p := start(t, "escape")
	eventually(t, p, marked, "four children run", func(n int) bool { return n >= 4 })
	spared := 0
	err := taskproc.KillFamily(p.PID(), func(pid int, s unix.Signal) error {
		if spared == 0 && pid > 0 {
			spared = pid
		}
		if pid == spared {
			return unix.EPERM
		}
		return unix.Kill(pid, s)
	})
	if !errors.Is(err, unix.EPERM) || strings.Count(err.Error(), "operation not permitted") != 1 || !strings.Contains(err.Error(), strconv.Itoa(spared)) {
		t.Errorf("%v", err)
	}
	eventually(t, p, marked, "only the spared one is left", func(n int) bool { return n <= 1 }) // the others are on their way
	if err := p.Kill(); err != nil {
		t.Error(err)
	}
	_ = unix.Kill(spared, unix.SIGKILL) // its parent has ended: it may be nobody's by now
	if _, err := p.Wait(); err != nil {
		t.Error(err)
	}
}

// Children that changed their group or session end too, as long as their parents
// can be told.
func TestKillEndsEscaped(t *testing.T) {
	p := start(t, "escape")
	eventually(t, p, marked, "setsid's sleep, the shell and its two run", func(n int) bool { return n >= 4 })
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Wait(); err != nil {
		t.Fatal(err)
	}
	eventually(t, p, marked, "nothing is left", func(n int) bool { return n == 0 })
}

// eventually waits until there are as many of a task's processes as is wanted.
func eventually(t *testing.T, p *taskproc.Proc, list func(*testing.T, int) []string, what string, ok func(n int) bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		now := list(t, p.PID())
		if ok(len(now)) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("not within a minute: %s, but %v", what, now)
		}
	}
}

// marked lists the living processes that the task's children are.
func marked(t *testing.T, pid int) []string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, f := range files {
		if b, err := os.ReadFile(f); err == nil && bytes.Contains(b, []byte("BSP_TEST_MARK="+strconv.Itoa(pid)+"\x00")) {
			found = append(found, f)
		}
	}
	return found
}

// group lists the living processes of a group, zombies left out.
func group(t *testing.T, pgid int) []string {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	var pids []string
	for _, e := range entries {
		stat, err := os.ReadFile("/proc/" + e.Name() + "/stat")
		if err != nil {
			continue
		}
		_, rest, _ := strings.Cut(string(stat), ") ")
		f := strings.Fields(rest) // state, ppid, pgrp, …
		if len(f) > 2 && f[0] != "Z" && f[2] == strconv.Itoa(pgid) {
			pids = append(pids, e.Name())
		}
	}
	return pids
}

func TestContextEndsTheTask(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p, err := taskproc.Start(ctx, taskproc.Config{Path: exe, Env: []string{"BSP_TEST_ROLE=wait"}})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if exit, err := p.Wait(); err != nil || exit.Signal() != syscall.SIGKILL {
		t.Errorf("Wait = %v, %v", exit, err)
	}
}

func TestStartMissing(t *testing.T) {
	if _, err := taskproc.Start(t.Context(), taskproc.Config{Path: "/does/not/exist"}); err == nil {
		t.Error("started a file that is not there")
	}
}

// Once the process is reaped its number may be another's: Kill leaves that alone.
func TestKillAfterWait(t *testing.T) {
	p := start(t, "exit")
	for {
		if _, err := p.Recv(); err != nil {
			break
		}
	}
	if _, err := p.Wait(); err != nil {
		t.Fatal(err)
	}
	for range 100 { // other processes of the machine may take the number before us
		if err := os.WriteFile("/proc/sys/kernel/ns_last_pid", []byte(strconv.Itoa(p.PID()-1)), 0); err != nil {
			t.Skip("the next process's number cannot be chosen:", err)
		}
		other := exec.CommandContext(t.Context(), "sleep", "1000")
		other.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := other.Start(); err != nil {
			t.Fatal(err)
		}
		if other.Process.Pid != p.PID() {
			_ = other.Process.Kill()
			_ = other.Wait()
			continue
		}
		err := p.Kill()
		ended := make(chan error, 1)
		go func() { ended <- other.Wait() }()
		select {
		case how := <-ended:
			t.Errorf("Kill after Wait ended another process: %v", how)
		case <-time.After(100 * time.Millisecond):
			_ = other.Process.Kill()
			<-ended
		}
		if err != nil {
			t.Error(err)
		}
		return
	}
	t.Skip("no process got the number again")
}
