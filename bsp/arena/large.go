package arena

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// largePage is the size of a large page, 2 MiB on amd64 and arm64.
const largePage = 2 << 20

// LargePages asks the kernel to back s, which is new, with large pages: what is read here and
// there in many megabytes then takes one step of the processor's page tables and not many. It
// is a wish: the kernel may have none, and nothing changes then.
func LargePages[T any](s []T) {
	var zero T
	at := uintptr(unsafe.Pointer(unsafe.SliceData(s)))
	lo, hi := (at+largePage-1)&^(largePage-1), (at+uintptr(len(s))*unsafe.Sizeof(zero))&^(largePage-1)
	if lo >= hi {
		return
	}
	b := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), len(s)*int(unsafe.Sizeof(zero)))
	_ = unix.Madvise(b[lo-at:hi-at], unix.MADV_HUGEPAGE)
	_ = unix.Madvise(b[lo-at:hi-at], unix.MADV_COLLAPSE) // memory that was used before has small ones
}

// Touch writes to every page of s, which is new and zero and will be read here and there before it is written: the kernel maps zeros for a page that is read
// first, and when it is written has to tell all cores that it is another, which virtual machines take 10 µs for.
func Touch[T any](s []T) {
	const page = 4 << 10
	var zero T
	for i, step := 0, max(page/int(unsafe.Sizeof(zero)), 1); i < len(s); i += step {
		s[i] = zero
	}
}

// LargePagesAround asks the kernel to back s, which is new, and what lies around it with large
// pages as it is written: for what is smaller than such a page, of which there is more beside it.
func LargePagesAround(s []byte) {
	at := uintptr(unsafe.Pointer(unsafe.SliceData(s)))
	lo, hi := at&^(largePage-1), (at+uintptr(len(s))+largePage-1)&^(largePage-1)
	_, _, _ = unix.Syscall(unix.SYS_MADVISE, lo, hi-lo, unix.MADV_HUGEPAGE) // by address: a slice must not reach beyond s
}
