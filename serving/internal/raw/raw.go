// Package raw reads numbers of little-endian bytes, in place where memory allows.
package raw

import (
	"encoding/binary"
	"math"
	"unsafe"
)

// little says whether the processor keeps numbers as they travel.
var little = func() bool {
	x := uint16(1)
	return *(*byte)(unsafe.Pointer(&x)) == 1
}()

// View returns the float32s that bytes are, in the same memory; false where the bytes
// do not lie as float32s have to, or the processor has another order of bytes. A rest of less than four bytes is left out.
// What it assumes: float32s begin at multiples of 4, and all patterns of bits are float32s.
func View(b []byte) (x []float32, ok bool) {
	if len(b) < 4 || !little || uintptr(unsafe.Pointer(&b[0]))%4 != 0 {
		return nil, false
	}
	return unsafe.Slice((*float32)(unsafe.Pointer(&b[0])), len(b)/4), true
}

// Copy sets x to the float32s that bytes are, four for each.
func Copy(x []float32, b []byte) {
	if !little || len(x) == 0 {
		decode(x, b)
		return
	}
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&x[0])), 4*len(x)), b)
}

// decode is the plain twin of Copy.
func decode(x []float32, b []byte) {
	for i := range x {
		x[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
}
