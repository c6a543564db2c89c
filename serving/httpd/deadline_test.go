package httpd_test

import (
	"net"
	"os"
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

// A deadline that moves away is not set again until the one before has gone off; one that comes nearer is.
func TestDeadlines(t *testing.T) {
	under := &scripted{partial: 2}
	c := httpd.Patient(under)
	now := time.Now()
	far, farther, past := now.Add(time.Hour), now.Add(2*time.Hour), now.Add(-time.Hour)
	want := func(when string, armed ...time.Time) {
		t.Helper()
		if len(under.armed) != len(armed) {
			t.Fatalf("%s: deadlines were set to %v, want %v", when, under.armed, armed)
		}
		for i := range armed {
			if !under.armed[i].Equal(armed[i]) {
				t.Fatalf("%s: deadlines were set to %v, want %v", when, under.armed, armed)
			}
		}
		under.armed = nil
	}
	b := make([]byte, 8)
	for _, to := range []time.Time{far, farther, {}, farther, far, farther} {
		if err := c.SetReadDeadline(to); err != nil {
			t.Fatal(err)
		}
	}
	want("the first", far)
	under.fails = 2
	if n, err := c.Read(b); n != 3 || err != nil {
		t.Fatal(n, err)
	}
	want("early", farther, farther)
	if err := c.SetReadDeadline(past); err != nil {
		t.Fatal(err)
	}
	want("nearer", past)
	under.fails = 1
	if n, err := c.Read(b); n != 0 || !os.IsTimeout(err) {
		t.Fatal(n, err)
	}
	want("late")

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
	want("writes", far, farther, farther)
	if err := c.SetDeadline(past); err != nil {
		t.Fatal(err)
	}
	under.fails, under.armed = 1, nil
	if n, err := c.Write([]byte("abcdefg")); n != 2 || !os.IsTimeout(err) {
		t.Fatal(n, err)
	}
}
