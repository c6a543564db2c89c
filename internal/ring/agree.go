package ring

import (
	"errors"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// Sizes of a ring of bytes, a power of two.
const (
	MinSize = 4 << 10
	MaxSize = 1 << 30
)

// What the two ends say to each other.
const (
	none   = 0 // no memory: go on without
	memory = 1 // it comes with this byte, or is there
)

// seals keep what is mapped from going away: reading beyond the end of a file kills a process.
const seals = unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_SEAL

// Offer makes memory for size bytes each way, and a stream of it if the other end accepts: it
// calls [Accept] with the same size. It returns nil where the machine has no such memory; sock is
// as before then. Else sock belongs to the stream. Deadlines of sock hold for both.
func Offer(sock *net.UnixConn, size int) (*Conn, error) {
	if err := check(size); err != nil {
		return nil, err
	}
	file, mem, err := makeMemory(total(size))
	if err != nil {
		if _, err := sock.Write([]byte{none}); err != nil {
			return nil, fmt.Errorf("offer memory: %w", err)
		}
		return nil, nil //nolint:nilnil // none is no error
	}
	_, _, err = sock.WriteMsgUnix([]byte{memory}, unix.UnixRights(int(file.Fd())), nil)
	answer := [1]byte{}
	if err = errors.Join(err, file.Close()); err == nil {
		_, err = sock.Read(answer[:])
	}
	if err != nil || answer[0] != memory {
		_ = unix.Munmap(mem) // nobody has it
		if err != nil {
			err = fmt.Errorf("offer memory: %w", err)
		}
		return nil, err
	}
	return newConn(sock, mem, size, 0), nil
}

// Accept is the other end of [Offer].
func Accept(sock *net.UnixConn, size int) (*Conn, error) {
	if err := check(size); err != nil {
		return nil, err
	}
	file, err := receive(sock)
	if err != nil {
		return nil, fmt.Errorf("accept memory: %w", err)
	}
	if file == nil {
		return nil, nil //nolint:nilnil // none is no error
	}
	mem, err := mapMemory(file, total(size))
	answer := byte(memory)
	if err = errors.Join(err, file.Close()); err != nil {
		answer = none
	}
	if _, err := sock.Write([]byte{answer}); err != nil {
		if mem != nil {
			_ = unix.Munmap(mem) // the other end is gone
		}
		return nil, fmt.Errorf("accept memory: %w", err)
	}
	if answer == none {
		return nil, nil //nolint:nilnil // none is no error
	}
	return newConn(sock, mem, size, 1), nil
}

func check(size int) error {
	if size < MinSize || size > MaxSize || size&(size-1) != 0 {
		return fmt.Errorf("ring of %d bytes: want a power of two from %d to %d", size, MinSize, MaxSize)
	}
	return nil
}

// makeMemory returns a sealed file without a name and its mapping.
func makeMemory(size int) (*os.File, []byte, error) {
	fd, err := unix.MemfdCreate("bsp-ring", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, nil, err
	}
	file := os.NewFile(uintptr(fd), "bsp-ring")
	err = file.Truncate(int64(size))
	if err == nil {
		_, err = unix.FcntlInt(file.Fd(), unix.F_ADD_SEALS, seals)
	}
	var mem []byte
	if err == nil {
		mem, err = mapMemory(file, size)
	}
	if err != nil {
		return nil, nil, errors.Join(err, file.Close())
	}
	return file, mem, nil
}

// mapMemory maps a file that has this size for ever.
func mapMemory(file *os.File, size int) ([]byte, error) {
	has, err := unix.FcntlInt(file.Fd(), unix.F_GET_SEALS, 0)
	if err != nil || has&seals != seals {
		return nil, fmt.Errorf("shared memory has seals %#x: %w", has, errors.Join(err, unix.EPERM))
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(file.Fd()), &st); err != nil || st.Size != int64(size) {
		return nil, fmt.Errorf("shared memory of %d bytes instead of %d: %w", st.Size, size, errors.Join(err, unix.EINVAL))
	}
	return unix.Mmap(int(file.Fd()), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
}

// receive returns the file that came, nil if none did.
func receive(sock *net.UnixConn) (*os.File, error) {
	said, rights := [1]byte{}, make([]byte, unix.CmsgSpace(4))
	n, extra, _, _, err := sock.ReadMsgUnix(said[:], rights)
	if err != nil {
		return nil, err
	}
	fds := descriptors(rights[:extra])
	if n == 1 && said[0] == memory && len(fds) == 1 {
		return os.NewFile(uintptr(fds[0]), "bsp-ring"), nil
	}
	for _, fd := range fds {
		_ = unix.Close(fd) // not asked for
	}
	if n == 1 && said[0] == none {
		return nil, nil //nolint:nilnil // none is no error
	}
	return nil, fmt.Errorf("%d bytes %v with %d descriptors instead of shared memory", n, said[:n], len(fds))
}

// descriptors returns those in a control message; there is room for one.
func descriptors(control []byte) (fds []int) {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return nil
	}
	for _, m := range messages {
		if got, err := unix.ParseUnixRights(&m); err == nil {
			fds = append(fds, got...)
		}
	}
	return fds
}
