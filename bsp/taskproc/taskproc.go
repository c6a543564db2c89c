package taskproc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"scalar/bsp/wire"
	"scalar/internal/pack"
)

// Environ is the variable that tells a process that it is a task.
const Environ = "BSP_TASK=1"

// Config says what to start.
type Config struct {
	Path   string                     // the executable
	Args   []string                   // without the program's name
	Env    []string                   // the whole environment; Environ is added
	Dir    string                     // working folder; empty: the owner's
	Stdout io.Writer                  // nil: discarded. An *os.File is inherited, anything else is copied to
	Stderr io.Writer                  // as Stdout
	Adjust func(*syscall.SysProcAttr) // may change how it is started (user, cgroup); nil: nothing
}

// Proc is a started task process. Send, Kill and PID are safe for concurrent
// use; Recv is called by one goroutine, and Wait once.
type Proc struct {
	cmd  *exec.Cmd
	conn net.Conn

	mu sync.Mutex // held while a frame is written

	killing sync.Mutex // guards reaped, and is held while processes are killed
	reaped  bool       // the process's number may be another's by now
}

// Start starts the process, from the calling thread: what that has given up, the
// task has not either. When ctx ends the process is killed.
func Start(ctx context.Context, cfg Config) (*Proc, error) {
	ours, theirs, err := socketpair()
	if err != nil {
		return nil, fmt.Errorf("socket for task: %w", err)
	}
	defer func() { _ = theirs.Close() }() // the child has its own copy
	conn, err := net.FileConn(ours)
	if err := errors.Join(err, ours.Close()); err != nil {
		return nil, fmt.Errorf("socket for task: %w", err)
	}

	p := &Proc{conn: conn, cmd: exec.CommandContext(ctx, cfg.Path, cfg.Args...)}
	p.cmd.Env = append(slices.Clip(cfg.Env), Environ)
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = cfg.Dir, cfg.Stdout, cfg.Stderr
	p.cmd.ExtraFiles = []*os.File{theirs}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	p.cmd.WaitDelay = time.Second // an escaped child may keep stdout open
	p.cmd.Cancel = func() error { return p.Kill() }
	if cfg.Adjust != nil {
		cfg.Adjust(p.cmd.SysProcAttr)
	}
	if err := p.cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start task: %w", err), conn.Close())
	}
	return p, nil
}

// socketpair returns both ends of a stream socket; neither survives an exec but
// by ExtraFiles. The first is non-blocking, for the runtime's poller.
func socketpair() (ours, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	if err := unix.SetNonblock(fds[0], true); err != nil {
		return nil, nil, errors.Join(err, unix.Close(fds[0]), unix.Close(fds[1]))
	}
	return os.NewFile(uintptr(fds[0]), "task"), os.NewFile(uintptr(fds[1]), "owner"), nil
}

// PID returns the process id, which is also that of its session and group.
func (p *Proc) PID() int { return p.cmd.Process.Pid }

// sendTime is how long a task may take to read a message: it has a goroutine for
// that, so that more means that it hangs or was stopped.
const sendTime = 5 * time.Second

// Send writes one message to the task. It fails if the task does not take it
// within 5 s, or has ended.
func (p *Proc) Send(m wire.ToTask) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	err := p.conn.SetWriteDeadline(time.Now().Add(sendTime))
	if err == nil {
		err = pack.WriteFrame(p.conn, m)
	}
	if err != nil {
		return fmt.Errorf("send to task process %d: %w", p.PID(), err)
	}
	return nil
}

// Recv reads the task's next message. It returns io.EOF when the task has closed
// its end, in order or by dying.
func (p *Proc) Recv() (wire.FromTask, error) {
	var m wire.FromTask
	err := pack.ReadFrame(p.conn, pack.MaxOrders, &m)
	if errors.Is(err, syscall.ECONNRESET) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF // it died between or within messages
	}
	return m, err
}

// Wait waits for the process's end, kills what is left of its session, and closes
// the socket: what the task said last is lost unless Recv has returned io.EOF
// before. It must be called once for every started process.
func (p *Proc) Wait() (Exit, error) {
	p.AwaitExit()
	p.killing.Lock()
	err := killFamily(p.PID(), unix.Kill) // until Wait below the number is its own
	p.reaped = true
	p.killing.Unlock()
	err = errors.Join(err, ignoreExit(p.cmd.Wait()), p.conn.Close())
	status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !ok {
		return Exit{}, errors.Join(err, errors.New("no wait status"))
	}
	return Exit{status}, err
}

// AwaitExit returns when the process has ended, without reaping it: its number
// stays its own until Wait. Safe for concurrent use.
func (p *Proc) AwaitExit() {
	for errors.Is(unix.Waitid(unix.P_PID, p.PID(), nil, unix.WEXITED|unix.WNOWAIT, nil), unix.EINTR) {
	}
}

// ignoreExit drops what Wait says about how the process ended: Exit tells that.
func ignoreExit(err error) error {
	if _, ok := errors.AsType[*exec.ExitError](err); ok || errors.Is(err, exec.ErrWaitDelay) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}

// Exit is how a process ended.
type Exit struct{ status syscall.WaitStatus }

// Code returns the exit code, -1 if a signal ended it.
func (e Exit) Code() int { return e.status.ExitStatus() }

// Signal returns the signal that ended it, 0 if it exited.
func (e Exit) Signal() syscall.Signal {
	if e.status.Signaled() {
		return e.status.Signal()
	}
	return 0
}

// String says how a process ended, to follow "task 1".
func (e Exit) String() string {
	if s := e.Signal(); s != 0 {
		return fmt.Sprintf("was killed (signal: %s)", s)
	}
	return fmt.Sprintf("exited with code %d before it finished", e.Code())
}
