package tensor

import "scalar/tensor/internal/kernel"

// aligned returns n zeros, float32 from a multiple of 64 bytes on: a cache line, and a
// vector of AVX-512.
func aligned[T Float](n int) []T {
	var zero T
	if _, ok := any(zero).(float32); ok {
		s, _ := any(kernel.Aligned(n)).([]T)
		return s
	}
	return make([]T, n)
}
