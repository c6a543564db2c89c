package arena

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Forget has the kernel forget what the memory of the file holds, after that is on the disk, as
// it does when memory is short.
func Forget(a *Arena) error {
	for _, e := range a.extents {
		if err := unix.Msync(e, unix.MS_SYNC); err != nil {
			return err
		}
		if err := unix.Madvise(e, unix.MADV_DONTNEED); err != nil {
			return err
		}
	}
	return unix.Fadvise(int(a.file.Fd()), 0, a.end, unix.FADV_DONTNEED)
}

// Resident returns how many pages of b are in memory; b is of the file.
func Resident(b []byte) (int, error) {
	page := os.Getpagesize()
	skip := int(uintptr(unsafe.Pointer(unsafe.SliceData(b))) % uintptr(page))
	at := unsafe.Pointer(uintptr(unsafe.Pointer(unsafe.SliceData(b))) - uintptr(skip))
	in := make([]byte, (skip+len(b)+page-1)/page)
	if _, _, errno := unix.Syscall(unix.SYS_MINCORE, uintptr(at), uintptr(skip+len(b)), uintptr(unsafe.Pointer(&in[0]))); errno != 0 {
		return 0, errno
	}
	n := 0
	for _, x := range in {
		n += int(x & 1)
	}
	return n, nil
}
