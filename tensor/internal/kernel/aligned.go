package kernel

import "unsafe"

// Aligned returns n zeros that begin at a multiple of 64 bytes: a cache line.
func Aligned(n int) []float32 {
	const line = 16
	s := make([]float32, n+line-1)
	past := int(uintptr(unsafe.Pointer(unsafe.SliceData(s))) / 4 % line)
	skip := (line - past) % line
	return s[skip : skip+n : skip+n]
}
