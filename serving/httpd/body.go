package httpd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"scalar/serving/protocol"
)

const (
	firstRead   = 4 << 10          // bytes that a body's buffer begins with
	lingerBytes = 1 << 30          // that are read on after a last answer
	lingerTime  = 30 * time.Second // for which it is
	maxLingers  = 1024             // connections of which it is, at once
)

// tooLarge is the error of a body over a limit.
func tooLarge(limit int) *protocol.Error {
	return &protocol.Error{Status: http.StatusRequestEntityTooLarge, Message: fmt.Sprintf("the body is longer than the limit of %d bytes", limit)}
}

// read returns the body of a call, decompressed. It is valid until the call is recycled.
func (s *Server) read(c *call) ([]byte, error) {
	if err := s.receive(c); err != nil {
		return nil, err
	}
	encoding := c.ctx.Request.Header.PeekCanonical(nameEncoding)
	if len(encoding) == 0 || equalFold(encoding, "identity") {
		return c.body, nil
	}
	return s.decompress(c, encoding)
}

// receive reads the body as it comes. Memory is asked for as bytes arrive, whatever the header says.
func (s *Server) receive(c *call) error {
	s.slim(c)
	length := c.ctx.Request.Header.ContentLength()
	if length > c.limit {
		return refuseBody(c, tooLarge(c.limit))
	}
	if c.conn == nil {
		c.body, c.whole = c.ctx.Request.Body(), true
		return nil
	}
	stream := c.ctx.RequestBodyStream() // of chunks
	if stream == nil {
		if c.body, c.whole = c.conn.body(); c.whole {
			return nil
		}
		stream = c.conn
	}
	c.buffer = c.buffer[:0]
	held := c.lease.Version != nil
	c.lease.Release() // a version that goes need not wait for a client that is slow
	err := s.gather(c, stream, length)
	if c.body = c.buffer; err == nil && held {
		err = s.hold(c)
	}
	return err
}

// gather reads a long body.
func (s *Server) gather(c *call, from io.Reader, length int) error {
	g := gathering{s: s, c: c, length: length}
	defer g.end()
	for {
		into, err := g.room()
		if err != nil {
			return refuseBody(c, err)
		}
		n, err := from.Read(into)
		g.took(n)
		switch {
		case g.n > c.limit:
			return refuseBody(c, tooLarge(c.limit))
		case errors.Is(err, io.EOF) && length >= 0 && g.n < length:
			return s.cut(g.n, c, io.ErrUnexpectedEOF)
		case errors.Is(err, io.EOF):
			c.whole = true
			if err := g.join(0); err != nil {
				return refuseBody(c, err)
			}
			return nil
		case err != nil:
			return s.cut(g.n, c, err)
		}
	}
}

// cut is the error of a body that does not come to its end, of n bytes; nothing can be read after it.
func (s *Server) cut(n int, c *call, err error) error {
	c.ctx.SetConnectionClose()
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return &protocol.Error{Status: http.StatusRequestTimeout, Message: fmt.Sprintf("the body did not come in time: %d bytes are there", n)}
	}
	if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return &protocol.Error{Status: http.StatusBadRequest, Message: fmt.Sprintf("the body is not in chunks as HTTP/1.1 has them, after %d bytes", n)}
	}
	return &protocol.Error{Status: http.StatusBadRequest, Message: fmt.Sprintf("the body is cut off after %d bytes", n)}
}

// refuseBody answers that a body is not read to its end, and reads on: the client writes, and would see a reset
// in place of the answer if its connection were closed now.
func refuseBody(c *call, reason error) error {
	c.ctx.SetConnectionClose()
	if c.conn != nil {
		c.conn.after = c.conn.nc
	}
	return reason
}

// linger reads what still comes from a client that has its last answer for a while, unless very many do.
func (s *Server) linger(conn net.Conn) {
	defer s.lingers.Add(-1)
	if s.lingers.Add(1) > maxLingers || conn.SetDeadline(time.Now().Add(lingerTime)) != nil {
		return
	}
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		if err := half.CloseWrite(); err != nil {
			return
		}
	}
	stop := context.AfterFunc(s.base, func() { // the end of the server is the end of the wait
		conn.SetReadDeadline(time.Now()) //nolint:errcheck,gosec // the connection ends anyway
	})
	defer stop()
	io.CopyN(io.Discard, conn, lingerBytes) //nolint:errcheck,gosec // whatever ends it, the connection is closed then
}
