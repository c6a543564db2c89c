package ring_test

import (
	"encoding/binary"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"scalar/internal/ring"
)

// seals that a ring wants.
const allSeals = unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_SEAL

// memfd returns memory without a name.
func memfd(t *testing.T, size int64, seals int) *os.File {
	t.Helper()
	fd, err := unix.MemfdCreate("test", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		t.Skipf("no memfd: %v", err)
	}
	file := os.NewFile(uintptr(fd), "test")
	t.Cleanup(func() { _ = file.Close() })
	if err := file.Truncate(size); err != nil {
		t.Fatal(err)
	}
	if seals != 0 {
		if _, err := unix.FcntlInt(file.Fd(), unix.F_ADD_SEALS, seals); err != nil {
			t.Fatal(err)
		}
	}
	return file
}

// Memory that could get smaller, or has another size, and what is no memory at all is refused:
// the sockets go on without.
func TestRefusedMemory(t *testing.T) {
	const whole = 4096 + 2*ring.MinSize
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	for name, file := range map[string]*os.File{
		"unsealed": memfd(t, whole, 0), "half sealed": memfd(t, whole, unix.F_SEAL_SHRINK),
		"small": memfd(t, whole-1, allSeals), "large": memfd(t, whole+1, allSeals), "a device": null,
	} {
		t.Run(name, func(t *testing.T) {
			a, b := sockets(t)
			defer a.Close()
			defer b.Close()
			if _, _, err := a.WriteMsgUnix([]byte{1}, unix.UnixRights(int(file.Fd())), nil); err != nil {
				t.Fatal(err)
			}
			if c, err := ring.Accept(b, ring.MinSize); c != nil || err != nil {
				t.Errorf("got %v, %v", c, err)
			}
			said := make([]byte, 1)
			if _, err := a.Read(said); err != nil || said[0] != 0 {
				t.Errorf("answered %v, %v", said, err)
			}
		})
	}
}

// What is no offer is an error.
func TestNoOffer(t *testing.T) {
	file := memfd(t, 4096+2*ring.MinSize, allSeals)
	fd := int(file.Fd())
	for name, send := range map[string]struct {
		byte byte
		fds  []int
	}{
		"memory without any": {1, nil}, "unknown": {2, nil}, "two": {1, []int{fd, fd, fd}},
	} {
		t.Run(name, func(t *testing.T) {
			a, b := sockets(t)
			defer a.Close()
			defer b.Close()
			var rights []byte
			if send.fds != nil {
				rights = unix.UnixRights(send.fds...)
			}
			if _, _, err := a.WriteMsgUnix([]byte{send.byte}, rights, nil); err != nil {
				t.Fatal(err)
			}
			c, err := ring.Accept(b, ring.MinSize)
			if c != nil || err == nil {
				t.Errorf("got %v, %v", c, err)
			}
		})
	}
	a, b := sockets(t)
	defer b.Close()
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := ring.Accept(b, ring.MinSize); err == nil {
		t.Error("accepted from nobody")
	}
	if _, err := ring.Offer(b, ring.MinSize); err == nil {
		t.Error("offered to nobody")
	}
}

// One end has no memory to offer, or takes none: both use the socket.
func TestWithout(t *testing.T) {
	a, b := sockets(t)
	defer a.Close()
	defer b.Close()
	if _, err := a.Write([]byte{0}); err != nil {
		t.Fatal(err)
	}
	if c, err := ring.Accept(b, ring.MinSize); c != nil || err != nil {
		t.Errorf("accept: %v, %v", c, err)
	}
	if _, err := a.Write([]byte{0}); err != nil { // its answer to the offer below
		t.Fatal(err)
	}
	if c, err := ring.Offer(b, ring.MinSize); c != nil || err != nil {
		t.Errorf("offer: %v, %v", c, err)
	}
}

func TestSizes(t *testing.T) {
	a, b := sockets(t)
	defer a.Close()
	defer b.Close()
	for _, size := range []int{0, -1, ring.MinSize / 2, ring.MinSize + 1, 3 * ring.MinSize, 2 * ring.MaxSize} {
		if _, err := ring.Offer(a, size); err == nil || !strings.Contains(err.Error(), "power of two") {
			t.Errorf("offer of %d: %v", size, err)
		}
		if _, err := ring.Accept(b, size); err == nil || !strings.Contains(err.Error(), "power of two") {
			t.Errorf("accept of %d: %v", size, err)
		}
	}
}

// Positions that cannot be are an error, and nothing outside the ring is touched.
func TestDamagedPositions(t *testing.T) {
	for _, at := range []uint64{ring.MinSize + 1, 1 << 32, 1 << 63} {
		file := memfd(t, 4096+2*ring.MinSize, allSeals)
		mem, err := unix.Mmap(int(file.Fd()), 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
		if err != nil {
			t.Fatal(err)
		}
		a, b := sockets(t)
		if _, _, err := a.WriteMsgUnix([]byte{1}, unix.UnixRights(int(file.Fd())), nil); err != nil {
			t.Fatal(err)
		}
		c, err := ring.Accept(b, ring.MinSize)
		if err != nil || c == nil {
			t.Fatalf("accept: %v, %v", c, err)
		}
		binary.NativeEndian.PutUint64(mem, at)           // written by the one who offers
		binary.NativeEndian.PutUint64(mem[512+128:], at) // read by it
		if n, err := c.Read(make([]byte, 100)); n != 0 || err == nil || !strings.Contains(err.Error(), "damaged") {
			t.Errorf("read %d bytes of a ring written to %d: %v", n, at, err)
		}
		if n, err := c.Write(make([]byte, 100)); n != 0 || err == nil || !strings.Contains(err.Error(), "damaged") {
			t.Errorf("wrote %d bytes into a ring read to %d: %v", n, at, err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		_ = a.Close()
		if err := unix.Munmap(mem); err != nil {
			t.Error(err)
		}
	}
}
