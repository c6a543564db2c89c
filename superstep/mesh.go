package superstep

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"scalar/internal/ring"
)

// Mesh connects a task with all others of its job and epoch.
type Mesh struct {
	Job      uint64       // hash of the job's id
	Epoch    uint32       // the attempt
	Task     int          // own index
	Listener net.Listener // tasks with a higher index come here; Connect closes it
	// Dial connects to a task with a lower index, with TLS where the listener has it.
	Dial func(ctx context.Context, task int) (net.Conn, error)
	// Verify says whether the other end of a connection may be that task, by its
	// certificate for instance; nil: whoever says so is.
	Verify func(conn net.Conn, task int) error
	// Memory is how many bytes of shared memory, a power of two from 4 KiB to 1 GiB, carry
	// what goes one way over a Unix socket; all tasks say the same. 0, and where a
	// machine has none: sockets carry it.
	Memory int
}

// handshakeTime is how long a connection that came in may take to say who it is.
const handshakeTime = 10 * time.Second

// maxHandshakes is how many connections may be saying so at once, beside those of
// the tasks.
const maxHandshakes = 16

// Verdicts of a hello's answer.
const (
	helloAsk = iota
	helloWelcome
	helloRefused
)

// helloSize is a hello's payload: u32 number of tasks, u32 verdict.
const helloSize = 8

// met is a connection whose other end is known.
type met struct {
	task int
	conn net.Conn
	err  error
}

// Connect returns one connection to every other task, nil at the own index: a task
// dials those below it and accepts those above. A task of another job or epoch is
// refused, it gets ErrEpoch, and so does this one if the other's epoch is newer.
// The end of ctx ends it; then, and after an error, nothing stays open. Connect
// closes the Listener: a task connects once in its life.
func (m Mesh) Connect(ctx context.Context, tasks int) ([]net.Conn, error) {
	if m.Task < 0 || m.Task >= tasks {
		return nil, fmt.Errorf("connect task %d of %d", m.Task, tasks)
	}
	ctx, cancel := context.WithCancel(ctx)
	found := make(chan met) // every goroutine below sends, or sees ctx end
	var wg sync.WaitGroup
	if m.Task < tasks-1 {
		wg.Go(func() { m.accept(ctx, tasks, found) })
	}
	for t := range m.Task {
		wg.Go(func() { m.meet(ctx, found, m.dial(ctx, t, tasks)) })
	}
	conns := make([]net.Conn, tasks)
	err := m.collect(ctx, found, conns)
	cancel()
	if m.Listener != nil {
		_ = m.Listener.Close() // ends accept; nobody is expected any more
	}
	wg.Wait()
	if err != nil {
		for _, c := range conns {
			if c != nil {
				_ = c.Close() // the error is told already
			}
		}
		return nil, fmt.Errorf("connect task %d: %w", m.Task, err)
	}
	return conns, nil
}

// collect waits until every other task is there.
func (m Mesh) collect(ctx context.Context, found <-chan met, conns []net.Conn) error {
	for missing := len(conns) - 1; missing > 0; {
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d of %d tasks are missing: %w", missing, len(conns), context.Cause(ctx))
		case f := <-found:
			switch {
			case f.err != nil:
				return f.err
			case conns[f.task] != nil:
				_ = f.conn.Close() // the first one counts
				return fmt.Errorf("%w: task %d came twice", ErrFrame, f.task)
			}
			conns[f.task] = f.conn
			missing--
		}
	}
	return nil
}

// meet hands a connection to collect, or closes it if nobody waits any more.
func (m Mesh) meet(ctx context.Context, found chan<- met, f met) {
	select {
	case found <- f:
	case <-ctx.Done():
		if f.conn != nil {
			_ = f.conn.Close() // not needed any more
		}
	}
}

// accept meets all who come until the listener is closed.
func (m Mesh) accept(ctx context.Context, tasks int, found chan<- met) {
	stop := context.AfterFunc(ctx, func() { _ = m.Listener.Close() })
	defer stop()
	var wg sync.WaitGroup
	defer wg.Wait()
	slots := make(chan struct{}, tasks+maxHandshakes)
	for {
		conn, err := m.Listener.Accept()
		if err != nil {
			m.meet(ctx, found, met{err: fmt.Errorf("accept: %w", err)})
			return
		}
		slots <- struct{}{} // freed within handshakeTime
		wg.Go(func() {
			defer func() { <-slots }()
			if f := m.greet(ctx, conn, tasks); f.conn != nil || f.err != nil {
				m.meet(ctx, found, f)
			}
		})
	}
}

// greet finds out who has come. Strangers and tasks of an older epoch are sent away
// without disturbing this one: it returns nothing then.
func (m Mesh) greet(ctx context.Context, conn net.Conn, tasks int) met {
	limit := limited(ctx, conn, handshakeTime)
	h, verdict, err := readHello(conn, tasks)
	if err != nil {
		_ = limit()
		_ = conn.Close() // no task of ours
		return met{}
	}
	answer := uint32(helloWelcome)
	stale := h.job == m.Job && h.epoch > m.Epoch
	if h.job != m.Job || h.epoch != m.Epoch || int(h.dest) != m.Task || int(h.source) <= m.Task || int(h.source) >= tasks || verdict != helloAsk {
		answer = helloRefused
	}
	if answer == helloWelcome && m.verify(conn, int(h.source)) != nil {
		answer, stale = helloRefused, false
	}
	shared := conn
	if err = m.sendHello(conn, int(h.source), tasks, answer); err == nil && answer == helloWelcome {
		shared, err = m.share(conn, ring.Accept)
	}
	if err = errors.Join(err, limit()); err == nil && answer == helloWelcome {
		return met{task: int(h.source), conn: shared}
	}
	conn = shared
	_ = conn.Close() // refused or gone
	if stale {
		return met{err: fmt.Errorf("%w: task %d is at epoch %d, this one at %d", ErrEpoch, h.source, h.epoch, m.Epoch)}
	}
	return met{}
}

// dial meets a task with a lower index.
func (m Mesh) dial(ctx context.Context, task, tasks int) met {
	conn, err := m.Dial(ctx, task)
	if err != nil {
		return met{err: &LinkError{Task: task, Err: err}}
	}
	// The other task answers once it has its orders: only ctx knows how long that may
	// take.
	limit := limited(ctx, conn, 0)
	err = m.sendHello(conn, task, tasks, helloAsk)
	if err == nil {
		err = m.welcome(conn, task, tasks)
	}
	if err == nil {
		conn, err = m.share(conn, ring.Offer)
	}
	if err = errors.Join(err, limit()); err != nil {
		_ = conn.Close() // the error is told
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return met{err: &LinkError{Task: task, Err: err}}
	}
	return met{task: task, conn: conn}
}

// welcome reads the answer to a hello.
func (m Mesh) welcome(conn net.Conn, task, tasks int) error {
	h, verdict, err := readHello(conn, tasks)
	switch {
	case err != nil:
		return fmt.Errorf("handshake: %w", err)
	case h.job != m.Job:
		return fmt.Errorf("%w: it runs job %016x, this is %016x", ErrEpoch, h.job, m.Job)
	case h.epoch != m.Epoch:
		return fmt.Errorf("%w: it is at epoch %d, this one at %d", ErrEpoch, h.epoch, m.Epoch)
	case verdict != helloWelcome || int(h.source) != task || int(h.dest) != m.Task:
		return fmt.Errorf("%w: refused by task %d", ErrFrame, h.source)
	}
	return m.verify(conn, task)
}

// share has memory carry what goes over a connection, where it can.
func (m Mesh) share(conn net.Conn, agree func(*net.UnixConn, int) (*ring.Conn, error)) (net.Conn, error) {
	sock, ok := conn.(*net.UnixConn)
	if m.Memory == 0 || !ok {
		return conn, nil
	}
	c, err := agree(sock, m.Memory)
	if err != nil || c == nil {
		return conn, err
	}
	return c, nil
}

func (m Mesh) verify(conn net.Conn, task int) error {
	if m.Verify == nil {
		return nil
	}
	return m.Verify(conn, task)
}

// limited ends a handshake by ctx, and by time unless that is 0. The function it
// returns lifts the limits.
func limited(ctx context.Context, conn net.Conn, most time.Duration) (lift func() error) {
	if most > 0 {
		_ = conn.SetDeadline(time.Now().Add(most)) // else the handshake takes as long as ctx
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	return func() error {
		if !stop() {
			return context.Cause(ctx)
		}
		return conn.SetDeadline(time.Time{})
	}
}

func (m Mesh) sendHello(conn net.Conn, to, tasks int, verdict uint32) error {
	var b [headerSize + helloSize]byte
	binary.LittleEndian.PutUint32(b[headerSize:], uint32(tasks))
	binary.LittleEndian.PutUint32(b[headerSize+4:], verdict)
	h := header{typ: frameHello, job: m.Job, epoch: m.Epoch, source: uint32(m.Task), dest: uint32(to), length: helloSize, sum: checksum(b[headerSize:])}
	h.put(b[:])
	if _, err := conn.Write(b[:]); err != nil {
		return fmt.Errorf("handshake: %w", err)
	}
	return nil
}

// readHello reads a hello and checks that it is about as many tasks.
func readHello(r io.Reader, tasks int) (h header, verdict uint32, err error) {
	var b [headerSize + helloSize]byte
	if _, err := io.ReadFull(r, b[:headerSize]); err != nil {
		return h, 0, err
	}
	if h, err = parseHeader(b[:]); err != nil {
		return h, 0, err
	}
	if h.typ != frameHello || h.length != helloSize {
		return h, 0, fmt.Errorf("%w: %v frame of %d bytes instead of a hello", ErrFrame, h.typ, h.length)
	}
	payload := b[headerSize:]
	if _, err := io.ReadFull(r, payload); err != nil {
		return h, 0, err
	}
	if checksum(payload) != h.sum {
		return h, 0, fmt.Errorf("%w: hello's checksum", ErrFrame)
	}
	n, verdict := binary.LittleEndian.Uint32(payload), binary.LittleEndian.Uint32(payload[4:])
	if int64(n) != int64(tasks) {
		return h, 0, fmt.Errorf("%w: task %d speaks of %d tasks, there are %d", ErrFrame, h.source, n, tasks)
	}
	return h, verdict, nil
}
