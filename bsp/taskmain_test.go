package bsp_test

import (
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"scalar/bsp/job"
	"scalar/bsp/taskproc"
	"scalar/bsp/wire"
	"scalar/internal/pack"
	"scalar/internal/pki"
)

// crew is task processes as a groom has them.
type crew struct {
	procs []*taskproc.Proc
	addrs []string
}

// launch starts n task processes of one peer each and gives them their orders.
func launch(t *testing.T, n int, change func(s *wire.TaskStart)) *crew {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := &crew{}
	for i := range n {
		s := wire.TaskStart{
			Key: wire.TaskKey{Job: "ring-7", Epoch: 3, Task: i}, Builtin: "ring", Args: []string{"50"}, DataPlane: wire.PlaneTCP, Listen: "127.0.0.1",
			OutputTmp: t.TempDir() + "/out",
		}
		for j := range n {
			s.Ranges, s.Hosts = append(s.Ranges, job.Range{Lo: j, Hi: j + 1}), append(s.Hosts, "localhost")
		}
		change(&s)
		p, err := taskproc.Start(t.Context(), taskproc.Config{Path: exe, Env: os.Environ(), Stderr: os.Stderr})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = p.Kill()
			_, _ = p.Wait()
		})
		if err := p.Send(wire.ToTask{Start: &s}); err != nil {
			t.Fatal(err)
		}
		c.procs = append(c.procs, p)
	}
	return c
}

// connect waits for all addresses and tells them.
func (c *crew) connect(t *testing.T) {
	t.Helper()
	for _, p := range c.procs {
		m, err := p.Recv()
		if err != nil || m.Address == nil {
			t.Fatalf("%+v, %v", m, err)
		}
		c.addrs = append(c.addrs, m.Address.Addr)
	}
	for _, p := range c.procs {
		if err := p.Send(wire.ToTask{Connect: &wire.Connect{Addrs: c.addrs}}); err != nil {
			t.Fatal(err)
		}
	}
}

// last returns a task's last word, or LinkLost.
func last(t *testing.T, p *taskproc.Proc) wire.FromTask {
	t.Helper()
	for {
		m, err := p.Recv()
		if err != nil {
			t.Fatal(err)
		}
		if m.Done != nil || m.Failed != nil || m.LinkLost != nil {
			return m
		}
	}
}

func TestTaskMain(t *testing.T) {
	attempt, err := pki.NewAttempt("ring-7", 3, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, plane := range []wire.DataPlane{wire.PlaneTCP, wire.PlaneTLS, wire.PlaneUnix} {
		dir, err := os.MkdirTemp("", "bsp-t") //nolint:usetesting // t.TempDir is too long for a socket
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
		c := launch(t, 3, func(s *wire.TaskStart) {
			s.DataPlane = plane
			switch plane {
			case wire.PlaneTCP:
			case wire.PlaneUnix:
				s.Listen = dir
			case wire.PlaneTLS:
				pair, err := attempt.Task(s.Key.Task, "127.0.0.1")
				if err != nil {
					t.Fatal(err)
				}
				s.Credentials = &wire.Credentials{CA: attempt.CertPEM(), Cert: pair.Cert, Key: pair.Key}
			}
		})
		c.connect(t)
		for i, p := range c.procs {
			m := last(t, p)
			if m.Done == nil || m.Done.Supersteps != 50 || len(m.Done.Parts) != 1 || m.Done.Parts[0].Peer != i || m.Done.Counters["sent"] != 50 {
				t.Errorf("%s: task %d: %+v", plane, i, m)
			}
			if _, err := p.Recv(); !errors.Is(err, io.EOF) {
				t.Errorf("%s: after the last word: %v", plane, err)
			}
		}
	}
}

// A lone task does not listen and needs no credentials.
func TestTaskMainAlone(t *testing.T) {
	c := launch(t, 1, func(s *wire.TaskStart) { s.DataPlane = wire.PlaneTLS })
	c.connect(t)
	if m := last(t, c.procs[0]); m.Done == nil {
		t.Errorf("%+v", m)
	}
}

func TestTaskMainFaults(t *testing.T) {
	for want, change := range map[string]func(s *wire.TaskStart){
		"no test program":     func(s *wire.TaskStart) { s.Builtin = "nothing" },
		"unknown data plane":  func(s *wire.TaskStart) { s.DataPlane = "pigeon" },
		"no credentials":      func(s *wire.TaskStart) { s.DataPlane = wire.PlaneTLS },
		"no order to start":   func(s *wire.TaskStart) { s.Key.Task = 9 },
		"no such file or dir": func(s *wire.TaskStart) { s.DataPlane, s.Listen = wire.PlaneUnix, "/does/not/exist" },
	} {
		m := last(t, launch(t, 2, change).procs[0])
		if m.Failed == nil || !strings.Contains(m.Failed.Message, want) {
			t.Errorf("%+v, want %q", m.Failed, want)
		}
	}
}

// A task that loses another says so and stays: the cause is elsewhere. Its groom
// ends it.
func TestTaskMainLinkLost(t *testing.T) {
	c := launch(t, 2, func(s *wire.TaskStart) { s.Args = []string{"1000000", "1"} })
	c.connect(t)
	for { // until it computes
		m, err := c.procs[0].Recv()
		if err != nil {
			t.Fatal(err)
		}
		if m.Progress != nil && m.Progress.Superstep > 0 {
			break
		}
	}
	if err := c.procs[1].Kill(); err != nil {
		t.Fatal(err)
	}
	m := last(t, c.procs[0])
	if m.LinkLost == nil || m.LinkLost.Kind != job.FaultLink || m.LinkLost.Task != 0 || !strings.Contains(m.LinkLost.Message, "task 1") {
		t.Fatalf("%+v", m)
	}
	if err := c.procs[0].Send(wire.ToTask{Stop: true}); err != nil {
		t.Fatal(err)
	}
	if m, err := c.procs[0].Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("%+v, %v", m, err)
	}
}

// A task ends when its groom's end of the socket does, whatever its program does.
func TestTaskMainHangup(t *testing.T) {
	for _, how := range []string{"idle", "hang"} {
		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		ours, theirs := os.NewFile(uintptr(fds[0]), "ours"), os.NewFile(uintptr(fds[1]), "theirs")
		conn, err := net.FileConn(ours)
		if err = errors.Join(err, ours.Close()); err != nil {
			t.Fatal(err)
		}
		exe, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), exe)
		cmd.Env, cmd.ExtraFiles = append(os.Environ(), taskproc.Environ), []*os.File{theirs}
		if err := errors.Join(cmd.Start(), theirs.Close()); err != nil {
			t.Fatal(err)
		}
		if how == "hang" {
			s := wire.TaskStart{Key: wire.TaskKey{Job: "fault-1", Epoch: 1}, Builtin: "fault", Args: []string{"hang"}, Ranges: []job.Range{{Hi: 2}}}
			for _, m := range []wire.ToTask{{Start: &s}, {Connect: &wire.Connect{Addrs: []string{"alone"}}}} {
				if err := pack.WriteFrame(conn, m); err != nil {
					t.Fatal(err)
				}
			}
			var m wire.FromTask
			for m.Progress == nil || m.Progress.Superstep < 5 {
				if err := pack.ReadFrame(conn, pack.MaxOrders, &m); err != nil {
					t.Fatal(err)
				}
			}
		}
		began := time.Now()
		if err := conn.Close(); err != nil {
			t.Fatal(err)
		}
		err = cmd.Wait()
		if took := time.Since(began); took > 12*time.Second || cmd.ProcessState.ExitCode() != job.ExitStopped {
			t.Errorf("%s: ended after %v: %v", how, took, err)
		}
	}
}
