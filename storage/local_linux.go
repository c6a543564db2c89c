package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

func version(st fs.FileInfo) string {
	if sys, ok := st.Sys().(*syscall.Stat_t); ok {
		return fmt.Sprintf("%d-%d", sys.Ino, st.ModTime().UnixNano())
	}
	return strconv.FormatInt(st.ModTime().UnixNano(), 10)
}

// renameNoReplace renames atomically; a target that is there is fs.ErrExist.
func renameNoReplace(from, to string) error {
	err := unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	if err == nil {
		return nil
	}
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.ENOTSUP) {
		return fmt.Errorf("the file system of %s cannot rename without replacing (RENAME_NOREPLACE): put the output on ext4, xfs, btrfs or tmpfs: %w", to, err)
	}
	return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
}
