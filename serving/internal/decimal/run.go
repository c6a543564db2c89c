//go:build amd64 || arm64

package decimal

import (
	"math"
	"math/bits"
	"unsafe"
)

// powers are those of ten, of 0 to 7 digits.
var powers = [8]uint64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7}

// rooms are what a number has to be below for 0 to 7 digits more to fit in 10^18.
var rooms = [8]uint64{1e18, 1e17, 1e16, 1e15, 1e14, 1e13, 1e12, 1e11}

// scale has the powers 10^−e, each rounded once.
var scale = [32]float64{
	1, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-11, 1e-12, 1e-13, 1e-14, 1e-15,
	1e-16, 1e-17, 1e-18, 1e-19, 1e-20, 1e-21, 1e-22, 1e-23, 1e-24, 1e-25, 1e-26, 1e-27, 1e-28, 1e-29, 1e-30, 1e-31,
}

// A product is too near a midpoint if the bits that float32 does not have are this near to a half.
const half, margin = 1 << 28, 8

// few is how many numbers are read by words before vectors are tried again, at first; twice as many each time that they
// do not help.
const few = 16

// Run reads numbers from b[i] on, with a comma and at most one blank between them, into x until
// it is full. It returns how many there were, and the place behind the last one, or i if there was none.
// It ends before a number that it leaves: one with an exponent, of too many digits, near the midpoint of two float32s, or that
// is none; or after other bytes; and where less than Window bytes are left. What is behind the last number is not looked at,
// but that it makes no exponent of it.
//
// What it assumes: a processor that reads words at any address, little-endian.
func Run(x []float32, b []byte, i int) (n, end int) {
	for limit := few; ; limit *= 2 {
		k, at := fast(x[n:], b, i)
		if k > 0 {
			n, end, limit = n+k, at, few
			if i = comma(b, end); i == end {
				return n, end
			}
		}
		room := len(x)
		if hasVector {
			room = min(room, n+limit)
		}
		if k, at = runWords(x[n:room], b, i); k > 0 {
			n, end = n+k, at
		}
		if n < room || n == len(x) {
			break
		}
		if i = comma(b, end); i == end {
			break
		}
	}
	if n == 0 {
		return 0, i
	}
	return n, end
}

// comma returns the place behind a comma at b[i] and a blank, or i.
func comma(b []byte, i int) int {
	if i >= len(b) || b[i] != ',' {
		return i
	}
	if i++; i < len(b) && b[i] == ' ' {
		i++
	}
	return i
}

// runWords reads numbers eight bytes at a time.
func runWords(x []float32, b []byte, i int) (n, end int) {
	p, last := unsafe.Pointer(unsafe.SliceData(b)), len(b)-Window
	end = i
	for n < len(x) && i <= last {
		j, sign := i, uint32(0)
		if at(p, i) == '-' {
			j, sign = i+1, 1<<31
		}
		first, next := at(p, j)-'0', at(p, j+1)
		if first > 9 {
			break
		}
		m, e := uint64(first), uint(0)
		j++
		if next-'0' <= 9 {
			word := load(p, j)
			k := count(word)
			if first == 0 || k == 64 {
				break
			}
			m = m*powers[k>>3&7] + value(word<<(64-k))
			j += int(k >> 3)
			next = at(p, j)
		}
		if next == '.' {
			if m, e, j = fraction(p, m, j+1); e == 0 {
				break
			}
			next = at(p, j)
		}
		f := float64(int64(m)) * scale[e&31]
		if math.Float64bits(f)&(1<<29-1)-(half-margin) <= 2*margin || next|0x20 == 'e' {
			break
		}
		x[n] = math.Float32frombits(math.Float32bits(float32(f)) | sign)
		n++
		end = j
		if next != ',' {
			break
		}
		i = j + 1
		if at(p, i) == ' ' {
			i++
		}
	}
	return n, end
}

// fraction reads the digits behind a point, of which e is the number; 0: there is none, or they are too many.
func fraction(p unsafe.Pointer, m uint64, j int) (_ uint64, e uint, end int) {
	word := load(p, j)
	k := count(word)
	if k < 64 {
		return m*powers[k>>3&7] + value(word<<(64-k)), k >> 3, j + int(k>>3)
	}
	m = m*1e8 + value(word)
	word = load(p, j+8)
	k = count(word)
	if k <= 16 { // as the shortest texts of float32s have
		word <<= 16 - k
		return m*powers[k>>3&7] + word&0xff*10 + word>>8&0xff, 8 + k>>3, j + 8 + int(k>>3)
	}
	if k < 64 {
		if m >= rooms[k>>3&7] {
			return 0, 0, 0
		}
		return m*powers[k>>3&7] + value(word<<(64-k)), 8 + k>>3, j + 8 + int(k>>3)
	}
	if m >= 1e10 {
		return 0, 0, 0
	}
	m = m*1e8 + value(word)
	word = load(p, j+16)
	if k = count(word); k == 64 || m >= rooms[k>>3&7] {
		return 0, 0, 0
	}
	return m*powers[k>>3&7] + value(word<<(64-k)), 16 + k>>3, j + 16 + int(k>>3)
}

// at returns a byte.
func at(p unsafe.Pointer, i int) byte { return *(*byte)(unsafe.Add(p, i)) }

// load returns eight bytes with '0' taken off each, the first in the lowest.
func load(p unsafe.Pointer, i int) uint64 { return *(*uint64)(unsafe.Add(p, i)) ^ zeros }

// count returns how many bits of a word are digits before the first byte that is none.
func count(word uint64) uint {
	// A byte of 10 or more gets its highest bit. It may carry into the one after it, which does not
	// matter: the first is looked for.
	return uint(bits.TrailingZeros64((word+0x7676767676767676|word)&0x8080808080808080)) &^ 7
}

// value returns the number that eight digits are.
func value(word uint64) uint64 {
	word = word*10 + word>>8 // pairs
	return ((word&0x000000FF000000FF)*0x000F424000000064 + (word>>16&0x000000FF000000FF)*0x0000271000000001) >> 32
}
