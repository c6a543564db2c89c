package reduce

import (
	"encoding/binary"
	"fmt"
	"math"
	"unsafe"
)

// number is what travels.
type number interface{ float32 | float64 }

// littleEndian says whether numbers travel as they lie in memory.
func littleEndian() bool {
	x := uint16(1)
	return *(*byte)(unsafe.Pointer(&x)) == 1
}

// asBytes returns numbers as they travel, little-endian: the same memory where the machine
// has them so.
func asBytes[T number](v []T) []byte {
	if len(v) == 0 {
		return []byte{}
	}
	if littleEndian() {
		return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), len(v)*int(unsafe.Sizeof(v[0])))
	}
	var b []byte
	for _, x := range v {
		switch x := any(x).(type) {
		case float32:
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
		case float64:
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
		}
	}
	return b
}

// asNumbers is asBytes back, of n numbers.
func asNumbers[T number](b []byte, n int) ([]T, error) {
	var zero T
	size := int(unsafe.Sizeof(zero))
	if len(b) != n*size {
		return nil, fmt.Errorf("reduce: %d bytes for %d numbers of %d: all peers must call the same", len(b), n, size)
	}
	if n == 0 {
		return nil, nil
	}
	if littleEndian() && uintptr(unsafe.Pointer(unsafe.SliceData(b)))%uintptr(size) == 0 {
		return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), n), nil
	}
	v := make([]T, n)
	for i := range v {
		switch p := any(&v[i]).(type) {
		case *float32:
			*p = math.Float32frombits(binary.LittleEndian.Uint32(b[i*size:]))
		case *float64:
			*p = math.Float64frombits(binary.LittleEndian.Uint64(b[i*size:]))
		}
	}
	return v, nil
}
