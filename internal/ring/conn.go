package ring

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// stepBytes are written at once: the other end reads them while the next ones are copied.
const stepBytes = 128 << 10

// A Conn is a stream through shared memory. One goroutine reads and one writes; Close and the
// deadline of writing may be called by any. It has no deadline of reading.
type Conn struct {
	sock *net.UnixConn
	mem  []byte

	reading sync.Mutex // guards rx and its bytes against Close, which takes the memory away
	rx      half
	writing sync.Mutex // the same of tx
	tx      half

	readable chan struct{} // cap 1: from the bell, there may be something to read
	writable chan struct{} // cap 1: from the bell and SetWriteDeadline, look again for room
	gone     chan struct{} // closed by the bell: the other end, or this one, is closed
	closed   atomic.Bool
	late     atomic.Int64 // deadline of writing, in ns since 1970; 0: none

	waking      sync.Mutex  // guards Wake against Close, which takes the memory away
	readSleeps  atomic.Bool // in this process, whatever the memory says
	writeSleeps atomic.Bool
}

func newConn(sock *net.UnixConn, mem []byte, size, side int) *Conn {
	c := &Conn{
		sock: sock, mem: mem, tx: halfOf(mem, size, side), rx: halfOf(mem, size, 1-side),
		readable: make(chan struct{}, 1), writable: make(chan struct{}, 1), gone: make(chan struct{}),
	}
	go c.listen() // until Close, which waits for it
	return c
}

// listen is the bell: it hears the other end until that, or this one, is closed.
func (c *Conn) listen() {
	defer close(c.gone)
	var rings [64]byte
	for {
		if _, err := c.sock.Read(rings[:]); err != nil {
			return
		}
		poke(c.readable)
		poke(c.writable)
	}
}

func poke(to chan struct{}) {
	select {
	case to <- struct{}{}:
	default:
	}
}

// ring wakes the other end, if it sleeps there. That it may be gone is heard by the bell.
func (c *Conn) ring(sleeps *atomic.Uint32) {
	if sleeps.Load() != 0 && sleeps.Swap(0) != 0 {
		_, _ = c.sock.Write([]byte{1}) // an end that is gone needs none
	}
}

// Wake rouses a Read that sleeps though there is something to read, and a Write that sleeps though there is room, before the bell does, and reports
// whether there was any: for who has nothing to do but wait for them and would rather not sleep. Any number of goroutines may call it.
func (c *Conn) Wake() (roused bool) {
	if !c.waking.TryLock() {
		return false
	}
	defer c.waking.Unlock()
	if c.closed.Load() {
		return false
	}
	if c.readSleeps.Load() && c.rx.head.Load() != c.rx.tail.Load() {
		poke(c.readable)
		roused = true
	}
	if c.writeSleeps.Load() && c.tx.head.Load()-c.tx.tail.Load() != uint64(len(c.tx.bytes)) {
		poke(c.writable)
		roused = true
	}
	return roused
}

// Read implements io.Reader. What was written before the other end was closed, or its process
// killed, is read before io.EOF.
func (c *Conn) Read(b []byte) (int, error) {
	c.reading.Lock()
	defer c.reading.Unlock()
	over := false
	for {
		if c.closed.Load() {
			return 0, net.ErrClosed
		}
		n, room, err := c.rx.get(b)
		if err != nil {
			return 0, err
		}
		if n > 0 || len(b) == 0 {
			if room >= len(c.rx.bytes)/2 { // not for every little piece
				c.ring(c.rx.writer)
			}
			return n, nil
		}
		if over {
			return 0, io.EOF
		}
		c.rx.reader.Store(1)
		if c.rx.head.Load() != c.rx.own {
			c.rx.reader.Store(0)
			continue
		}
		c.readSleeps.Store(true)
		select {
		case <-c.readable:
		case <-c.gone:
			over = true // look once more
		}
		c.readSleeps.Store(false)
	}
}

// Write implements io.Writer: it waits for room, until the deadline.
func (c *Conn) Write(b []byte) (int, error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	for done := 0; ; {
		if done == len(b) {
			return done, nil
		}
		if c.closed.Load() {
			return done, net.ErrClosed
		}
		n, err := c.tx.put(b[done:min(len(b), done+stepBytes)])
		if err != nil {
			return done, err
		}
		if done += n; n > 0 {
			c.ring(c.tx.reader)
			continue
		}
		if err := c.awaitRoom(); err != nil {
			return done, err
		}
	}
}

// awaitRoom returns when there may be room.
func (c *Conn) awaitRoom() error {
	var late <-chan time.Time
	if at := c.late.Load(); at != 0 {
		timer := time.NewTimer(time.Until(time.Unix(0, at)))
		defer timer.Stop()
		late = timer.C
	}
	c.tx.writer.Store(1)
	if c.tx.own-c.tx.tail.Load() != uint64(len(c.tx.bytes)) {
		c.tx.writer.Store(0)
		return nil
	}
	c.writeSleeps.Store(true)
	defer c.writeSleeps.Store(false)
	select {
	case <-c.writable:
		return nil
	case <-late:
		return os.ErrDeadlineExceeded
	case <-c.gone:
		return syscall.EPIPE
	}
}

// Close ends both directions; the other end still reads what was written.
func (c *Conn) Close() error {
	if c.closed.Swap(true) {
		return net.ErrClosed
	}
	err := c.sock.Close()
	<-c.gone
	c.reading.Lock()
	defer c.reading.Unlock()
	c.writing.Lock()
	defer c.writing.Unlock()
	c.waking.Lock()
	defer c.waking.Unlock()
	return errors.Join(err, unix.Munmap(c.mem))
}

// InMemory says that what is written is read, whatever happens to wires.
func (c *Conn) InMemory() bool { return true }

// LocalAddr implements net.Conn.
func (c *Conn) LocalAddr() net.Addr { return c.sock.LocalAddr() }

// RemoteAddr implements net.Conn.
func (c *Conn) RemoteAddr() net.Addr { return c.sock.RemoteAddr() }

// SetDeadline implements net.Conn; there is none of reading.
func (c *Conn) SetDeadline(time.Time) error { return os.ErrNoDeadline }

// SetReadDeadline implements net.Conn; there is none.
func (c *Conn) SetReadDeadline(time.Time) error { return os.ErrNoDeadline }

// SetWriteDeadline implements net.Conn.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	at := int64(0)
	if !t.IsZero() {
		at = t.UnixNano()
	}
	c.late.Store(at)
	poke(c.writable)
	return c.sock.SetWriteDeadline(t)
}
