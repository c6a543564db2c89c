package httpd

import "github.com/valyala/fasthttp"

// Handle is what fasthttp calls.
func (s *Server) Handle(ctx *fasthttp.RequestCtx) { s.handle(ctx) }

// Parse reads a path, and returns the name of what it asks for.
func Parse(path []byte) (kind string, model, version, label []byte) {
	r := parse(path)
	return names[r.kind], r.model, r.version, r.label
}

// Counted returns the bytes that count against the limit of all bodies.
func (s *Server) Counted() int64 { return s.bodies.used.Load() }
