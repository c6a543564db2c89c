package httpd

import (
	"bytes"
	"errors"
	"io"
	"net"
	"time"

	"github.com/valyala/fasthttp"

	"scalar/serving/ui"
)

// Handle answers a request that is in memory.
func (s *Server) Handle(ctx *fasthttp.RequestCtx) { s.handle(ctx, nil, time.Now()) }

// Parse reads a path, and returns the name of what it asks for.
func Parse(path []byte) (kind string, model, version, label []byte) {
	r := parse(path)
	return names[r.kind], r.model, r.version, r.label
}

// Path returns the path of a target, and as fasthttp has it.
func Path(target []byte) (got, want string) {
	var ctx fasthttp.RequestCtx
	ctx.Request.Header.SetHost("x")
	ctx.Request.Header.SetRequestURIBytes(target)
	return string(path(&ctx)), string(ctx.Path())
}

// Patient wraps a connection as servers do.
func Patient(c net.Conn) net.Conn { return &patient{Conn: c} }

// Counted returns the bytes that count against the limit of all bodies.
func (s *Server) Counted() int64 { return s.bodies.used.Load() }

// A Ledger counts for the page.
type Ledger struct{ ledger }

// Count counts an answer.
func (l *Ledger) Count(namespace, model, version string, status int, took time.Duration) {
	l.of(account{namespace, model, version}).add(status, took)
}

// Sum returns what a user sees of a version.
func (l *Ledger) Sum(u ui.User, model, version string) ui.Figures { return l.sum(u, model, version) }

// Gather puts a body together that comes as a reader gives it, and returns it with the most memory that it took beside what had
// come by then.
func Gather(s *Server, from io.Reader, length int) (body []byte, most int, err error) {
	c := &call{limit: s.config.MaxBody}
	g := gathering{s: s, c: c, length: length}
	defer g.end()
	for err == nil {
		var into []byte
		if into, err = g.room(); err != nil {
			return nil, 0, err
		}
		var n int
		n, err = from.Read(into)
		g.took(n)
		most = max(most, cap(c.buffer)+len(g.parts)*firstRead-g.n)
	}
	if errors.Is(err, io.EOF) {
		err = g.join(0)
	}
	body = append(body, c.buffer...)
	s.recycle(c)
	return body, most, err
}

// Decompress returns a copy of what a body becomes that came in an encoding, and the bytes that counted for it meanwhile.
func Decompress(s *Server, encoding string, body []byte) (plain []byte, counted int64, err error) {
	c := &call{body: body, limit: s.config.MaxBody}
	plain, err = s.decompress(c, []byte(encoding))
	plain, counted = bytes.Clone(plain), c.held
	s.recycle(c)
	return plain, counted, err
}
