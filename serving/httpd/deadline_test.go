package httpd_test

import (
	"net"
	"os"
	"slices"
	"testing"
	"time"

	"scalar/serving/httpd"
)

// A scripted connection fails its first calls at the deadline, after some bytes, and counts how often deadlines were set.
type scripted struct {
	net.Conn

	fails   int
	partial int
	armed   []time.Time
	written []byte
}

func (c *scripted) SetReadDeadline(t time.Time) error  { c.armed = append(c.armed, t); return nil }
func (c *scripted) SetWriteDeadline(t time.Time) error { return c.SetReadDeadline(t) }

func (c *scripted) Read(b []byte) (int, error) {
	if c.fails--; c.fails >= 0 {
		return 0, os.ErrDeadlineExceeded
	}
	return copy(b, "abc"), nil
}

func (c *scripted) Write(b []byte) (int, error) {
	n := len(b)
	if c.fails--; c.fails >= 0 {
		n = c.partial
	}
	c.written = append(c.written, b[:n]...)
	if n < len(b) {
		return n, os.ErrDeadlineExceeded
	}
	return n, nil
}

// want compares the deadlines that were set, and forgets them.
func (c *scripted) want(t *testing.T, when string, armed ...time.Time) {
	t.Helper()
	if !slices.EqualFunc(c.armed, armed, time.Time.Equal) {
		t.Fatalf("%s: deadlines were set to %v, want %v", when, c.armed, armed)
	}
	c.armed = nil
}

func times() (far, farther, past time.Time) {
	now := time.Now()
	return now.Add(time.Hour), now.Add(2 * time.Hour), now.Add(-time.Hour)
}

// A deadline that moves away is not set again until the one before has gone off; one that comes nearer is.
func TestReadDeadlines(t *testing.T) {
	under := &scripted{partial: 2}
	c := httpd.Patient(under)
	far, farther, past := times()
	b := make([]byte, 8)
	for _, to := range []time.Time{far, farther, {}, farther, far, farther} {
		if err := c.SetReadDeadline(to); err != nil {
			t.Fatal(err)
		}
	}
	under.want(t, "the first", far)
	under.fails = 2
	if n, err := c.Read(b); n != 3 || err != nil {
		t.Fatal(n, err)
	}
	under.want(t, "early", farther, farther)
	if err := c.SetReadDeadline(past); err != nil {
		t.Fatal(err)
	}
	under.want(t, "nearer", past)
	under.fails = 1
	if n, err := c.Read(b); n != 0 || !os.IsTimeout(err) {
		t.Fatal(n, err)
	}
	under.want(t, "late")
}

// The same of writing, which goes on with what is left.
func TestWriteDeadlines(t *testing.T) {
	under := &scripted{partial: 2}
	c := httpd.Patient(under)
	far, farther, past := times()
	if err := c.SetWriteDeadline(far); err != nil {
		t.Fatal(err)
	}
	if err := c.SetWriteDeadline(farther); err != nil {
		t.Fatal(err)
	}
	under.fails = 2
	if n, err := c.Write([]byte("abcdefg")); n != 7 || err != nil || string(under.written) != "abcdefg" {
		t.Fatal(n, err, string(under.written))
	}
	under.want(t, "writes", far, farther, farther)
	if err := c.SetDeadline(past); err != nil {
		t.Fatal(err)
	}
	under.fails, under.armed = 1, nil
	if n, err := c.Write([]byte("abcdefg")); n != 2 || !os.IsTimeout(err) {
		t.Fatal(n, err)
	}
}
