package httpd

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"scalar/serving/limit"
	"scalar/serving/ui"
)

// A Server answers requests about the models of a host.
type Server struct {
	config  Config
	http    *fasthttp.Server
	limits  *limit.Limits
	calls   sync.Pool // of *call
	metrics *metrics
	ledger  ledger
	page    *ui.Page
	access  *access
	bodies  budget
	parts   sync.Pool // of *part
	lent    sync.Pool // of *lent

	listening sync.Mutex // guards what follows
	listeners []net.Listener
	down      bool // Shutdown has been called

	setting  sync.Mutex // held while settings change
	settings atomic.Pointer[settings]

	lingering sync.WaitGroup // connections that are read on after their last answer
	lingers   atomic.Int64   // how many they are
	base      context.Context
	cancel    context.CancelFunc
}

// New returns a server. Serve makes it answer.
func New(c Config) (*Server, error) {
	c, err := c.filled()
	if err != nil {
		return nil, fmt.Errorf("serving: %w", err)
	}
	s := &Server{config: c}
	s.bodies.limit = c.MaxBodies
	if s.limits, err = limit.New(nil); err != nil {
		return nil, fmt.Errorf("serving: %w", err)
	}
	s.base, s.cancel = context.WithCancel(context.Background())
	s.calls.New = func() any { return &call{} }
	s.parts.New = func() any { return new(part) }
	if err := s.Set(Settings{c.Keys, c.Quotas, c.Caches}); err != nil {
		return nil, fmt.Errorf("serving: %w", err)
	}
	s.metrics = newMetrics(c.Host, s.kept, &s.bodies)
	s.page = s.newPage()
	if c.Access != nil {
		s.access = newAccess(c.Access)
	}
	s.http = &fasthttp.Server{
		Handler:                      s.handle,
		ErrorHandler:                 s.malformed,
		HeaderReceived:               s.headerReceived,
		ExpectHandler:                s.expect,
		Name:                         c.Name,
		Logger:                       quiet{c.Log},
		Concurrency:                  spare(c.MaxConns),
		ReadBufferSize:               readBuffer,
		ReadTimeout:                  c.HeaderTimeout,
		WriteTimeout:                 c.WriteTimeout,
		IdleTimeout:                  c.IdleTimeout,
		MaxRequestBodySize:           c.MaxBody,
		StreamRequestBody:            true,
		DisablePreParseMultipartForm: true,
		NoDefaultContentType:         true,
		CloseOnShutdown:              true,
		SecureErrorLogMessage:        true,
	}
	return s, nil
}

// readBuffer is how many bytes of a connection are read at once, and the limit of a header.
const readBuffer = 16 << 10

// Serve answers the connections of a listener, over TLS if there is a certificate, until Shutdown; it returns nil then, at once
// if that has been called before.
func (s *Server) Serve(ln net.Listener) error {
	if !s.listen(ln) {
		return ln.Close()
	}
	ln = limited{ln, s}
	if s.config.TLS != nil {
		ln = tls.NewListener(ln, s.config.TLS)
	}
	return s.http.Serve(ln)
}

// listen takes a listener that Shutdown closes, or reports that it has been called.
func (s *Server) listen(ln net.Listener) bool {
	s.listening.Lock()
	defer s.listening.Unlock()
	s.listeners = append(s.listeners, ln)
	return !s.down
}

// deaf closes the listeners: fasthttp knows none of which Serve has not come so far, and closing one twice does nothing.
func (s *Server) deaf() {
	s.listening.Lock()
	defer s.listening.Unlock()
	s.down = true
	for _, ln := range s.listeners {
		_ = ln.Close() // the first to close it has heard of what is wrong
	}
}

// Shutdown takes no more connections, lets the requests that are there be answered, and returns when they
// have been, or with an error when ctx ends before.
func (s *Server) Shutdown(ctx context.Context) error {
	err := s.http.ShutdownWithContext(ctx)
	s.deaf()
	s.cancel()
	s.lingering.Wait()
	s.setting.Lock()
	closeCaches(s.kept())
	s.setting.Unlock()
	if s.access != nil {
		s.access.close()
	}
	return err
}

// headerReceived gives a long body more time than a header. Others come with their header. Of one that is too long no more than a
// byte is waited for before it is refused.
func (s *Server) headerReceived(h *fasthttp.RequestHeader) fasthttp.RequestConfig {
	if h.ContentLength() > s.config.MaxBody {
		return fasthttp.RequestConfig{ReadTimeout: s.config.BodyTimeout, MaxRequestBodySize: 1}
	}
	switch n := h.ContentLength(); {
	case n > readBuffer: // receive reads all of it: what fasthttp reads ahead would be in memory twice
		return fasthttp.RequestConfig{ReadTimeout: s.config.BodyTimeout, MaxRequestBodySize: 1}
	case n == -1:
		return fasthttp.RequestConfig{ReadTimeout: s.config.BodyTimeout}
	}
	return fasthttp.RequestConfig{}
}

// deadline returns when a request has to be answered that arrived at a time, none if timeout is 0.
func deadline(arrived time.Time, timeout time.Duration) time.Time {
	if timeout <= 0 {
		return time.Time{}
	}
	return arrived.Add(timeout)
}
