package superstep

import "unsafe"

// This file holds the package's use of unsafe: it looks at pointer-free values as
// bytes and back. It assumes a little-endian machine, which FixedCodec checks, and
// addresses aligned for M: chunks begin aligned to 8 and hold whole values only.
// codec_test.go compares it with encoding/binary.

var littleEndian = func() bool {
	x := uint16(1)
	return *(*byte)(unsafe.Pointer(&x)) == 1
}()

// bytesOf returns the memory of ms.
func bytesOf[M any](ms []M) []byte {
	if len(ms) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(ms))), len(ms)*int(unsafe.Sizeof(ms[0])))
}

// viewOf returns b, which holds whole values, as values.
func viewOf[M any](b []byte) []M {
	var m M
	size := int(unsafe.Sizeof(m))
	if len(b) < size || size == 0 {
		return nil
	}
	return unsafe.Slice((*M)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/size)
}

// store writes m to b, which is long enough and aligned.
func store[M any](b []byte, m M) { *(*M)(unsafe.Pointer(unsafe.SliceData(b))) = m }

func sizeOf[M any]() int {
	var m M
	return int(unsafe.Sizeof(m))
}

// or combines the bits of two numbers of equal size.
func or[V Number](a, b V) V {
	if unsafe.Sizeof(a) == 4 {
		x := *(*uint32)(unsafe.Pointer(&a)) | *(*uint32)(unsafe.Pointer(&b))
		return *(*V)(unsafe.Pointer(&x))
	}
	x := *(*uint64)(unsafe.Pointer(&a)) | *(*uint64)(unsafe.Pointer(&b))
	return *(*V)(unsafe.Pointer(&x))
}
