//go:build e2e

package e2e_test

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// spy tells what happens in one folder as it happens, by inotify: a process that is
// stopped at an event has had no time for the next fsync.
type spy struct {
	f      *os.File
	buf    []byte
	events []byte // of buf, not yet looked at
}

// spyOn watches a folder for events (unix.IN_…) until the test ends.
func spyOn(t *testing.T, dir string, mask uint32) *spy {
	t.Helper()
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	s := &spy{f: os.NewFile(uintptr(fd), "inotify"), buf: make([]byte, 64<<10)}
	t.Cleanup(func() { _ = s.f.Close() })
	if _, err := unix.InotifyAddWatch(fd, dir, mask); err != nil {
		t.Fatalf("watch %s: %v", dir, err)
	}
	return s
}

// next returns the name in the next event, "" after a limit without one.
func (s *spy) next(t *testing.T, limit time.Duration) string {
	t.Helper()
	for len(s.events) < unix.SizeofInotifyEvent {
		if err := s.f.SetReadDeadline(time.Now().Add(limit)); err != nil {
			t.Fatal(err)
		}
		n, err := s.f.Read(s.buf)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return ""
		}
		if err != nil {
			t.Fatal(err)
		}
		s.events = s.buf[:n]
	}
	size := unix.SizeofInotifyEvent + int(binary.NativeEndian.Uint32(s.events[12:]))
	name := strings.TrimRight(string(s.events[unix.SizeofInotifyEvent:size]), "\x00")
	s.events = s.events[size:]
	return name
}

// drop forgets what has happened so far.
func (s *spy) drop(t *testing.T) {
	t.Helper()
	for s.next(t, time.Millisecond) != "" {
	}
}

// freeze stops processes and returns when they stand still, and what lets them go on:
// those that are still there. It does not mind those that are gone.
func freeze(t *testing.T, pids ...int) (thaw func()) {
	t.Helper()
	for _, pid := range pids {
		_ = syscall.Kill(pid, syscall.SIGSTOP) // may be gone
	}
	thaw = func() {
		for _, pid := range pids {
			_ = syscall.Kill(pid, syscall.SIGCONT) // was killed perhaps
		}
	}
	t.Cleanup(thaw)
	for _, pid := range pids {
		for deadline := time.Now().Add(patience); ; {
			if s := procState(pid); s == 'T' || s == 'Z' || s == 0 {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("process %d does not stop", pid)
			}
		}
	}
	return thaw
}

// procState is the letter of /proc/PID/stat, 0 if there is no such process.
func procState(pid int) byte {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	return rest[0]
}
