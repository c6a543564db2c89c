package httpd

import (
	"bytes"
	"net/http"
	"strconv"
	"time"

	"scalar/serving/protocol"

	"github.com/valyala/fasthttp"
)

const (
	headerLength  = "Inference-Header-Content-Length"
	headerTimeout = "X-Request-Timeout-Ms"
)

var (
	typeJSON   = []byte("application/json")
	typeBinary = []byte("application/octet-stream")
)

// Names of fields that every request is asked for, as fasthttp has them: it need not make them so each time.
var (
	nameID       = []byte(headerID)
	nameLength   = []byte(headerLength)
	nameTimeout  = []byte(headerTimeout)
	nameEncoding = []byte(fasthttp.HeaderContentEncoding)
)

// predict answers a request with a model's predictions.
func (s *Server) predict(c *call) (err error) {
	if err := s.hold(c); err != nil {
		return err
	}
	defer c.lease.Release()
	if c.route.kind != native {
		if err := checkType(c.ctx.Request.Header.ContentType()); err != nil {
			return err
		}
	}
	body, err := s.read(c)
	if err != nil {
		return err
	}
	if err := s.answer(c, body); err != nil {
		return err
	}
	s.respond(c)
	s.follow(c)
	return nil
}

// answer sets the answer to a body by the version that is held, within quota and deadline.
func (s *Server) answer(c *call, body []byte) error {
	tenant, err := s.enter(c)
	if err != nil {
		return err
	}
	if tenant != nil {
		defer tenant.Leave()
	}
	known := s.recall(c, body)
	if !known {
		if err := s.understand(c, body); err != nil {
			return err
		}
	}
	timeout, err := c.timeout()
	if err != nil {
		return err
	}
	if err := s.room(c); err != nil {
		return err
	}
	if known {
		return nil
	}
	return s.compute(c, deadline(c.arrived, timeout))
}

// understand parses the body of a call, for which there is memory.
func (s *Server) understand(c *call, body []byte) error {
	if len(body) > uncounted/2 {
		binary := len(c.ctx.Request.Header.PeekCanonical(nameLength)) > 0
		if err := s.need(c, c.size()+int64(c.lease.Signature().RequestSize(len(body), binary))); err != nil {
			return err
		}
	}
	return c.parse(body)
}

// room makes sure that there may be an answer to a request that was read, and what a cache keeps of both.
func (s *Server) room(c *call) error {
	n := c.size() + int64(c.lease.Signature().AnswerSize(c.req.Rows))
	if n <= uncounted/2 {
		return nil
	}
	if c.settings.caches[c.lease.Name()] != nil {
		n += 3 * int64(c.req.Size())
	}
	s.trim(c, n)
	return s.need(c, n)
}

// acquire holds the version that answers a call.
func (s *Server) acquire(c *call) (err error) {
	if err := s.allowed(c); err != nil {
		return err
	}
	c.lease, err = s.config.Host.Acquire(c.namespace, c.route.model, c.route.version, c.route.label)
	return err
}

// hold is acquire for a call that counts for the version.
func (s *Server) hold(c *call) error {
	if err := s.acquire(c); err != nil {
		return err
	}
	s.ledger.attach(c)
	return nil
}

// checkType refuses what is neither JSON nor binary. curl sends the type of a form with any data.
func checkType(contentType []byte) error {
	t := contentType
	if i := bytes.IndexByte(t, ';'); i >= 0 {
		t = bytes.TrimRight(t[:i], " \t")
	}
	switch {
	case len(t) == 0, equalFold(t, "application/json"), equalFold(t, "application/octet-stream"),
		equalFold(t, "application/x-www-form-urlencoded"):
		return nil
	}
	return &protocol.Error{Status: http.StatusUnsupportedMediaType, Message: "the type of the content is " + strconv.Quote(clip(t)) + ": want application/json, or application/octet-stream with " + headerLength}
}

// equalFold compares with a text in lower case, without letters beyond ASCII.
func equalFold(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i, x := range b {
		if 'A' <= x && x <= 'Z' {
			x += 'a' - 'A'
		}
		if x != lower[i] {
			return false
		}
	}
	return true
}

// clip returns at most 64 bytes of a text.
func clip(b []byte) string { return string(b[:min(len(b), 64)]) }

// parse reads the body in the form of the route.
func (c *call) parse(body []byte) error {
	sig := c.lease.Signature()
	switch c.route.kind {
	case tfPredict:
		return c.req.ParseTF(sig, body)
	case tfClassify:
		return c.req.ParseClassify(sig, body)
	case tfRegress:
		return c.req.ParseRegress(sig, body)
	case native:
		return c.req.ParseNative(sig, c.ctx.Request.Header.ContentType(), body)
	default:
		length, err := c.length(len(body))
		if err != nil {
			return err
		}
		return c.req.ParseV2(sig, body, length)
	}
}

// length returns the length of a body's JSON, −1 if it is all of it.
func (c *call) length(body int) (int, error) {
	text := c.ctx.Request.Header.PeekCanonical(nameLength)
	if len(text) == 0 {
		return -1, nil
	}
	n, ok := number(text)
	if !ok || n > body {
		return 0, &protocol.Error{Status: http.StatusBadRequest, Message: headerLength + " is " + strconv.Quote(clip(text)) + ": want the length of the JSON, up to the " + strconv.Itoa(body) + " bytes of the body"}
	}
	return n, nil
}

// timeout returns how long the answer may take, by the body or a header: the shorter; 0: as long as it takes.
func (c *call) timeout() (time.Duration, error) {
	t := c.req.Timeout
	text := c.ctx.Request.Header.PeekCanonical(nameTimeout)
	if len(text) == 0 {
		return t, nil
	}
	n, ok := number(text)
	if !ok || n == 0 {
		return 0, &protocol.Error{Status: http.StatusBadRequest, Message: headerTimeout + " is " + strconv.Quote(clip(text)) + ": want a whole number of milliseconds from 1"}
	}
	header := min(time.Duration(min(n, 1<<40))*time.Millisecond, protocol.MaxTimeout)
	if t == 0 || header < t {
		return header, nil
	}
	return t, nil
}

// number reads digits, at most 18 of them.
func number(text []byte) (n int, ok bool) {
	if len(text) == 0 || len(text) > 18 {
		return 0, false
	}
	for _, d := range text {
		if d < '0' || d > '9' {
			return 0, false
		}
		n = n*10 + int(d-'0')
	}
	return n, true
}

// respond writes the answer in the form of the route.
func (s *Server) respond(c *call) {
	resp, sig := &c.ctx.Response, c.lease.Signature()
	out := resp.SwapBody(nil)[:0]
	jsonLength := -1
	switch c.route.kind {
	case tfPredict, tfClassify, tfRegress:
		out = protocol.AppendTF(out, sig, &c.req, &c.answer)
	case native:
		out = protocol.AppendNative(out, sig, &c.req, &c.answer)
	default:
		out, jsonLength = protocol.AppendV2(out, sig, &c.req, &c.answer)
	}
	if jsonLength >= 0 {
		resp.Header.SetContentTypeBytes(typeBinary)
		resp.Header.SetCanonical(nameLength, strconv.AppendInt(c.digits[:0], int64(jsonLength), 10))
	}
	s.compress(c, out)
}

// seconds writes a whole number of seconds.
func seconds(d time.Duration) string { return strconv.Itoa(int(d / time.Second)) }
