package ring_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"scalar/internal/ring"
)

// killedRole makes the test binary the other end of TestKilled: its socket is descriptor 3.
const killedRole = "RING_TEST_KILLED"

// otherEnd writes without end, and reads nothing.
func otherEnd() error {
	sock := unixConn(failing{}, 3)
	c, err := ring.Accept(sock, ring.MinSize)
	if err != nil {
		return err
	}
	for piece := make([]byte, 3*ring.MinSize+7); ; {
		if _, err := c.Write(piece); err != nil {
			return err
		}
	}
}

type failing struct{}

func (failing) Helper()                           {}
func (failing) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

// TestKilled: who is left when the other process is killed, in the middle of what it writes, reads what
// was written, and then the end; a write that waits for room ends; and the memory is gone.
func TestKilled(t *testing.T) {
	near, far := sockets(t)
	file, err := far.File()
	if err = errors.Join(err, far.Close()); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env, cmd.ExtraFiles = append(os.Environ(), killedRole+"=1"), []*os.File{file}
	if err := errors.Join(cmd.Start(), file.Close()); err != nil {
		t.Fatal(err)
	}
	c, err := ring.Offer(near, ring.MinSize)
	if err != nil || c == nil {
		t.Fatalf("offer: %v, %v", c, err)
	}
	written := make(chan error)
	go func() {
		_, err := c.Write(make([]byte, 10*ring.MinSize)) // it reads nothing
		written <- err
	}()
	if _, err := io.CopyN(io.Discard, c, 100*ring.MinSize); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	if n, err := io.Copy(io.Discard, c); n > ring.MinSize || err != nil {
		t.Errorf("read %d bytes after its death, %v", n, err)
	}
	if err := <-written; !errors.Is(err, syscall.EPIPE) {
		t.Errorf("write: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil || strings.Contains(string(maps), "bsp-ring") {
		t.Errorf("memory is left: %v\n%s", err, maps)
	}
}
