package httpd

import (
	"errors"
	"net"
	"sync"
	"time"
)

// A patient connection keeps deadlines that are moved with every request, and almost never reached, without moving a timer of the
// runtime each time: a timer that goes off before its time is set again. Deadlines that come nearer are set at once.
type patient struct {
	net.Conn

	reads, writes patience
}

// patience is a deadline of one direction.
type patience struct {
	mu    sync.Mutex
	until time.Time // what was asked for; zero: none
	armed time.Time // what is set; never later, but for none
}

// set moves the deadline.
func (p *patience) set(t time.Time, arm func(time.Time) error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.until = t
	if !p.armed.IsZero() && (t.IsZero() || !t.Before(p.armed)) {
		return nil
	}
	p.armed = t
	return arm(t)
}

// renew sets the deadline again after an error, and reports whether there is time left.
func (p *patience) renew(err error, arm func(time.Time) error) bool {
	var timeout net.Error
	if !errors.As(err, &timeout) || !timeout.Timeout() {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.until.IsZero() && !time.Now().Before(p.until) {
		return false
	}
	p.armed = p.until
	return arm(p.until) == nil
}

// Read implements net.Conn.
func (c *patient) Read(b []byte) (int, error) {
	for {
		n, err := c.Conn.Read(b)
		if err == nil || n > 0 || !c.reads.renew(err, c.Conn.SetReadDeadline) {
			return n, err
		}
	}
}

// Write implements net.Conn.
func (c *patient) Write(b []byte) (n int, err error) {
	for {
		k, err := c.Conn.Write(b[n:])
		if n += k; err == nil || !c.writes.renew(err, c.Conn.SetWriteDeadline) {
			return n, err
		}
	}
}

// SetReadDeadline implements net.Conn.
func (c *patient) SetReadDeadline(t time.Time) error {
	return c.reads.set(t, c.Conn.SetReadDeadline)
}

// SetWriteDeadline implements net.Conn.
func (c *patient) SetWriteDeadline(t time.Time) error {
	return c.writes.set(t, c.Conn.SetWriteDeadline)
}

// SetDeadline implements net.Conn.
func (c *patient) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// CloseWrite ends what is written, where the connection knows that.
func (c *patient) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
