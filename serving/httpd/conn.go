package httpd

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
)

const (
	readBuffer  = 16 << 10 // bytes of a connection that are read at once, and the limit of a header
	writeBuffer = 16 << 10 // bytes of an answer that are written at once
)

// A conn is a connection, with what its requests need. It is pooled.
//
// fasthttp reads and writes its messages. The loop is not fasthttp's server: a short body is not copied, but stays where it was
// read until it is answered, and a request moves no timer (see patient).
type conn struct {
	s     *Server
	nc    net.Conn
	in    *bufio.Reader
	out   *bufio.Writer // has answers that wait for others; nil: none do
	ctx   fasthttp.RequestCtx
	left  int      // bytes of a body of known length that were not taken yet
	after net.Conn // is read on after the last answer; nil: the client sends nothing that it would be reset for
	phase atomic.Int32
}

// The phases of a connection.
const (
	fresh  int32 = iota // nothing has come
	busy                // a request has come
	idle                // it was answered
	closed              // the server has ended it
)

// begin gives it a connection.
func (c *conn) begin(nc net.Conn) {
	c.nc = nc
	c.in.Reset(source{c})
	c.ctx.Init2(nc, quiet{c.s.config.Log}, false)
	c.phase.Store(fresh)
	c.ready()
}

// usualHeader is how many bytes of a header a connection keeps room for. What the parser makes of it is several times so much.
const usualHeader = 2 << 10

// clear lets go of the last request and its answer, and of memory that few need: a client that says nothing for a while has none.
func (c *conn) clear() {
	req, resp := &c.ctx.Request, &c.ctx.Response
	h := &req.Header
	large := len(h.RawHeaders())+len(h.RequestURI()) > usualHeader || h.ContentLength() == -1 // chunks end with another header
	req.Reset()
	if large {
		*req = fasthttp.Request{}
	}
	resp.Reset()
	if body := resp.SwapBody(nil); cap(body) <= uncounted {
		resp.SwapBody(body)
	}
}

// ready makes it so for the next request.
func (c *conn) ready() {
	c.clear()
	header := &c.ctx.Response.Header
	header.SetNoDefaultContentType(true)
	header.SetServer(c.s.config.Name)
}

// serve answers the requests of a connection until one of both sides ends it.
func (c *conn) serve() {
	s, nc := c.s, c.nc
	whole := c.run()
	after := c.after
	if after == nil {
		nc.Close() //nolint:errcheck,gosec // nobody is there
	}
	s.conns.leave(c, after != nil)
	if whole {
		c.end()
	}
	if after != nil {
		s.linger(after)
		s.conns.lingering.Done()
		nc.Close() //nolint:errcheck,gosec // nobody is there
	}
}

// run goes through the requests. It reports whether what they leave behind may be used again: a panic ends this connection alone.
func (c *conn) run() (whole bool) {
	defer func() {
		if panicked := recover(); panicked != nil {
			c.s.config.Log.Error("a connection panicked", "remote", c.nc.RemoteAddr(), "panic", panicked, "stack", string(debug.Stack()))
			whole = false
		}
	}()
	whole = c.loop()
	if c.flush() != nil {
		c.after = nil // nobody is there
	}
	return whole
}

// end gives it back.
func (c *conn) end() {
	c.nc, c.after, c.left = nil, nil, 0
	c.in.Reset(nil)
	c.clear()
	c.ctx.Init2(nil, nil, false)
	c.s.pool.Put(c)
}

// loop is the loop. It reports whether what it leaves behind may be used again: a header that was refused may have grown large.
func (c *conn) loop() (whole bool) {
	config := &c.s.config
	arrived := time.Now()
	if err := c.begun(arrived); err != nil {
		if !errors.Is(err, io.EOF) { // it looked whether somebody is here
			c.refuse(arrived, err)
		}
		return true
	}
	for {
		if _, err := c.in.Peek(1); err != nil {
			if c.phase.Load() == fresh && !errors.Is(err, io.EOF) {
				c.refuse(arrived, err)
			}
			return true
		}
		if c.phase.Swap(busy) == closed {
			return true
		}
		arrived = time.Now()
		if err := c.receive(arrived); err != nil {
			c.refuse(arrived, err)
			return false
		}
		took := c.s.handle(&c.ctx, c, arrived)
		end := arrived.Add(took)
		if !c.answer(end) || c.nc.SetReadDeadline(end.Add(config.IdleTimeout)) != nil {
			return true
		}
		if c.phase.Store(idle); c.s.conns.ending.Load() {
			return true
		}
	}
}

// begun waits for the client's TLS.
func (c *conn) begun(now time.Time) error {
	if err := c.nc.SetReadDeadline(now.Add(c.s.config.HeaderTimeout)); err != nil {
		return err
	}
	secure, ok := c.nc.(*tls.Conn)
	if !ok {
		return nil
	}
	if err := c.nc.SetWriteDeadline(now.Add(c.s.config.WriteTimeout)); err != nil {
		return err
	}
	return secure.HandshakeContext(c.s.base)
}

// receive reads the header of a request, and its body where it is short.
func (c *conn) receive(now time.Time) error {
	config := &c.s.config
	if err := c.nc.SetReadDeadline(now.Add(config.HeaderTimeout)); err != nil {
		return err
	}
	req := &c.ctx.Request
	if err := req.Header.Read(c.in); err != nil {
		return err
	}
	if err := checkHeader(&req.Header); err != nil {
		return err
	}
	n := req.Header.ContentLength()
	if n > c.in.Buffered() || n == -1 { // it has not come with its header
		if err := c.nc.SetReadDeadline(now.Add(config.BodyTimeout)); err != nil {
			return err
		}
	}
	if req.MayContinue() {
		if n > config.MaxBody {
			return fasthttp.ErrBodyTooLarge
		}
		if err := c.flush(); err != nil {
			return err
		}
		if _, err := io.WriteString(c.nc, "HTTP/1.1 100 Continue\r\n\r\n"); err != nil {
			return err
		}
	}
	c.left = max(n, 0)
	switch {
	case n == -1: // in chunks
		return req.ContinueReadBodyStream(c.in, config.MaxBody, false)
	case n > 0 && n <= min(readBuffer, config.MaxBody):
		if _, err := c.in.Peek(n); errors.Is(err, io.EOF) {
			return io.ErrUnexpectedEOF
		} else if err != nil {
			return err
		}
	}
	return nil
}

// body returns the body of a request if it is there as a whole. It is valid until the request is answered.
func (c *conn) body() (b []byte, ok bool) {
	if c.left > c.in.Buffered() {
		return nil, false
	}
	b, err := c.in.Peek(c.left)
	return b, err == nil
}

// Read reads on in a body of known length. After an error nothing more is waited for.
func (c *conn) Read(b []byte) (int, error) {
	if c.left == 0 {
		return 0, io.EOF
	}
	n, err := c.in.Read(b[:min(len(b), c.left)])
	if c.left -= n; err != nil {
		c.left = 0
	}
	return n, err
}
