package httpd

import (
	"errors"
	"io"
	"net"
	"net/http"
	"runtime/debug"
	"time"

	"scalar/serving/cache"
	"scalar/serving/host"
	"scalar/serving/protocol"

	"github.com/valyala/fasthttp"
)

// A call is what a request needs. It is pooled.
type call struct {
	ctx       *fasthttp.RequestCtx
	conn      *conn     // nil: the body is in ctx
	settings  *settings // those that hold until the call ends
	route     route
	arrived   time.Time
	namespace string
	admin     bool

	digits [20]byte // of a header
	body   []byte   // as it came; valid until the request is answered
	buffer []byte   // memory of it, where it is long
	lent   *lent    // whose memory that is; nil: the call's own
	plain  []byte   // decompressed
	req    protocol.Request
	answer protocol.Answer
	key    cache.Key
	bodied cache.Key // of the body, if keyed
	keyed  bool
	whole  bool  // the body has been read to its end
	held   int64 // bytes of the budget of all bodies
	limit  int   // of the body, bytes
	lease  host.Lease
	count  *figures     // of the version that answers; nil: none does
	entry  entry        // the one of the call before
	source cache.Source // of the answer
}

// keep is how much memory a pooled call has at most, bytes; those with more are let go.
const keep = 2 << 20

// recycle gives a call back.
func (s *Server) recycle(c *call) {
	s.trim(c, 0)
	s.giveBack(c)
	if c.size() > keep {
		return
	}
	c.ctx, c.conn, c.settings, c.route, c.namespace, c.admin, c.count = nil, nil, nil, route{}, "", false, nil
	c.body, c.plain = nil, c.plain[:0]
	c.req.Reset()
	s.calls.Put(c)
}

// handle answers a request that arrived at a time, and returns how long it took. Its body is in the connection, or in ctx if there is none.
func (s *Server) handle(ctx *fasthttp.RequestCtx, from *conn, arrived time.Time) (took time.Duration) {
	c, _ := s.calls.Get().(*call) // there is no other type in it
	c.ctx, c.conn, c.settings, c.arrived, c.body, c.whole, c.limit = ctx, from, s.settings.Load(), arrived, nil, false, s.config.MaxBody
	c.count, c.source = nil, cache.Computed
	defer s.finish(c, &took)
	ctx.Response.Header.SetContentTypeBytes(typeJSON)
	requestID(ctx, c.digits[:16])
	c.route = parse(path(ctx))
	if err := s.serve(c); err != nil {
		s.fail(ctx, err)
	}
	return 0 // finish sets it
}

// finish ends a call: a panic becomes an answer, and what was answered is counted.
func (s *Server) finish(c *call, answered *time.Duration) {
	panicked := recover()
	if panicked != nil {
		s.config.Log.Error("a request panicked", "path", string(c.ctx.Path()), "panic", panicked, "stack", string(debug.Stack()))
		c.ctx.Response.ResetBody()
		s.trim(c, 0)
		s.fail(c.ctx, &protocol.Error{Status: http.StatusInternalServerError, Message: "the server failed; its log says more"})
		c.ctx.SetConnectionClose()
	}
	took := time.Since(c.arrived)
	*answered = took
	s.metrics.count(c.route.kind, c.ctx.Response.StatusCode(), took)
	if c.count != nil {
		c.count.add(c.ctx.Response.StatusCode(), took)
	}
	if s.access != nil {
		to := asked{string(c.ctx.Method()), string(c.ctx.Path()), c.namespace, c.route.kind, len(c.body)}
		s.access.write(c.ctx, to, c.arrived, took)
	}
	if panicked == nil { // what it left behind is nobody's
		s.recycle(c)
	}
}

// serve answers what a call's route asks for.
func (s *Server) serve(c *call) error {
	k := c.route.kind
	if k == unknown {
		return &protocol.Error{Status: http.StatusNotFound, Message: "there is nothing at this path"}
	}
	if k == page {
		return s.servePage(c)
	}
	if err := checkMethod(c.ctx, k); err != nil {
		return err
	}
	if err := s.authenticate(c); err != nil {
		return err
	}
	switch k {
	case openAPI:
		c.ctx.Response.Header.SetContentType("application/yaml")
		s.compress(c, append(c.ctx.Response.SwapBody(nil)[:0], openapiYAML...))
		return nil
	case infer, tfPredict, tfClassify, tfRegress, native:
		return s.predict(c)
	case modelMetadata, modelReady, tfMetadata:
		return s.describe(c)
	default:
		return s.about(c)
	}
}

func checkMethod(ctx *fasthttp.RequestCtx, k kind) error {
	switch {
	case k == repositoryRouting && !ctx.IsGet() && !ctx.IsHead() && !ctx.IsPost():
		ctx.Response.Header.Set(fasthttp.HeaderAllow, "GET, HEAD, POST")
		return &protocol.Error{Status: http.StatusMethodNotAllowed, Message: "use GET or POST"}
	case k == repositoryRouting:
	case k.post() && !ctx.IsPost():
		ctx.Response.Header.Set(fasthttp.HeaderAllow, "POST")
		return &protocol.Error{Status: http.StatusMethodNotAllowed, Message: "use POST"}
	case !k.post() && !ctx.IsGet() && !ctx.IsHead():
		ctx.Response.Header.Set(fasthttp.HeaderAllow, "GET, HEAD")
		return &protocol.Error{Status: http.StatusMethodNotAllowed, Message: "use GET"}
	}
	return nil
}

// fail answers with an error.
func (s *Server) fail(ctx *fasthttp.RequestCtx, err error) {
	status, message := http.StatusInternalServerError, "the server failed; its log says more"
	if known, ok := errors.AsType[*protocol.Error](err); ok {
		status, message = known.Status, known.Message
	} else {
		s.config.Log.Error("a request failed", "path", string(ctx.Path()), "error", err)
	}
	if busy, ok := errors.AsType[*host.Busy](err); ok {
		ctx.Response.Header.Set(fasthttp.HeaderRetryAfter, seconds(busy.RetryAfter))
	}
	if over, ok := errors.AsType[*overQuota](err); ok {
		ctx.Response.Header.Set(fasthttp.HeaderRetryAfter, seconds(over.after))
	}
	s.error(ctx, status, message)
}

func (s *Server) error(ctx *fasthttp.RequestCtx, status int, message string) {
	ctx.SetStatusCode(status)
	ctx.Response.Header.SetContentTypeBytes(typeJSON)
	ctx.Response.SwapBody(protocol.AppendError(ctx.Response.SwapBody(nil)[:0], message))
}

// malformed answers what is no request, and came at a time.
func (s *Server) malformed(ctx *fasthttp.RequestCtx, arrived time.Time, err error) {
	status, message := http.StatusBadRequest, "this is no request of HTTP/1.1"
	var small *fasthttp.ErrSmallBuffer
	var timeout net.Error
	var known *protocol.Error
	switch {
	case errors.As(err, &known):
		status, message = known.Status, known.Message
	case errors.As(err, &small):
		status, message = http.StatusRequestHeaderFieldsTooLarge, "the header is longer than 16 KiB"
	case errors.As(err, &timeout) && timeout.Timeout():
		status, message = http.StatusRequestTimeout, "the request did not come in time"
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		message = "the request is cut off: less came than its header says, or no whole header"
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		status, message = http.StatusRequestEntityTooLarge, tooLarge(s.config.MaxBody).Message
	}
	s.error(ctx, status, message)
	requestID(ctx, make([]byte, 16))
	took := time.Since(arrived)
	s.metrics.count(unknown, status, took)
	if s.access == nil {
		return
	}
	var to asked
	if len(ctx.Request.Header.RawHeaders()) > 0 { // its header is one
		to.method, to.path = string(ctx.Method()), string(ctx.Path())
	}
	s.access.write(ctx, to, arrived, took)
}

// allowed returns an error unless a namespace may use a model.
func (s *Server) allowed(c *call) error {
	if !s.config.Host.Allows(c.namespace, c.route.model) {
		return &protocol.Error{Status: http.StatusForbidden, Message: "the namespace " + c.namespace + " may not use this model"}
	}
	return nil
}
