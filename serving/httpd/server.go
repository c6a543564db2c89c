package httpd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"scalar/serving/limit"
	"scalar/serving/ui"
)

// A Server answers requests about the models of a host.
type Server struct {
	config  Config
	limits  *limit.Limits
	calls   sync.Pool // of *call
	conns   conns
	pool    sync.Pool // of *conn
	writers sync.Pool // of *bufio.Writer
	metrics *metrics
	ledger  ledger
	page    *ui.Page
	access  *access
	bodies  budget
	parts   sync.Pool // of *part
	lent    sync.Pool // of *lent

	setting  sync.Mutex // held while settings change
	settings atomic.Pointer[settings]

	lingers atomic.Int64 // connections that are read on after their last answer
	base    context.Context
	cancel  context.CancelFunc
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
	s.pool.New = func() any { return &conn{s: s, in: bufio.NewReaderSize(nil, readBuffer)} }
	s.writers.New = func() any { return bufio.NewWriterSize(nil, writeBuffer) }
	s.conns.all, s.conns.gone = map[*conn]struct{}{}, make(chan struct{})
	if err := s.Set(Settings{c.Keys, c.Quotas, c.Caches}); err != nil {
		return nil, fmt.Errorf("serving: %w", err)
	}
	s.metrics = newMetrics(c.Host, s.kept, &s.ledger, &s.bodies)
	s.page = s.newPage()
	if c.Access != nil {
		s.access = newAccess(c.Access)
	}
	return s, nil
}

// Serve answers the connections of a listener, over TLS if there is a certificate, until Shutdown; it returns nil then.
func (s *Server) Serve(ln net.Listener) error {
	if !s.conns.listen(ln) {
		return ln.Close()
	}
	for {
		nc, err := ln.Accept()
		var fault interface{ Temporary() bool }
		switch {
		case err == nil:
			s.accept(nc)
		case s.conns.ending.Load():
			return nil
		case errors.As(err, &fault) && fault.Temporary(): // such as too many open files
			s.config.Log.Error("a connection was not taken", "error", err)
			time.Sleep(acceptPause)
		default:
			return fmt.Errorf("serving: %w", err)
		}
	}
}

// acceptPause is how long no connection is taken after one that could not be.
const acceptPause = 50 * time.Millisecond

// Shutdown takes no more connections, lets the requests that are there be answered, and returns when they
// have been, or with an error when ctx ends before.
func (s *Server) Shutdown(ctx context.Context) error {
	err := s.conns.end(ctx)
	s.cancel()
	if err == nil { // else some are left, which may yet linger
		s.conns.lingering.Wait()
	}
	s.setting.Lock()
	closeCaches(s.kept())
	s.setting.Unlock()
	if s.access != nil {
		s.access.close()
	}
	return err
}

// deadline returns when a request has to be answered that arrived at a time, none if timeout is 0.
func deadline(arrived time.Time, timeout time.Duration) time.Time {
	if timeout <= 0 {
		return time.Time{}
	}
	return arrived.Add(timeout)
}
