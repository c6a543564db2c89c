package netx_test

import (
	"crypto/tls"
	"io"
	"net"
	"testing"
	"time"

	"go.uber.org/goleak"

	"scalar/internal/netx"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestHostPort(t *testing.T) {
	for addr, want := range map[string]struct {
		host string
		port int
	}{
		"":            {"0.0.0.0", 7070},
		"host":        {"host", 7070},
		":80":         {"0.0.0.0", 80},
		"host:0":      {"host", 0},
		"10.0.0.1":    {"10.0.0.1", 7070},
		"10.0.0.1:":   {"10.0.0.1", 7070},
		"::1":         {"::1", 7070},
		"[::1]":       {"::1", 7070},
		"fe80::1%lo":  {"fe80::1%lo", 7070},
		"[::1]:65535": {"::1", 65535},
	} {
		host, port, err := netx.HostPort(addr, "0.0.0.0", 7070)
		if host != want.host || port != want.port || err != nil {
			t.Errorf("HostPort(%q) = %q %d %v", addr, host, port, err)
		}
	}
	for _, addr := range []string{"host:x", "host:65536", "host:-1", "a:b:c", "[::1"} {
		if host, port, err := netx.HostPort(addr, "", 1); err == nil {
			t.Errorf("HostPort(%q) = %q %d, want an error", addr, host, port)
		}
	}
	if got := netx.Join("::1", 5); got != "[::1]:5" {
		t.Errorf("Join: %s", got)
	}
}

func TestListenAndDial(t *testing.T) {
	l, err := netx.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := netx.Port(l.Addr())
	if port == 0 || netx.Advertised(l, "") != l.Addr().String() || netx.Advertised(l, "host") != netx.Join("host", port) {
		t.Errorf("listener at %s: port %d, advertised %s", l.Addr(), port, netx.Advertised(l, ""))
	}
	c, err := netx.Dial(t.Context(), l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	c.Write([]byte("x"))
	c.Close()
	if b, err := io.ReadAll(s); string(b) != "x" || err != nil {
		t.Errorf("read %q %v", b, err)
	}
	s.Close()
}

// What nobody reads is acknowledged as long as there is room for it.
func TestProgress(t *testing.T) {
	l, err := netx.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := netx.Dial(t.Context(), l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	around := tls.Client(c, &tls.Config{})
	before, _, ok := netx.Progress(around)
	if !ok {
		t.Fatal("no TCP link")
	}
	if _, err := c.Write(make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		acked, waiting, ok := netx.Progress(around)
		if ok && acked == before+100 && !waiting {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d acknowledged of 100, waiting %v, %v", acked-before, waiting, ok)
		}
	}
	if err := c.SetWriteDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	for err = nil; err == nil; { // until there is no room
		_, err = c.Write(make([]byte, 1<<20))
	}
	if _, waiting, ok := netx.Progress(around); !ok || !waiting {
		t.Errorf("no room is left, and nothing waits: %v", ok)
	}
	x, y := net.Pipe()
	defer x.Close()
	defer y.Close()
	if _, _, ok := netx.Progress(x); ok {
		t.Error("a pipe is no TCP link")
	}
}

func TestAdvertisedHost(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "name", "::1"} {
		if got := netx.AdvertisedHost(host); got != host {
			t.Errorf("AdvertisedHost(%q) = %q", host, got)
		}
	}
	for _, all := range []string{"", "0.0.0.0", "::"} {
		ip := net.ParseIP(netx.AdvertisedHost(all))
		if ip == nil || ip.IsUnspecified() || ip.IsLinkLocalUnicast() {
			t.Errorf("AdvertisedHost(%q) = %v", all, ip)
		}
	}
	if got := netx.Port(&net.UDPAddr{Port: 5}); got != 5 || netx.Port(&net.UnixAddr{}) != 0 {
		t.Errorf("Port: %d", got)
	}
}
