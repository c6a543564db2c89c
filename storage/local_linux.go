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

// renameNoReplace renames a folder; a target that is there is fs.ErrExist.
func renameNoReplace(from, to string) error { return renameWith(unix.Renameat2, from, to) }

// renameWith is renameNoReplace by a system call that may know no RENAME_NOREPLACE,
// as on NFS: then it looks first. A target of somebody else's that appears before
// the plain rename is not lost: a folder replaces nothing but an empty folder.
func renameWith(renameat2 func(fromDir int, from string, toDir int, to string, flags uint) error, from, to string) error {
	err := renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.ENOTSUP) {
		_, statErr := os.Lstat(to)
		switch {
		case statErr == nil:
			err = unix.EEXIST
		case errors.Is(statErr, fs.ErrNotExist):
			err = unix.Rename(from, to)
		default:
			return statErr
		}
	}
	if err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return nil
}

// send has the kernel begin to write a part of a file to the disk, and waits for nothing but
// room in the disk's queue.
func send(f *os.File, at, n int64) {
	_ = unix.SyncFileRange(int(f.Fd()), at, n, unix.SYNC_FILE_RANGE_WRITE) // it is written by Sync then
}
