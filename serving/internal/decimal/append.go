package decimal

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
)

// tens has the powers of ten from 10^lowest on: 64 bits of each, rounded up, the first of which is set.
var tens = [...]uint64{
	0x81ceb32c4b43fcf5, 0xa2425ff75e14fc32, 0xcad2f7f5359a3b3f, 0xfd87b5f28300ca0e, 0x9e74d1b791e07e49, 0xc612062576589ddb,
	0xf79687aed3eec552, 0x9abe14cd44753b53, 0xc16d9a0095928a28, 0xf1c90080baf72cb2, 0x971da05074da7bef, 0xbce5086492111aeb,
	0xec1e4a7db69561a6, 0x9392ee8e921d5d08, 0xb877aa3236a4b44a, 0xe69594bec44de15c, 0x901d7cf73ab0acda, 0xb424dc35095cd810,
	0xe12e13424bb40e14, 0x8cbccc096f5088cc, 0xafebff0bcb24aaff, 0xdbe6fecebdedd5bf, 0x89705f4136b4a598, 0xabcc77118461cefd,
	0xd6bf94d5e57a42bd, 0x8637bd05af6c69b6, 0xa7c5ac471b478424, 0xd1b71758e219652c, 0x83126e978d4fdf3c, 0xa3d70a3d70a3d70b,
	0xcccccccccccccccd, 0x8000000000000000, 0xa000000000000000, 0xc800000000000000, 0xfa00000000000000, 0x9c40000000000000,
	0xc350000000000000, 0xf424000000000000, 0x9896800000000000, 0xbebc200000000000, 0xee6b280000000000, 0x9502f90000000000,
	0xba43b74000000000, 0xe8d4a51000000000, 0x9184e72a00000000, 0xb5e620f480000000, 0xe35fa931a0000000, 0x8e1bc9bf04000000,
	0xb1a2bc2ec5000000, 0xde0b6b3a76400000, 0x8ac7230489e80000, 0xad78ebc5ac620000, 0xd8d726b7177a8000, 0x878678326eac9000,
	0xa968163f0a57b400, 0xd3c21bcecceda100, 0x84595161401484a0, 0xa56fa5b99019a5c8, 0xcecb8f27f4200f3a, 0x813f3978f8940985,
	0xa18f07d736b90be6, 0xc9f2c9cd04674edf, 0xfc6f7c4045812297, 0x9dc5ada82b70b59e, 0xc5371912364ce306, 0xf684df56c3e01bc7,
	0x9a130b963a6c115d, 0xc097ce7bc90715b4, 0xf0bdc21abb48db21, 0x96769950b50d88f5, 0xbc143fa4e250eb32, 0xeb194f8e1ae525fe,
	0x92efd1b8d0cf37bf, 0xb7abc627050305ae, 0xe596b7b0c643c71a, 0x8f7e32ce7bea5c70, 0xb35dbf821ae4f38c,
}

const lowest = -31

// zeros are eight digits 0.
const zeros = 0x3030303030303030

// room is how many bytes Append writes at most, those beyond the text too.
const room = 40

// Append appends the shortest decimal that reads as x, which is finite, the nearest to x of several: as encoding/json does, with an
// exponent below 10^−6 and from 10^21 on.
func Append(dst []byte, x float32) []byte {
	n := len(dst)
	b := slices.Grow(dst, room)[:n+room]
	u := math.Float32bits(x)
	b[n] = '-'
	n += int(u >> 31)
	if u &^= 1 << 31; u == 0 {
		b[n] = '0'
		return b[:n+1]
	}
	m, e := shortest(u)
	var digits [16]byte // of which the first that are not zeros count
	first := m / 1e8
	word := spell(m - first*1e8)
	if first > 0 {
		digits[0] = '0' + byte(first)
		binary.LittleEndian.PutUint64(digits[1:], word|zeros)
		e += 9
	} else {
		skip := bits.TrailingZeros64(word) &^ 7
		word >>= skip
		binary.LittleEndian.PutUint64(digits[:], word|zeros)
		e += 8 - skip>>3
	}
	k := 8 - bits.LeadingZeros64(word)>>3 + min(int(first), 1)
	return b[:layOut(b, n, &digits, k, e)]
}

// shortest returns the decimal m·10^e for the bits of a float32 that is above 0 and finite. m has up to 9 digits, of which the last may be
// zeros. It is Schubfach (Giulietti, "The Schubfach way to render doubles", 2020): at the scale where the reals that round to x are wide enough
// for a decimal and not for ten more, one of 2 decimals beside x is the one, of that scale or of the next.
func shortest(u uint32) (m uint32, e int) {
	c, q, edge := u&(1<<23-1), int(u>>23)-150, uint32(0)
	if q == -150 { // subnormal
		q = -149
	} else {
		if c == 0 && q > -149 {
			edge = 1 // the float32 below is half as far as that above
		}
		if c |= 1 << 23; q <= 0 && -q < 24 && c&(1<<-q-1) == 0 {
			return c >> -q, 0
		}
	}
	e = (q*1262611 - int(edge)*524031) >> 22 // ⌊log10 2^q⌋, of 3/4·2^q at an edge
	ten := tens[-e-lowest]
	h := q + (-e*1741647)>>19 + 1 // ⌊log2 10^−e⌋
	odd := c & 1
	low, x, high := scaled(ten, (4*c-2+edge)<<h)+odd, scaled(ten, 4*c<<h), scaled(ten, (4*c+2)<<h)-odd
	s := x / 4
	if s >= 10 {
		ten := s / 10
		under, over := low <= 40*ten, 40*ten+40 <= high
		if under != over {
			return ten + flag(over), e + 1
		}
	}
	under, over := low <= 4*s, 4*s+4 <= high
	if under != over {
		return s + flag(over), e
	}
	// Of two as near the even one; at an edge, which happens at 2^−12 alone, the upper, as strconv has it.
	return s + flag(x > 4*s+2 || x == 4*s+2 && (s|edge)&1 == 1), e
}

// scaled returns the product of a number and a power of ten less 64 bits; the last bit is set too if any after it is.
func scaled(ten uint64, c uint32) uint32 {
	high, low := bits.Mul64(ten, uint64(c))
	return uint32(high) | flag(low>>32 > 1)
}

func flag(b bool) uint32 {
	if b {
		return 1
	}
	return 0
}

// spell returns the digits of a number below 10^8, the first in the lowest byte.
func spell(m uint32) uint64 {
	x := uint64(m/1e4) | uint64(m%1e4)<<32
	q := x * 10486 >> 20 & 0x0000007f0000007f // hundreds
	x = q | (x-100*q)<<16
	q = x * 103 >> 10 & 0x000f000f000f000f // tens
	return q | (x-10*q)<<8
}

// layOut writes k digits as the number 0.DIGITS·10^e at b[n], and returns where its text ends.
func layOut(b []byte, n int, digits *[16]byte, k, e int) (end int) {
	switch {
	case e < -5 || e > 21:
		return withExponent(b, n, digits[:k], e-1)
	case e <= 0:
		*(*[8]byte)(b[n:]) = [8]byte{'0', '.', '0', '0', '0', '0', '0', '0'}
		n += 2 - e
		*(*[16]byte)(b[n:]) = *digits
		return n + k
	case e >= k:
		for end = n + copy(b[n:], digits[:k]); end < n+e; end++ {
			b[end] = '0'
		}
		return end
	}
	*(*[16]byte)(b[n+1:]) = *digits
	for i, d := range digits[:e] {
		b[n+i] = d
	}
	b[n+e] = '.'
	return n + k + 1
}

// withExponent writes digits as d.ddde±x.
func withExponent(b []byte, n int, digits []byte, e int) (end int) {
	b[n] = digits[0]
	if n++; len(digits) > 1 {
		b[n] = '.'
		n += 1 + copy(b[n+1:], digits[1:])
	}
	b[n], b[n+1] = 'e', '+'
	if e < 0 {
		b[n+1], e = '-', -e
	}
	if n += 2; e >= 10 {
		b[n] = '0' + byte(e/10)
		n++
	}
	b[n] = '0' + byte(e%10)
	return n + 1
}
