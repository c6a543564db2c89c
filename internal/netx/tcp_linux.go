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

// progress asks the kernel.
func progress(c syscall.RawConn) (acked uint64, waiting, ok bool) {
	var info *unix.TCPInfo
	var err error
	if e := c.Control(func(fd uintptr) { info, err = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO) }); e != nil || err != nil {
		return 0, false, false
	}
	return info.Bytes_acked, info.Unacked > 0 || info.Notsent_bytes > 0, true
}
