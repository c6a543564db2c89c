package netx

import (
	"crypto/tls"
	"net"
	"sync"
)

// A Secure is a connection with TLS that can send many records at once: crypto/tls gives each record of
// 16 KiB to the system by itself, and each wakes who reads at the other end.
type Secure struct {
	*tls.Conn
	out *records
}

// SecureClient speaks TLS on a connection that was dialled.
func SecureClient(c net.Conn, cfg *tls.Config) *Secure {
	out := &records{Conn: c}
	return &Secure{tls.Client(out, cfg), out}
}

// SecureListener returns a listener that speaks TLS on what l accepts: Accept returns a *Secure.
func SecureListener(l net.Listener, cfg *tls.Config) net.Listener { return secureListener{l, cfg} }

type secureListener struct {
	net.Listener
	cfg *tls.Config
}

func (l secureListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	out := &records{Conn: c}
	return &Secure{tls.Server(out, l.cfg), out}, nil
}

// Hold keeps what is written from now on until Flush, or until there is no room for it in so many bytes.
func (s *Secure) Hold(most int) {
	s.out.mu.Lock()
	defer s.out.mu.Unlock()
	s.out.most = most
}

// Flush sends what Hold has kept. What is written after it leaves at once.
func (s *Secure) Flush() error {
	s.out.mu.Lock()
	defer s.out.mu.Unlock()
	s.out.most = 0
	return s.out.flush()
}

// records are on their way from TLS to the connection. Who reads may write too: it answers a change of keys.
type records struct {
	net.Conn
	mu   sync.Mutex // guards the fields below
	most int        // bytes that are kept; 0: none
	kept []byte
}

// NetConn returns the connection inside, as tls.Conn's does.
func (r *records) NetConn() net.Conn { return r.Conn }

// Write implements io.Writer.
func (r *records) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.kept)+len(b) > r.most {
		if err := r.flush(); err != nil {
			return 0, err
		}
	}
	if len(b) > r.most {
		return r.Conn.Write(b)
	}
	r.kept = append(r.kept, b...)
	return len(b), nil
}

// flush sends what is kept; mu is held.
func (r *records) flush() error {
	if len(r.kept) == 0 {
		return nil
	}
	_, err := r.Conn.Write(r.kept)
	r.kept = r.kept[:0]
	return err
}
