package httpd

import (
	"bufio"
	"errors"
	"io"
	"net"
	"time"

	"github.com/valyala/fasthttp"
)

// skipBody is what is read of a body that nobody wants before the connection takes the next request.
const skipBody = 64 << 10

// answer sends the answer of the call that has ended, and reports whether there may be another one.
func (c *conn) answer(now time.Time) (more bool) {
	req, resp := &c.ctx.Request, &c.ctx.Response
	closing := req.Header.ConnectionClose() || resp.ConnectionClose() || c.left > skipBody || c.s.conns.ending.Load()
	switch {
	case closing:
		resp.SetConnectionClose()
	case !req.Header.IsHTTP11():
		resp.Header.Set(fasthttp.HeaderConnection, "keep-alive")
	}
	if c.write(now) != nil || c.in.Buffered() <= c.left && c.flush() != nil || !c.skip() || closing {
		return false
	}
	c.ready()
	return true
}

// skip takes what nobody has read of a body. It reports whether there may be a request behind it: if not, the client may send
// on, and would be reset in place of its answer if the connection were closed now.
func (c *conn) skip() bool {
	var err error
	chunks := c.ctx.RequestBodyStream()
	switch {
	case c.after != nil:
		return false
	case chunks != nil:
		if _, err = io.CopyN(io.Discard, chunks, skipBody+1); errors.Is(err, io.EOF) {
			return true
		}
	case c.left <= skipBody:
		_, err = c.in.Discard(c.left)
		c.left = 0
		return err == nil
	}
	c.listen(err)
	return false
}

// listen has the connection read on after the last answer, unless an error says that nothing comes any more.
func (c *conn) listen(err error) {
	var timeout net.Error
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &timeout) && timeout.Timeout() {
		return
	}
	c.after = c.nc
}

// refuse answers what is no request, and came at a time.
func (c *conn) refuse(arrived time.Time, err error) {
	if errors.Is(err, net.ErrClosed) {
		return
	}
	c.s.malformed(&c.ctx, arrived, err)
	c.ctx.SetConnectionClose()
	if c.after = c.s.explainTLS(err); c.after == nil && c.write(time.Now()) == nil {
		c.listen(err)
	}
}

// write writes the response, behind those that wait.
func (c *conn) write(now time.Time) error {
	if err := c.nc.SetWriteDeadline(now.Add(c.s.config.WriteTimeout)); err != nil {
		return err
	}
	if c.out == nil {
		c.out, _ = c.s.writers.Get().(*bufio.Writer) // there is no other type in it
		c.out.Reset(c.nc)
	}
	c.ctx.Response.SkipBody = c.ctx.IsHead()
	return c.ctx.Response.Write(c.out)
}

// flush sends the answers that wait. They wait while the next request is there as a whole and no model computes it: a burst of requests
// has its answers in few packets, and none of them later for another's sake.
func (c *conn) flush() error {
	if c.out == nil {
		return nil
	}
	err := c.out.Flush()
	c.out.Reset(nil)
	c.s.writers.Put(c.out)
	c.out = nil
	return err
}

// A source is what a connection reads from. Who waits for more has the answers to what was there.
type source struct{ c *conn }

// Read implements io.Reader.
func (s source) Read(b []byte) (int, error) {
	if err := s.c.flush(); err != nil {
		return 0, err
	}
	return s.c.nc.Read(b)
}
