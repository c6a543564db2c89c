package httpd

import (
	"bytes"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"scalar/serving/cache"
	"scalar/serving/host"
	"scalar/serving/protocol"

	"github.com/valyala/fasthttp"
)

// uncounted is the memory that a request has without its being counted, bytes: connections bound that of all.
const uncounted = 64 << 10

// A budget bounds the memory of all requests together: bodies as they come and decompressed, their
// rows, and answers until they are sent.
type budget struct {
	limit   int64
	used    atomic.Int64
	refused atomic.Uint64
}

// take takes n bytes, or reports that there are not so many.
func (b *budget) take(n int64) bool {
	if b.used.Add(n) <= b.limit {
		return true
	}
	b.used.Add(-n)
	return false
}

func (b *budget) give(n int64) { b.used.Add(-n) }

// size returns the memory that a call has, bytes.
func (c *call) size() int64 {
	return int64(cap(c.buffer)+cap(c.plain)+c.req.Size()+c.answer.Size()) + c.key.Size() + c.bodied.Size()
}

// need makes sure that a call may have so much memory, before it has. An error has status 503, or 413 if it could never be had.
func (s *Server) need(c *call, n int64) error {
	more := n - c.held
	switch {
	case n <= uncounted || more <= 0:
		return nil
	case s.bodies.take(more):
		c.held = n
		return nil
	case n > s.bodies.limit:
		return &protocol.Error{Status: http.StatusRequestEntityTooLarge, Message: fmt.Sprintf("the request takes some %d bytes of memory, and all requests together may have %d: send fewer rows", n, s.bodies.limit)}
	}
	s.bodies.refused.Add(1)
	return &host.Busy{Refusal: protocol.Error{
		Status: http.StatusServiceUnavailable, Message: fmt.Sprintf("requests have all of the %d bytes of memory that they may have together: come back soon", s.bodies.limit),
	}, RetryAfter: time.Second}
}

// trim gives back what a call needs no more.
func (s *Server) trim(c *call, n int64) {
	if c.held > n {
		s.bodies.give(c.held - n)
		c.held = n
	}
}

// slim lets go of the memory that earlier requests have left to a call if there is none for it now, and for what a
// small request adds to it: such a one is not refused for what others have left.
func (s *Server) slim(c *call) {
	switch n := c.size(); {
	case n <= uncounted:
	case s.bodies.take(n + uncounted):
		c.held = n + uncounted
	default:
		c.buffer, c.plain, c.req, c.answer, c.key, c.bodied = nil, nil, protocol.Request{}, protocol.Answer{}, cache.Key{}, cache.Key{}
	}
}

// sent is the body of a large answer, which counts until it has been sent, however slowly the client reads.
type sent struct {
	bytes.Reader

	from *budget
	n    int64
}

// Close gives the memory back.
func (b *sent) Close() error {
	b.Reset(nil)
	b.from.give(b.n)
	b.n = 0
	return nil
}

// follow lets a large answer count until it has been sent.
func (s *Server) follow(c *call) {
	resp := &c.ctx.Response
	if resp.IsBodyStream() {
		return
	}
	body := resp.SwapBody(nil)
	if cap(body) <= uncounted {
		resp.SwapBody(body)
		return
	}
	b := &sent{from: &s.bodies, n: min(int64(cap(body)), c.held)}
	c.held -= b.n
	b.Reset(body)
	resp.SetBodyStream(b, len(body))
}

// bytesOut returns the length of an answer's body.
func bytesOut(resp *fasthttp.Response) int {
	if resp.IsBodyStream() {
		return resp.Header.ContentLength()
	}
	return len(resp.Body())
}
