package tensor

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// A bell wakes the one who waits for it: an eventfd, on which a thread sleeps in the
// system. It is rung from any goroutine; rings that nobody has waited for are one.
type bell struct {
	fd      int
	opened  bool
	one, in [8]byte // what is written and read
}

func (b *bell) open() error {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		return fmt.Errorf("tensor: a worker's eventfd: %w", err)
	}
	b.fd, b.opened = fd, true
	binary.NativeEndian.PutUint64(b.one[:], 1)
	return nil
}

func (b *bell) ring() { b.do(unix.Write, b.one[:]) }

func (b *bell) wait() { b.do(unix.Read, b.in[:]) }

// do reads or writes; an open eventfd refuses neither.
func (b *bell) do(call func(int, []byte) (int, error), buffer []byte) {
	for {
		_, err := call(b.fd, buffer)
		if err == nil {
			return
		}
		if !errors.Is(err, unix.EINTR) {
			panic("tensor: an eventfd refuses: " + err.Error())
		}
	}
}

func (b *bell) close() {
	if b.opened {
		_ = unix.Close(b.fd) // nothing was written that could be lost
	}
}
