package host

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"
)

// A door is how a goroutine lets all others go first for which something has come on a connection. The scheduler
// of Go looks at connections only where nothing else can run (or after 10 ms): where every core always has a request
// to compute, runtime.Gosched lets go first who was seen already, and what arrives is seen 10 ms late. So a
// goroutine waits here for a byte that it sends to itself, and is seen along with the others. It is for one goroutine
// at a time.
type door struct {
	in, out *os.File
	raw     syscall.RawConn
	try     func(fd uintptr) bool
	asked   bool
	b       [1]byte
}

func newDoor() (*door, error) {
	in, out, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("a pipe for an executor: %w", err)
	}
	d := &door{in: in, out: out}
	if d.raw, err = in.SyscallConn(); err != nil {
		return nil, errors.Join(err, d.close())
	}
	d.try = d.ask // once: a method value is allocated
	return d, nil
}

// pass returns when those have had their turn for whom something has come.
func (d *door) pass() {
	d.asked = false
	_ = d.raw.Read(d.try) // who cannot wait here goes on at once
	runtime.Gosched()     // of those that are seen together, the last to be ready goes first
}

// ask sends the byte at first, and waits; then it takes it.
func (d *door) ask(fd uintptr) bool {
	if !d.asked {
		d.asked = true
		_, err := d.out.Write(d.b[:])
		return err != nil
	}
	_, err := syscall.Read(int(fd), d.b[:])
	return !errors.Is(err, syscall.EAGAIN)
}

func (d *door) close() error { return errors.Join(d.in.Close(), d.out.Close()) }
