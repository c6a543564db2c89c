package rpc

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// ErrClosed is wrapped by calls on a link that is gone.
var ErrClosed = errors.New("rpc link closed")

// RemoteError is the error that the other side's handler returned.
type RemoteError struct{ Message string }

// Error returns the message.
func (e *RemoteError) Error() string { return e.Message }

// Handler serves one call. It may keep body. ctx ends when the caller gives up or
// the link ends; a handler must then return soon, since Run waits for it.
type Handler func(ctx context.Context, method uint16, body []byte) ([]byte, error)

// Config of a Conn. Both sides should have the same limits.
type Config struct {
	MaxBody      int           // bytes of a request or an answer; 0: 16 MiB
	MaxInFlight  int           // unanswered calls in one direction; 0: 64
	WriteTimeout time.Duration // a frame not taken for this long breaks the link; 0: 10 s
}

// Conn is one end of a link. Call and Close are safe for concurrent use.
type Conn struct {
	conn    net.Conn
	handler Handler
	cfg     Config

	slots chan struct{} // a value for every unanswered call of ours
	out   chan frame    // from calls and handlers to the writer; never closed; room for every call, answer and cancel
	done  chan struct{} // closed by close

	mu       sync.Mutex // guards what follows
	err      error      // why done is closed
	lastID   uint64
	pending  map[uint64]chan frame         // our unanswered calls; one answer fits
	handling map[uint64]context.CancelFunc // the peer's calls being served
}

// NewConn makes one end of a link over c, which it owns from now on. h may be nil
// on a side that only calls. Nothing moves before Run.
func NewConn(c net.Conn, h Handler, cfg Config) *Conn {
	if cfg.MaxBody <= 0 {
		cfg.MaxBody = 16 << 20
	}
	if cfg.MaxInFlight <= 0 {
		cfg.MaxInFlight = 64
	}
	if cfg.WriteTimeout <= 0 {
		cfg.WriteTimeout = 10 * time.Second
	}
	if h == nil {
		h = func(_ context.Context, method uint16, _ []byte) ([]byte, error) {
			return nil, fmt.Errorf("method %d is not served on this side of the link", method)
		}
	}
	return &Conn{
		conn:     c,
		handler:  h,
		cfg:      cfg,
		slots:    make(chan struct{}, cfg.MaxInFlight),
		out:      make(chan frame, 3*cfg.MaxInFlight),
		done:     make(chan struct{}),
		pending:  make(map[uint64]chan frame),
		handling: make(map[uint64]context.CancelFunc),
	}
}

// Run serves the link until ctx ends, Close is called or the link breaks, and
// returns why: an error wrapping ErrClosed, and io.EOF too if the peer closed in
// order, or ctx's cause if that ended. It returns after every handler has.
func (c *Conn) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { c.close(context.Cause(ctx)) })
	defer stop()
	serving, cancelAll := context.WithCancel(ctx)
	defer cancelAll()
	var running sync.WaitGroup
	running.Go(func() { c.close(c.write()) })
	c.close(c.read(serving, &running))
	cancelAll()
	running.Wait()
	return c.reason()
}

// Call sends a request and waits for its answer. A *RemoteError is what the other
// side's handler returned; an error wrapping ErrClosed means that the link is
// gone and the call may have been served or not. Calls before Run wait for it. body
// belongs to the connection from then on, also after the end of ctx.
func (c *Conn) Call(ctx context.Context, method uint16, body []byte) ([]byte, error) {
	if len(body) > c.cfg.MaxBody {
		return nil, fmt.Errorf("rpc request of %d bytes, the limit is %d", len(body), c.cfg.MaxBody)
	}
	if err := c.wait(ctx, c.slots); err != nil {
		return nil, err
	}
	id, answer := c.register()
	select {
	case c.out <- frame{kind: call, method: method, id: id, body: body}:
	case <-ctx.Done():
		c.forget(id)
		return nil, ctx.Err()
	case <-c.done:
		return nil, c.reason()
	}
	select {
	case f := <-answer:
		return f.result()
	case <-ctx.Done():
		// The place stays taken until the other side has answered.
		select {
		case c.out <- frame{kind: cancel, id: id}:
		default: // the writer is stuck: the handler runs to its end
		}
		return nil, ctx.Err()
	case <-c.done:
		select {
		case f := <-answer: // it came before the end
			return f.result()
		default:
			return nil, c.reason()
		}
	}
}

// Ping has a few bytes go to the other side, which takes no note of them. They give TCP
// something that must be acknowledged, which the kernel of a stopped process does
// and a machine that is gone does not. It never blocks; while others wait to be
// written it does nothing.
func (c *Conn) Ping() {
	if len(c.out) > 0 {
		return
	}
	select {
	case c.out <- frame{kind: cancel}: // of no call: they are numbered from 1
	default:
	}
}

// Close ends the link; calls in flight fail with ErrClosed.
func (c *Conn) Close() error {
	c.close(ErrClosed)
	return nil
}

// Done is closed when the link has ended.
func (c *Conn) Done() <-chan struct{} { return c.done }

// RemoteAddr returns the other side's address.
func (c *Conn) RemoteAddr() net.Addr { return c.conn.RemoteAddr() }

// wait takes a place in a channel.
func (c *Conn) wait(ctx context.Context, places chan struct{}) error {
	select {
	case <-c.done:
		return c.reason()
	default:
	}
	select {
	case places <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-c.done:
		return c.reason()
	}
}

func (c *Conn) register() (uint64, chan frame) {
	answer := make(chan frame, 1)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lastID++
	c.pending[c.lastID] = answer
	return c.lastID, answer
}

// forget drops a call and frees its place.
func (c *Conn) forget(id uint64) (chan frame, bool) {
	c.mu.Lock()
	answer, ok := c.pending[id]
	delete(c.pending, id)
	c.mu.Unlock()
	if ok {
		<-c.slots
	}
	return answer, ok
}

// write sends frames until the link ends, and flushes when no more wait.
func (c *Conn) write() error {
	w := bufio.NewWriterSize(c.conn, 32<<10)
	var header [headerSize]byte
	for {
		var f frame
		select {
		case f = <-c.out:
		case <-c.done:
			return nil
		}
		if f.kind == reply || f.kind == fault {
			c.answered(f.id)
		}
		if err := c.conn.SetWriteDeadline(time.Now().Add(c.cfg.WriteTimeout)); err != nil {
			return err
		}
		if _, err := w.Write(appendHeader(header[:0], f)); err != nil {
			return err
		}
		if _, err := w.Write(f.body); err != nil {
			return err
		}
		if len(c.out) == 0 {
			if err := w.Flush(); err != nil {
				return err
			}
		}
	}
}

// read takes frames until the link ends; it never waits for a handler.
func (c *Conn) read(ctx context.Context, running *sync.WaitGroup) error {
	r := bufio.NewReaderSize(c.conn, 32<<10)
	for {
		f, err := readFrame(r, c.cfg.MaxBody)
		if err != nil {
			return err
		}
		switch f.kind {
		case call:
			err = c.begin(ctx, f, running)
		case cancel:
			c.mu.Lock()
			stop := c.handling[f.id]
			c.mu.Unlock()
			if stop != nil {
				stop()
			}
		default:
			err = c.deliver(f)
		}
		if err != nil {
			return err
		}
	}
}

// deliver hands an answer to its call.
func (c *Conn) deliver(f frame) error {
	answer, ok := c.forget(f.id)
	if !ok {
		return fmt.Errorf("%w: answer to call %d, which does not wait for one", ErrProtocol, f.id)
	}
	answer <- f
	return nil
}

// begin starts the handler of a call.
func (c *Conn) begin(ctx context.Context, f frame, running *sync.WaitGroup) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, twice := c.handling[f.id]; twice || len(c.handling) >= c.cfg.MaxInFlight {
		return fmt.Errorf("%w: call %d: id in use, or more than %d calls unanswered", ErrProtocol, f.id, c.cfg.MaxInFlight)
	}
	ctx, stop := context.WithCancel(ctx)
	c.handling[f.id] = stop
	running.Go(func() {
		defer stop()
		c.serve(ctx, f)
	})
	return nil
}

func (c *Conn) serve(ctx context.Context, f frame) {
	body, err := c.handler(ctx, f.method, f.body)
	if err == nil && len(body) > c.cfg.MaxBody {
		err = fmt.Errorf("rpc answer of %d bytes, the limit is %d", len(body), c.cfg.MaxBody)
	}
	answer := frame{kind: reply, id: f.id, body: body}
	if err != nil {
		line := err.Error()
		answer = frame{kind: fault, id: f.id, body: []byte(line[:min(len(line), maxFault)])}
	}
	select {
	case c.out <- answer:
	case <-c.done:
	}
}

// answered frees the place of a call whose answer is about to be written: before
// the caller can know, and not before a peer that reads nothing has used it up.
func (c *Conn) answered(id uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.handling, id)
}

// close ends the link once; the first reason stays.
func (c *Conn) close(err error) {
	c.mu.Lock()
	first := c.err == nil
	if first {
		if err == nil {
			err = ErrClosed
		}
		c.err = err
		close(c.done)
	}
	c.mu.Unlock()
	if first {
		_ = c.conn.Close() // the reason is known already
	}
}

// reason returns why the link ended, for Run and for calls.
func (c *Conn) reason() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil || errors.Is(c.err, ErrClosed) {
		return ErrClosed
	}
	return fmt.Errorf("%w: %w", ErrClosed, c.err)
}
