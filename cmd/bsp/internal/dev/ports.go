package dev

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
)

// ports finds n free ports of 127.0.0.1, TCP and UDP, that stay free while a
// daemon restarts: they lie below the range from which the kernel takes the
// local ports of outgoing connections.
func ports(n int) ([]int, error) {
	const lowest = 10000
	highest := ephemeral()
	if highest-lowest < 1000 {
		highest = 65535
	}
	var found []int
	var held []net.Listener
	defer func() {
		for _, l := range held {
			l.Close() //nolint:errcheck,gosec // never used
		}
	}()
	for range 1000 {
		if len(found) == n {
			return found, nil
		}
		port := lowest + rand.IntN(highest-lowest)
		addr := net.JoinHostPort(loopback, strconv.Itoa(port))
		l, err := net.Listen("tcp", addr) //nolint:noctx // loopback, at once
		if err != nil {
			continue
		}
		held = append(held, l)
		if u, err := net.ListenPacket("udp", addr); err == nil { //nolint:noctx // as above
			found = append(found, port)
			u.Close() //nolint:errcheck,gosec // never used
		}
	}
	return nil, fmt.Errorf("no %d free ports of %s between %d and %d", n, loopback, lowest, highest)
}

// ephemeral returns the first port of the kernel's range for outgoing connections.
func ephemeral() int {
	first := 32768 // the usual
	if b, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range"); err == nil {
		var low int
		if _, err := fmt.Sscan(string(b), &low); err == nil {
			first = low
		}
	}
	return first
}

const (
	loopback  = "127.0.0.1"
	localhost = "localhost"
)

// hosts are the names and addresses that every certificate has.
func hosts() []string { return []string{localhost, loopback, "::1"} }
