package data

import (
	"unsafe"

	"scalar/bsp/arena"
)

// largeBytes is the size from which on a part of rows is worth large pages.
const largeBytes = 64 << 10

// largeArray returns n zeros, part of what is read here and there.
func largeArray[T byte | float32](n int) []T {
	s := make([]T, n)
	var zero T
	if size := n * int(unsafe.Sizeof(zero)); size >= largeBytes {
		arena.LargePagesAround(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), size))
	}
	return s
}
