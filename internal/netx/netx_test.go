package netx_test

import (
	"io"
	"net"
	"testing"

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

func TestIsLoopback(t *testing.T) {
	for addr, want := range map[string]bool{
		"127.0.0.1": true, "127.9.9.9:80": true, "::1": true, "[::1]:80": true, "localhost:1": true, "localhost": true,
		"0.0.0.0:80": false, ":80": false, "": false, "10.0.0.1": false, "localhost.example.org": false, "a:b:c": false,
	} {
		if got := netx.IsLoopback(addr); got != want {
			t.Errorf("IsLoopback(%q) = %v", addr, got)
		}
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
