package bsp

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"scalar/bsp/job"
	"scalar/bsp/wire"
	"scalar/internal/netx"
	"scalar/internal/pack"
	"scalar/internal/pki"
	"scalar/superstep"
)

const (
	taskEnv = "BSP_TASK" // set: this process is a task
	taskFD  = 3          // the socket to the groom

	// stopGrace is how long a program may go on after it was told to end.
	stopGrace = time.Second
	// lostGrace is how long a task that lost a link waits for its end: its groom
	// kills it as soon as the control loop knows the cause.
	lostGrace = 15 * time.Second
	// talkTime is how long the groom may take to read a message.
	talkTime = 10 * time.Second
)

var errStopped = errors.New("stopped by the groom")

// IsTask reports whether this process was started as a task.
func IsTask() bool { return os.Getenv(taskEnv) != "" }

// TaskMain is the whole life of a task process: it gets its orders on descriptor 3,
// runs its peers, and returns the code to exit with at once, since a program that
// ignores its context still runs then. lookup gives the runner of a built-in; in a
// user's binary the name is empty.
func TaskMain(lookup func(builtin string, args []string) (Runner, error)) int {
	// What the program starts is no task.
	if err := os.Unsetenv(taskEnv); err != nil {
		return complain(err)
	}
	file := os.NewFile(taskFD, "groom")
	conn, err := net.FileConn(file)
	if err = errors.Join(err, file.Close()); err != nil {
		return complain(fmt.Errorf("%s is set but descriptor %d is no socket: tasks are started by grooms: %w", taskEnv, taskFD, err))
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	m := &member{conn: conn, cancel: cancel, inbox: make(chan wire.ToTask, 4), stop: make(chan struct{}), failed: make(chan *job.Failure, 1)}
	go m.listen()
	return m.live(ctx, lookup)
}

// complain is for errors that no groom can be told of.
func complain(err error) int {
	fmt.Fprintln(os.Stderr, "bsp task:", err)
	return job.ExitInternal
}

// member is a task process towards its groom.
type member struct {
	conn   net.Conn
	cancel context.CancelCauseFunc
	inbox  chan wire.ToTask  // from listen, which closes it; a groom sends two messages
	stop   chan struct{}     // closed by listen when the task shall end at its next barrier
	failed chan *job.Failure // the first failure, from report; cap 1: nobody waits for its reader

	mu   sync.Mutex // guards writes to conn
	last bool       // Done or Failed was sent
	lost bool       // LinkLost was sent
}

// listen reads what the groom says; the end of the socket means the end.
func (m *member) listen() {
	defer close(m.inbox)
	defer m.cancel(errStopped)
	asked := false
	for {
		var msg wire.ToTask
		if err := pack.ReadFrame(m.conn, pack.MaxOrders, &msg); err != nil || msg.Stop {
			return
		}
		if msg.Barrier {
			if !asked {
				close(m.stop)
			}
			asked = true
			continue
		}
		select {
		case m.inbox <- msg:
		default: // more than was agreed
			return
		}
	}
}

// say sends a message; nothing but a trace follows a last word. What cannot be sent for itself,
// such as names of files over the limit, fails the task instead.
func (m *member) say(msg wire.FromTask) *job.Failure {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.last && msg.Trace == nil || m.lost && msg.LinkLost != nil {
		return nil
	}
	m.lost = m.lost || msg.LinkLost != nil
	m.last = m.last || msg.Done != nil || msg.Failed != nil
	err := m.write(msg)
	if err == nil {
		return nil
	}
	f := job.Fail(job.FaultInput, "the task cannot report to its groom: %v: use fewer peers a task or shorter paths", err)
	m.last = true
	_ = m.write(wire.FromTask{Failed: f}) // has room
	return f
}

// write sends a message and returns why it cannot be encoded. The groom reads always:
// an error of the socket means that it is gone, and ends the task.
func (m *member) write(msg wire.FromTask) error {
	var frame bytes.Buffer
	if err := pack.WriteFrame(&frame, msg); err != nil {
		return err
	}
	err := m.conn.SetWriteDeadline(time.Now().Add(talkTime))
	if err == nil {
		_, err = m.conn.Write(frame.Bytes())
	}
	if err != nil {
		m.cancel(errStopped)
	}
	return nil
}

// report passes RunTask's reports on.
func (m *member) report(msg wire.FromTask) {
	f := msg.Failed
	if unsaid := m.say(msg); unsaid != nil {
		f = unsaid
	}
	if f == nil {
		f = msg.LinkLost
	}
	if f != nil {
		select {
		case m.failed <- f:
		default:
		}
	}
}

// live runs the task and returns the process's exit code.
func (m *member) live(ctx context.Context, lookup func(string, []string) (Runner, error)) int {
	ended := make(chan error, 1)
	go func() { ended <- m.work(ctx, lookup) }() // not waited for: see TaskMain
	var err error
	select {
	case err = <-ended:
	case f := <-m.failed: // the other peers may be slow to notice
		err = f
		if f.Kind != job.FaultLink {
			await(ended, stopGrace)
		}
	case <-ctx.Done():
		err = context.Cause(ctx)
		await(ended, stopGrace)
	}
	f, ok := errors.AsType[*job.Failure](err)
	switch {
	case err == nil:
		return job.ExitOK
	case !ok:
		return job.ExitStopped
	case f.Kind == job.FaultLink:
		await(ctx.Done(), lostGrace)
		return job.ExitFailed
	}
	return f.Code
}

// await waits for c, but not for ever.
func await[T any](c <-chan T, limit time.Duration) {
	select {
	case <-c:
	case <-time.After(limit):
	}
}

// work is the task's way from its orders to its last word.
func (m *member) work(ctx context.Context, lookup func(string, []string) (Runner, error)) error {
	cfg, err := m.prepare(ctx, lookup)
	var done wire.TaskDone
	if err == nil {
		done, err = RunTask(ctx, cfg)
	}
	switch f, ok := errors.AsType[*job.Failure](err); {
	case err == nil:
		if f := m.say(wire.FromTask{Done: &done}); f != nil {
			return f
		}
	case ok && ctx.Err() == nil: // said already if RunTask came so far
		_ = m.say(failureReport(f)) // is clipped
	}
	return err
}

// prepare gets the orders and connects the task with the others.
func (m *member) prepare(ctx context.Context, lookup func(string, []string) (Runner, error)) (TaskConfig, error) {
	first, err := m.next(ctx)
	if err != nil {
		return TaskConfig{}, err
	}
	start := first.Start
	if start == nil || start.Key.Task < 0 || start.Key.Task >= len(start.Ranges) {
		return TaskConfig{}, m.fail(start, job.FaultInternal, errors.New("the first message is no order to start"))
	}
	cfg := TaskConfig{Start: *start, Report: m.report, Stop: m.stop, TLS: start.DataPlane == wire.PlaneTLS}
	if cfg.Runner, err = lookup(start.Builtin, start.Args); err != nil {
		return cfg, m.fail(start, job.FaultInput, err) // no other attempt can mend options
	}
	if err := bind(start); err != nil {
		return cfg, m.fail(start, job.FaultInput, err)
	}
	mesh, err := m.mesh(ctx, start)
	if err != nil {
		return cfg, m.fail(start, job.FaultGroom, err)
	}
	addr := "alone"
	if mesh.Listener != nil {
		addr = mesh.Listener.Addr().String()
	}
	if f := m.say(wire.FromTask{Address: &wire.Address{Addr: addr}}); f != nil {
		return cfg, f
	}
	second, err := m.next(ctx)
	if err != nil {
		return cfg, err
	}
	if second.Connect == nil || len(second.Connect.Addrs) != len(start.Ranges) {
		return cfg, m.fail(start, job.FaultInternal, fmt.Errorf("the second message gives no addresses of %d tasks", len(start.Ranges)))
	}
	if mesh.Listener == nil {
		return cfg, nil
	}
	mesh.dialTo(second.Connect.Addrs)
	if cfg.Conns, err = mesh.Connect(ctx, len(start.Ranges)); err != nil {
		if ctx.Err() != nil {
			return cfg, context.Cause(ctx)
		}
		return cfg, m.fail(start, job.FaultLink, err)
	}
	return cfg, nil
}

func (m *member) next(ctx context.Context) (wire.ToTask, error) {
	select {
	case msg, ok := <-m.inbox:
		if ok {
			return msg, nil
		}
		return msg, errStopped
	case <-ctx.Done():
		return wire.ToTask{}, context.Cause(ctx)
	}
}

func (m *member) fail(start *wire.TaskStart, kind job.FailureKind, err error) error {
	f := job.AsFailure(err, kind).Clipped()
	if start != nil {
		f.Task = start.Key.Task
	}
	return f
}

// taskMesh is a superstep.Mesh over one data plane.
type taskMesh struct {
	superstep.Mesh
	plane  wire.DataPlane
	client *tls.Config
}

// mesh listens where the others can reach this task; a lone task does not.
func (m *member) mesh(ctx context.Context, start *wire.TaskStart) (*taskMesh, error) {
	mesh := &taskMesh{plane: start.DataPlane}
	mesh.Job, mesh.Epoch, mesh.Task = jobHash(start.Key.Job), uint32(start.Key.Epoch), start.Key.Task
	if len(start.Ranges) == 1 {
		return mesh, nil
	}
	var err error
	switch start.DataPlane {
	case wire.PlaneUnix:
		var lc net.ListenConfig
		mesh.Memory = linkMemory(len(start.Ranges))
		mesh.Listener, err = lc.Listen(ctx, "unix", filepath.Join(strings.TrimPrefix(start.Listen, "file://"), fmt.Sprintf("t%d", start.Key.Task)))
		return mesh, err
	case wire.PlaneTCP:
		mesh.Listener, err = netx.Listen(ctx, netx.Join(start.Listen, 0))
		return mesh, err
	case wire.PlaneTLS:
	default:
		return nil, fmt.Errorf("unknown data plane %q: run one version of bsp everywhere", start.DataPlane)
	}
	cred := start.Credentials
	if cred == nil {
		return nil, errors.New("no credentials came with the order to start")
	}
	server, client, err := pki.TaskTLS(cred.CA, cred.Cert, cred.Key, string(start.Key.Job), uint32(start.Key.Epoch))
	if err != nil {
		return nil, err
	}
	l, err := netx.Listen(ctx, netx.Join(start.Listen, 0))
	if err != nil {
		return nil, err
	}
	mesh.Listener, mesh.client, mesh.Verify = netx.SecureListener(l, server), client, certified
	return mesh, nil
}

// Shared memory between tasks, each way: a whole frame fits, and more is no faster. All links
// of a job of many tasks do not take more than those of one with few.
const (
	maxLinkMemory = 1 << 20
	minLinkMemory = 64 << 10
	linksMemory   = 16 << 20 // of a task, each way
)

func linkMemory(tasks int) int {
	size := maxLinkMemory
	for size > minLinkMemory && size*(tasks-1) > linksMemory {
		size /= 2
	}
	return size
}

// dialTo tells the mesh where the others are.
func (m *taskMesh) dialTo(addrs []string) {
	m.Dial = func(ctx context.Context, task int) (net.Conn, error) {
		if m.plane == wire.PlaneUnix {
			var d net.Dialer
			return d.DialContext(ctx, "unix", addrs[task])
		}
		conn, err := netx.Dial(ctx, addrs[task])
		if err != nil || m.client == nil {
			return conn, err
		}
		return handshake(ctx, conn, m.client, task)
	}
}

// handshake speaks TLS on conn and checks who answers.
func handshake(ctx context.Context, conn net.Conn, cfg *tls.Config, task int) (net.Conn, error) {
	secure := netx.SecureClient(conn, cfg)
	err := secure.HandshakeContext(ctx)
	if err == nil {
		err = certified(secure, task)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("TLS with task %d: %w", task, err), conn.Close())
	}
	return secure, nil
}

// certified says whether the certificate at the other end of conn is that of a task.
func certified(conn net.Conn, task int) error {
	secure, ok := conn.(*netx.Secure)
	if !ok {
		return errors.New("the link has no TLS")
	}
	met, err := pki.PeerTask(secure.ConnectionState())
	if err == nil && met != task {
		err = fmt.Errorf("task %d speaks in its place", met)
	}
	return err
}
