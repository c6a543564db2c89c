package scan

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/bits"
	"strconv"
)

// MaxNumber is the largest number that Number reads.
const MaxNumber = 1<<63 - 1

// eight reads up to eight digits at b[i:], which has eight bytes, and returns how many
// there are: a byte that is no digit carries into its top bit, and three multiplications
// put pairs, fours and eights together (Lemire, "Quickly parsing eight digits", 2018).
func eight(b []byte, i int) (v uint64, digits int) {
	x := binary.LittleEndian.Uint64(b[i:]) ^ 0x3030303030303030
	other := ((x&0x7f7f7f7f7f7f7f7f + 0x7676767676767676) | x) & 0x8080808080808080
	n := bits.TrailingZeros64(other) >> 3 // 8 if all are
	x <<= uint(64 - 8*n)
	x = x*10 + x>>8
	return ((x&0x000000ff000000ff)*0x000f424000000064 + (x>>16&0x000000ff000000ff)*0x0000271000000001) >> 32, n
}

// Short reads the digits at b[i:], which has eight bytes, if there are at most seven, and
// returns how many there are and the byte after them: 0 after eight, where v is wrong.
func Short(b []byte, i int) (v uint64, digits int, after byte) {
	w := binary.LittleEndian.Uint64(b[i:])
	x := w ^ 0x3030303030303030
	n := bits.TrailingZeros64(((x&0x7f7f7f7f7f7f7f7f+0x7676767676767676)|x)&0x8080808080808080) >> 3
	x <<= uint(64 - 8*n)
	x = x*10 + x>>8
	return ((x&0x000000ff000000ff)*0x000f424000000064 + (x>>16&0x000000ff000000ff)*0x0000271000000001) >> 32, n, byte(w >> uint(8*n))
}

// tens are powers of ten.
var tens = [9]uint64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8}

// Number reads the digits at b[i:] and returns where they end. ok is false
// without digits or above MaxNumber.
func Number(b []byte, i int) (v uint64, end int, ok bool) {
	if len(b)-i >= 8 {
		var n int
		if v, n = eight(b, i); n < 8 {
			return v, i + n, n > 0
		}
		ok = true
		if i += 8; len(b)-i >= 8 {
			low, n := eight(b, i)
			if n < 8 {
				return v*tens[n] + low, i + n, true
			}
			v = v*1e8 + low
			if i += 8; len(b)-i >= 8 {
				if low, n = eight(b, i); n <= 3 { // what is more may not fit 64 bits
					v = v*tens[n] + low
					return v, i + n, v <= MaxNumber
				}
			}
		}
	}
	for ; i < len(b) && b[i]-'0' <= 9; i++ {
		d := uint64(b[i] - '0')
		if v > (MaxNumber-d)/10 {
			return 0, i, false
		}
		v, ok = v*10+d, true
	}
	return v, i, ok
}

// ParseFloat reads a number of 32 or 64 bits as strconv.ParseFloat does, but for what only
// sources of Go write: 1_000 and 0x1p4 are texts. Codes such as 10_1 are not to become numbers.
func ParseFloat(text []byte, bits int) (float64, error) {
	if bytes.ContainsAny(text, "_xX") {
		return 0, strconv.ErrSyntax
	}
	return strconv.ParseFloat(string(text), bits)
}

// Float reads the field b[lo:hi] as a finite number; ok is false if it is none.
func Float(b []byte, lo, hi int) (x float64, ok bool) {
	v, end, ok := Number(b, lo)
	if ok && end == hi && end-lo <= 15 { // a short whole number
		return float64(v), true
	}
	x, err := ParseFloat(b[lo:hi], 64)
	return x, err == nil && !math.IsInf(x, 0) && !math.IsNaN(x)
}

// Blank reports whether c separates fields.
func Blank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' }

// Field returns where the field at or after b[i] on the same line is, empty at the
// line's end.
func Field(b []byte, i int) (lo, hi int) {
	for i < len(b) && Blank(b[i]) {
		i++
	}
	lo = i
	for i < len(b) && b[i] != '\n' && !Blank(b[i]) {
		i++
	}
	return lo, i
}

// LineEnd returns where the line after the one of b[i] starts.
func LineEnd(b []byte, i int) int {
	if n := bytes.IndexByte(b[i:], '\n'); n >= 0 {
		return i + n + 1
	}
	return len(b)
}
