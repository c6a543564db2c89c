package master

import (
	crand "crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// ballast is a file that takes room in the data folder only to give it back: when the
// disk runs full, Raft can still write its log while the leader hands over, and
// people have room to clean up.
type ballast struct {
	path string
	size int64 // bytes; <= 0: none is wanted
}

// held reports whether the file is there and takes all of its room.
func (b ballast) held() (bool, error) {
	info, err := os.Stat(b.path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("ballast: %w", err)
	}
	const block = 512 // of st_blocks, whatever the file system's are
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && info.Size() == b.size && st.Blocks*block >= b.size, nil
}

// take makes the file, whole or not at all.
func (b ballast) take() error {
	err := b.allocate()
	if err == nil {
		return nil
	}
	return errors.Join(fmt.Errorf("ballast of %d bytes: %w", b.size, err), b.release())
}

func (b ballast) allocate() error {
	f, err := os.OpenFile(b.path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	err = unix.EINTR
	for errors.Is(err, unix.EINTR) {
		err = unix.Fallocate(int(f.Fd()), 0, 0, b.size)
	}
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		err = b.write(f)
	}
	return errors.Join(err, f.Sync(), f.Close())
}

// write is for file systems that allocate nothing without being written to. Random
// bytes take their room where what is written is compressed, too.
func (b ballast) write(f *os.File) error {
	var seed [32]byte
	_, _ = crand.Read(seed[:]) // crypto/rand never fails
	_, err := io.CopyN(f, rand.NewChaCha8(seed), b.size)
	return err
}

// release gives the room back. A ballast that is not there is none to release.
func (b ballast) release() error {
	if err := os.Remove(b.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("release the ballast: %w", err)
	}
	return nil
}
