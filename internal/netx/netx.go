// Package netx holds the few rules about addresses and TCP that all daemons and
// tasks share: how an address with missing parts is completed, which host to
// advertise, and how fast a dead link is noticed.
package netx

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// HostPort completes an address: "host", ":port", "host:port", "[::1]:port",
// an IPv6 address with brackets or without, or nothing, with the defaults for what
// is missing.
func HostPort(addr, defaultHost string, defaultPort int) (host string, port int, err error) {
	host, port = defaultHost, defaultPort
	if addr == "" {
		return host, port, nil
	}
	bare := addr
	if strings.HasPrefix(addr, "[") && strings.HasSuffix(addr, "]") {
		bare = addr[1 : len(addr)-1]
	}
	if _, err := netip.ParseAddr(bare); err == nil {
		return bare, port, nil
	}
	h, p, err := net.SplitHostPort(addr)
	if err != nil {
		if a, ok := errors.AsType[*net.AddrError](err); ok && a.Err == "missing port in address" {
			h, p = addr, ""
		} else {
			return "", 0, fmt.Errorf("address %q: want HOST:PORT: %w", addr, err)
		}
	}
	if h != "" {
		host = h
	}
	if p != "" {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil {
			return "", 0, fmt.Errorf("address %q: port %q is not a number from 0 to 65535", addr, p)
		}
		port = int(n)
	}
	return host, port, nil
}

// Join puts a host and a port together.
func Join(host string, port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }

// Port returns the port of a TCP or UDP address, 0 for any other.
func Port(a net.Addr) int {
	switch a := a.(type) {
	case *net.TCPAddr:
		return a.Port
	case *net.UDPAddr:
		return a.Port
	}
	return 0
}

// Advertised returns the address that others reach a listener at: its own port
// with the configured host, else with the host it listens on, else, where it
// listens on all, with the first address of this machine that is not loopback.
func Advertised(l net.Listener, configured string) string {
	host := configured
	if host == "" {
		if h, _, err := net.SplitHostPort(l.Addr().String()); err == nil {
			host = AdvertisedHost(h)
		}
	}
	return Join(host, Port(l.Addr()))
}

// AdvertisedHost returns bind itself unless it means all addresses; then the
// first global address of this machine, IPv4 before IPv6, else 127.0.0.1.
func AdvertisedHost(bind string) string {
	if ip := net.ParseIP(bind); bind != "" && (ip == nil || !ip.IsUnspecified()) {
		return bind
	}
	const loopback = "127.0.0.1"
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return loopback
	}
	v6 := ""
	for _, a := range addrs {
		n, ok := a.(*net.IPNet)
		if !ok || !n.IP.IsGlobalUnicast() {
			continue
		}
		if n.IP.To4() != nil {
			return n.IP.String()
		}
		if v6 == "" {
			v6 = n.IP.String()
		}
	}
	if v6 != "" {
		return v6
	}
	return loopback
}

// Listen listens on a TCP address; port 0 takes a free one. Links come tuned as
// by Dial.
func Listen(ctx context.Context, addr string) (net.Listener, error) {
	lc := net.ListenConfig{KeepAliveConfig: keepAlive, Control: control}
	return lc.Listen(ctx, "tcp", addr)
}

// Dial connects to a TCP address. A link whose other machine went silent breaks
// after about 15 s; small writes leave at once (Go's default, TCP_NODELAY).
func Dial(ctx context.Context, addr string) (net.Conn, error) {
	d := net.Dialer{KeepAliveConfig: keepAlive, Control: control}
	return d.DialContext(ctx, "tcp", addr)
}

// Progress tells how many bytes the other machine has acknowledged on a TCP link, or on
// the one inside c, and whether it still has to acknowledge some. It acknowledges
// what the process there does not read, too. ok is false on other and closed links.
func Progress(c net.Conn) (acked uint64, waiting, ok bool) {
	for {
		inner, outer := c.(interface{ NetConn() net.Conn })
		if !outer {
			break
		}
		c = inner.NetConn()
	}
	t, ok := c.(*net.TCPConn)
	if !ok {
		return 0, false, false
	}
	raw, err := t.SyscallConn()
	if err != nil {
		return 0, false, false
	}
	return progress(raw)
}

// keepAlive finds a silent machine in 15 s when nothing is sent.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 6 * time.Second, Interval: 3 * time.Second, Count: 3}
