package master

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"

	"scalar/internal/pki"

	"github.com/hashicorp/raft"
	"golang.org/x/sys/unix"
)

// What is spoken on the cluster listener, by ALPN.
const (
	alpnRaft  = "bsp-raft"  // between masters: Raft's RPCs
	alpnMeet  = "bsp-meet"  // between masters: one question, see meet.go
	alpnGroom = "bsp-groom" // groom to master: internal/rpc
)

const (
	handshakeTimeout = 5 * time.Second
	acceptPause      = 50 * time.Millisecond
	maxLinks         = 4096 // connections to known daemons; more are refused
	maxHandshakes    = 256  // of strangers at once; the oldest gives way, since one of ours takes milliseconds
)

// streams is the cluster listener. It accepts TLS 1.3 with a client certificate
// whose role fits the protocol asked for, and is Raft's stream layer.
type streams struct {
	listener  net.Listener
	advertise string // host:port told to others
	server    *tls.Config
	raft      *tls.Config // to dial with
	meet      *tls.Config
	logger    *slog.Logger

	toRaft chan net.Conn // from serve, for Raft's Accept; unbuffered
	done   chan struct{} // closed by Close

	mu      sync.Mutex            // guards what follows
	conns   map[net.Conn]struct{} // all that are open after their handshake, both directions, groom links too
	shaking []net.Conn            // accepted, not known yet; the oldest first
	closed  bool
}

func newStreams(listener net.Listener, advertise string, own *pki.Own, cfg Config) (*streams, error) {
	s := &streams{
		listener: listener, advertise: advertise, logger: cfg.Logger,
		toRaft: make(chan net.Conn), done: make(chan struct{}), conns: make(map[net.Conn]struct{}),
	}
	s.server = own.ServerTLS(pki.ServerOptions{
		Roles: map[string]string{alpnRaft: pki.RoleMaster, alpnMeet: pki.RoleMaster, alpnGroom: pki.RoleGroom},
	})
	name := pki.RoleMaster + "." + cfg.Cluster
	var err error
	if s.raft, err = own.ClientTLS(name, alpnRaft); err != nil {
		return nil, fmt.Errorf("dial masters: %w", err)
	}
	if s.meet, err = own.ClientTLS(name, alpnMeet); err != nil {
		return nil, fmt.Errorf("dial masters: %w", err)
	}
	return s, nil
}

// serve accepts until Close, and returns when every handler has. A handler owns
// its connection; it must return when the connection is closed.
func (s *streams) serve(ctx context.Context, handle map[string]func(context.Context, net.Conn)) error {
	var running sync.WaitGroup
	defer running.Wait()
	for {
		raw, err := s.listener.Accept()
		switch {
		case err == nil:
		case s.isClosed():
			return nil
		case isShortage(err):
			s.logger.Warn("cluster listener", "error", err)
			s.pause()
			continue
		default:
			return fmt.Errorf("cluster listener: %w", err)
		}
		running.Go(func() {
			c, err := s.accept(ctx, raw)
			if err != nil {
				s.logger.Warn("connection refused", "from", raw.RemoteAddr(), "error", err)
				return
			}
			if h := handle[c.ConnectionState().NegotiatedProtocol]; h != nil {
				defer s.forget(c)
				h(ctx, c)
				return
			}
			s.passToRaft(c)
		})
	}
}

// isShortage reports whether a connection was not accepted for want of what
// others may soon give back: too many clients must not end a master.
func isShortage(err error) bool {
	for _, e := range []error{unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// pause waits until another try to accept makes sense.
func (s *streams) pause() {
	timer := time.NewTimer(acceptPause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.done:
	}
}

func (s *streams) accept(ctx context.Context, raw net.Conn) (*tls.Conn, error) {
	if err := s.meetStranger(raw); err != nil {
		return nil, errors.Join(err, raw.Close())
	}
	defer s.forgetStranger(raw)
	c := tls.Server(raw, s.server)
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	err := c.HandshakeContext(ctx)
	if err == nil {
		err = s.track(c)
	}
	if err != nil {
		return nil, errors.Join(err, raw.Close())
	}
	return c, nil
}

// meetStranger counts a connection whose handshake begins, and closes the oldest
// of too many: strangers must not keep masters and grooms out.
func (s *streams) meetStranger(raw net.Conn) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return net.ErrClosed
	}
	s.shaking = append(s.shaking, raw)
	var oldest net.Conn
	if len(s.shaking) > maxHandshakes {
		oldest = s.shaking[0]
		s.shaking = slices.Delete(s.shaking, 0, 1)
	}
	s.mu.Unlock()
	if oldest != nil {
		_ = oldest.Close() // its own goroutine tells
	}
	return nil
}

func (s *streams) forgetStranger(raw net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.Index(s.shaking, raw); i >= 0 {
		s.shaking = slices.Delete(s.shaking, i, i+1)
	}
}

func (s *streams) passToRaft(c net.Conn) {
	select {
	case s.toRaft <- trackedConn{c, s}:
	case <-s.done:
		s.forget(c)
	}
}

// Accept implements raft.StreamLayer.
func (s *streams) Accept() (net.Conn, error) {
	select {
	case c := <-s.toRaft:
		return c, nil
	case <-s.done:
		return nil, net.ErrClosed
	}
}

// Addr implements raft.StreamLayer: the address that others dial.
func (s *streams) Addr() net.Addr { return streamAddr(s.advertise) }

// Dial implements raft.StreamLayer.
func (s *streams) Dial(address raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout) // the interface has no ctx; Close ends the dial's connection
	defer cancel()
	return s.dial(ctx, string(address), s.raft)
}

func (s *streams) dial(ctx context.Context, address string, cfg *tls.Config) (net.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	var ended sync.WaitGroup
	defer ended.Wait()
	defer cancel()
	ended.Go(func() { // Close ends a dial under way
		select {
		case <-s.done:
			cancel()
		case <-ctx.Done():
		}
	})
	d := tls.Dialer{Config: cfg}
	c, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	if err := s.track(c); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return trackedConn{c, s}, nil
}

func (s *streams) track(c net.Conn) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return net.ErrClosed
	case len(s.conns) >= maxLinks:
		return fmt.Errorf("more than %d connections", maxLinks)
	}
	s.conns[c] = struct{}{}
	return nil
}

// forget closes a connection of ours.
func (s *streams) forget(c net.Conn) {
	s.mu.Lock()
	delete(s.conns, c)
	s.mu.Unlock()
	_ = c.Close() // it is no longer needed, whatever state it is in
}

func (s *streams) isClosed() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// Close ends the listener and every connection.
func (s *streams) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	close(s.done)
	open, strangers := s.conns, s.shaking
	s.conns, s.shaking = nil, nil
	s.mu.Unlock()
	err := s.listener.Close()
	for _, c := range strangers {
		_ = c.Close()
	}
	for c := range open {
		_ = closeNow(c)
	}
	return err
}

// closeNow closes the socket below TLS: a goodbye could wait for a full buffer.
func closeNow(c net.Conn) error {
	if t, ok := c.(*tls.Conn); ok {
		return t.NetConn().Close()
	}
	return c.Close()
}

// trackedConn forgets itself when closed.
type trackedConn struct {
	net.Conn
	in *streams
}

// Close closes the connection.
func (c trackedConn) Close() error {
	c.in.mu.Lock()
	delete(c.in.conns, c.Conn)
	c.in.mu.Unlock()
	return c.Conn.Close()
}

type streamAddr string

// Network returns "tcp".
func (streamAddr) Network() string { return "tcp" }

// String returns host:port.
func (a streamAddr) String() string { return string(a) }
