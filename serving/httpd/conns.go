package httpd

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// freshFor is how long a new connection has to send a request when the server ends.
const freshFor = 5 * time.Second

// conns are the connections of a server, and where they come from.
type conns struct {
	ending atomic.Bool // no more are taken

	mu        sync.Mutex // guards what follows, and the change of ending
	all       map[*conn]struct{}
	listeners []net.Listener
	gone      chan struct{} // closed when ending and all are gone
	none      bool          // it is

	lingering sync.WaitGroup // connections that are read on after their last answer; it grows under the lock, before the end
}

// listen adds a listener, unless the server ends.
func (s *conns) listen(ln net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ending.Load() {
		return false
	}
	s.listeners = append(s.listeners, ln)
	return true
}

// enter adds a connection, unless the server ends. Where there are as many as may be it is only read on, after an answer that says so.
func (s *conns) enter(c *conn, most int) (in, lingers bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ending.Load():
		return false, false
	case len(s.all) >= most:
		s.lingering.Add(1)
		return false, true
	}
	s.all[c] = struct{}{}
	return true, false
}

// leave takes a connection out, which may be read on.
func (s *conns) leave(c *conn, lingers bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if lingers {
		s.lingering.Add(1)
	}
	delete(s.all, c)
	s.settle()
}

// settle says so if all are gone; the lock is held.
func (s *conns) settle() {
	if s.ending.Load() && len(s.all) == 0 && !s.none {
		s.none = true
		close(s.gone)
	}
}

// end takes no more connections, ends those that are idle, and returns when the others have answered what has come, or
// with an error when ctx ends before.
func (s *conns) end(ctx context.Context) error {
	s.close()
	select {
	case <-s.gone:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *conns) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ending.Store(true)
	for _, ln := range s.listeners {
		ln.Close() //nolint:errcheck,gosec // it may be closed
	}
	s.listeners = nil
	s.settle()
	now := time.Now()
	for c := range s.all {
		switch {
		case c.phase.CompareAndSwap(idle, closed):
			c.nc.SetReadDeadline(now) //nolint:errcheck,gosec // it wakes up, and closes itself
		case c.phase.Load() == fresh:
			c.nc.SetReadDeadline(now.Add(freshFor)) //nolint:errcheck,gosec // it has one
		}
	}
}
