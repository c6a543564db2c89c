package netx

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// userTimeout breaks a link whose sent bytes were not acknowledged for this many
// milliseconds: keep-alive says nothing while data waits.
const userTimeout = 15_000

// control sets what must be set before a socket connects or listens; accepted
// links inherit it.
func control(_, _ string, c syscall.RawConn) error {
	var err error
	if e := c.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, userTimeout)
	}); e != nil {
		return e
	}
	return err
}
