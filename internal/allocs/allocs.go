// Package allocs counts what code allocates. Tests of decoders call it, to show
// that bytes from outside take no more memory than their limit says.
package allocs

import "runtime/metrics"

// Bytes calls f and returns the bytes that the process allocated on the heap
// meanwhile, freed ones included. Small objects are counted a span at a time, so
// that the figure is some 10 KiB rough; what other goroutines allocate is in it.
func Bytes(f func()) uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	before := s[0].Value.Uint64()
	f()
	metrics.Read(s)
	return s[0].Value.Uint64() - before
}
