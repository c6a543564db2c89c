package ring_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"scalar/internal/ring"
)

func TestMain(m *testing.M) {
	if os.Getenv(killedRole) != "" {
		_ = otherEnd()
		return
	}
	goleak.VerifyTestMain(m)
}

// fataler is what the helpers need of *testing.T and *rapid.T.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

// sockets returns the two ends of a Unix socket.
func sockets(t fataler) (a, b *net.UnixConn) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatalf("socketpair: %v", err)
	}
	return unixConn(t, fds[0]), unixConn(t, fds[1])
}

func unixConn(t fataler, fd int) *net.UnixConn {
	t.Helper()
	file := os.NewFile(uintptr(fd), "end")
	conn, err := net.FileConn(file)
	if err = errors.Join(err, file.Close()); err != nil {
		t.Fatalf("socket: %v", err)
	}
	return conn.(*net.UnixConn)
}

// pair returns both ends of a stream of memory.
func pair(t fataler, size int) (a, b *ring.Conn) {
	t.Helper()
	left, right := sockets(t)
	type end struct {
		c   *ring.Conn
		err error
	}
	accepted := make(chan end)
	go func() {
		c, err := ring.Accept(right, size)
		accepted <- end{c, err}
	}()
	a, err := ring.Offer(left, size)
	other := <-accepted
	if err = errors.Join(err, other.err); err != nil || a == nil || other.c == nil {
		t.Fatalf("no memory agreed on: %v %v %v", a, other.c, err)
	}
	return a, other.c
}

// Both ends write and read pieces of any size at once; each gets what the other wrote.
func TestBothWays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := ring.MinSize << rapid.IntRange(0, 6).Draw(t, "size")
		a, b := pair(t, size)
		seed := rapid.Uint64().Draw(t, "seed")
		length := rapid.IntRange(0, 5*size).Draw(t, "length")
		sent := [2][]byte{random(seed, length), random(seed+1, length/2)}
		errs := make(chan error, 4)
		for i, c := range []*ring.Conn{a, b} {
			go func() { errs <- writePieces(c, sent[i], seed) }()
			go func() { errs <- readPieces(c, sent[1-i], seed) }()
		}
		for range 4 {
			if err := <-errs; err != nil {
				t.Fatalf("%v", err)
			}
		}
		if err := errors.Join(a.Close(), b.Close()); err != nil {
			t.Fatalf("close: %v", err)
		}
	})
}

func random(seed uint64, n int) []byte {
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16)})
	b := make([]byte, n)
	_, _ = r.Read(b) // never fails
	return b
}

func writePieces(w io.Writer, b []byte, seed uint64) error {
	r := rand.New(rand.NewPCG(seed, 1))
	for len(b) > 0 {
		n := min(len(b), 1+r.IntN(10_000))
		if _, err := w.Write(b[:n]); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

func readPieces(from io.Reader, want []byte, seed uint64) error {
	r := rand.New(rand.NewPCG(seed, 2))
	buf := make([]byte, 10_000)
	for len(want) > 0 {
		n, err := from.Read(buf[:1+r.IntN(len(buf))])
		if err != nil {
			return err
		}
		if n > len(want) || !bytes.Equal(buf[:n], want[:n]) {
			return errors.New("other bytes than were written")
		}
		want = want[n:]
	}
	return nil
}

// What was written before an end was closed is read, and then the end.
func TestClosed(t *testing.T) {
	a, b := pair(t, ring.MinSize)
	if _, err := a.Write([]byte("last words")); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(b); string(got) != "last words" || err != nil {
		t.Errorf("read %q, %v", got, err)
	}
	if _, err := b.Write(make([]byte, 2*ring.MinSize)); !errors.Is(err, syscall.EPIPE) {
		t.Errorf("writing more than there is room for, to nobody: %v", err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("read after Close: %v", err)
	}
	if _, err := b.Write(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("write after Close: %v", err)
	}
	if err := b.Close(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("second Close: %v", err)
	}
}

// Close ends a Read and a Write of its own end that wait.
func TestCloseWhileWaiting(t *testing.T) {
	a, b := pair(t, ring.MinSize)
	errs := make(chan error, 2)
	go func() {
		_, err := a.Read(make([]byte, 1))
		errs <- err
	}()
	go func() {
		_, err := a.Write(make([]byte, 2*ring.MinSize))
		errs <- err
	}()
	if _, err := b.Read(make([]byte, ring.MinSize/4)); err != nil { // the writer has begun
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := <-errs; !errors.Is(err, net.ErrClosed) && !errors.Is(err, io.EOF) && !errors.Is(err, syscall.EPIPE) {
			t.Errorf("got %v", err)
		}
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
}

// A writer without room gives up at its deadline, also one that is set while it waits.
func TestWriteDeadline(t *testing.T) {
	a, b := pair(t, ring.MinSize)
	defer b.Close()
	defer a.Close()
	done := make(chan error)
	go func() {
		_, err := a.Write(make([]byte, 2*ring.MinSize))
		done <- err
	}()
	if _, err := io.ReadFull(b, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if err := a.SetWriteDeadline(time.Now().Add(time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if err := <-done; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if err := a.SetDeadline(time.Now()); !errors.Is(err, os.ErrNoDeadline) {
		t.Errorf("SetDeadline: %v", err)
	}
	if err := a.SetReadDeadline(time.Now()); !errors.Is(err, os.ErrNoDeadline) {
		t.Errorf("SetReadDeadline: %v", err)
	}
}
