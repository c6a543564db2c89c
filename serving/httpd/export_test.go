package httpd

import (
	"time"

	"github.com/valyala/fasthttp"

	"scalar/serving/ui"
)

// Handle is what fasthttp calls.
func (s *Server) Handle(ctx *fasthttp.RequestCtx) { s.handle(ctx) }

// Parse reads a path, and returns the name of what it asks for.
func Parse(path []byte) (kind string, model, version, label []byte) {
	r := parse(path)
	return names[r.kind], r.model, r.version, r.label
}

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
