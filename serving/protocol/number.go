package protocol

import (
	"encoding/binary"
	"math"
	"math/bits"
	"strconv"
)

// number takes a number as RFC 8259 has it, and returns its text.
func (p *parser) number() ([]byte, error) {
	end, ok := numberEnd(p.b, p.i)
	if !ok {
		p.i = end
		return nil, p.unexpected("a digit")
	}
	text := p.b[p.i:end:end]
	p.i = end
	return text, nil
}

// numberEnd returns where the number that begins at b[i] ends, or where a digit is missing.
func numberEnd(b []byte, i int) (end int, ok bool) {
	if i < len(b) && b[i] == '-' {
		i++
	}
	start := i
	if i = digitsEnd(b, i); i == start {
		return i, false
	}
	if b[start] == '0' && i > start+1 {
		return start + 1, false
	}
	if i < len(b) && b[i] == '.' {
		start = i + 1
		if i = digitsEnd(b, start); i == start {
			return i, false
		}
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		i++
		if i < len(b) && (b[i] == '-' || b[i] == '+') {
			i++
		}
		start = i
		if i = digitsEnd(b, i); i == start {
			return i, false
		}
	}
	return i, true
}

func digitsEnd(b []byte, i int) int {
	for i < len(b) && b[i]-'0' < 10 {
		i++
	}
	return i
}

const (
	window   = 48 // bytes that quick looks at
	exponent = 60 // the largest power of ten in scale, and the smallest below zero
	asZeros  = 0x3030303030303030
)

// scale has the powers of ten from 10^−exponent on, each rounded once.
var scale = func() (t [2*exponent + 1]float64) {
	for i := range t {
		t[i], _ = strconv.ParseFloat("1e"+strconv.Itoa(i-exponent), 64)
	}
	return t
}()

// tens has the powers of ten of the digits of a word.
var tens = [9]uint64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8}

// room has what a number has to be below for as many digits to fit behind it in 10^18.
var room = [9]uint64{1e18, 1e17, 1e16, 1e15, 1e14, 1e13, 1e12, 1e11, 1e10}

// digits returns the digits at the start of b as a word, the first in its lowest byte, and how many there are, up to 8.
func digits(b *[8]byte) (word uint64, n uint) {
	word = binary.LittleEndian.Uint64(b[:]) ^ asZeros
	// A byte of 10 or more gets its highest bit. It may carry into the one after it, which does
	// not matter: the first is looked for.
	n = uint(bits.TrailingZeros64((word+0x7676767676767676|word)&0x8080808080808080)) >> 3
	return word << (64 - 8*n), n // with zeros before them
}

// value returns the number that eight digits are: pairs, fours, and all by two products.
func value(word uint64) uint64 {
	word = word*10 + word>>8
	return ((word&0x000000FF000000FF)*0x000F424000000064 + (word>>16&0x000000FF000000FF)*0x0000271000000001) >> 32
}

// quick reads the number at b[i], which has a window of bytes. It returns −1 for one that it leaves to strconv,
// or that is none; what follows a number is not looked at.
//
// With m the digits and e the decimal exponent, m × 10^e in float64 has three roundings (of m,
// of the power, of the product), so that it is less than 4 of its units off. It rounds to the right
// float32 unless one of the midpoints between two of them is as near, which their bits tell.
func quick(b []byte, i int) (x float32, end int) {
	w := (*[window]byte)(b[i:])
	j, sign := 0, uint32(0)
	if w[0] == '-' {
		j, sign = 1, 1<<31
	}
	var m uint64
	e := exponent
	if w[j] == '0' {
		if j++; w[j]-'0' < 10 {
			return 0, -1
		}
	} else {
		word, n := digits((*[8]byte)(w[j:]))
		if n == 0 || n == 8 {
			return 0, -1
		}
		m = value(word)
		j += int(n)
	}
	if w[j] == '.' {
		j++
		word, n := digits((*[8]byte)(w[j:]))
		if n == 0 {
			return 0, -1
		}
		m = m*tens[n] + value(word)
		j, e = j+int(n), e-int(n)
		if n == 8 {
			if m, j, e = more(w, m, j, e); j < 0 {
				return 0, -1
			}
		}
	}
	if w[j]|0x20 == 'e' {
		if j, e = power(w, j+1, e); j < 0 {
			return 0, -1
		}
	}
	if m == 0 {
		return math.Float32frombits(sign), i + j
	}
	f := float64(int64(m)) * scale[e]
	u := math.Float64bits(f)
	const margin = 8
	if u&(1<<29-1)-(1<<28-margin) <= 2*margin || u-smallest >= largest-smallest {
		return 0, -1
	}
	return math.Float32frombits(math.Float32bits(float32(f)) | sign), i + j
}

// Bits of the float64s that are normal numbers of float32, and far from its largest.
const (
	smallest = (1023 - 125) << 52
	largest  = (1023 + 126) << 52
)

// more reads the digits of a fraction from the ninth on.
func more(w *[window]byte, m uint64, j, e int) (uint64, int, int) {
	word, n := digits((*[8]byte)(w[j:]))
	if m >= room[n] {
		return 0, -1, 0
	}
	m = m*tens[n] + value(word)
	j, e = j+int(n), e-int(n)
	if n < 8 {
		return m, j, e
	}
	word, n = digits((*[8]byte)(w[j:]))
	if n == 8 || m >= room[n] {
		return 0, -1, 0
	}
	return m*tens[n] + value(word), j + int(n), e - int(n)
}

// power reads an exponent of at most two digits.
func power(w *[window]byte, j, e int) (int, int) {
	negative := w[j] == '-'
	if negative || w[j] == '+' {
		j++
	}
	v := int(w[j] - '0')
	if v > 9 {
		return -1, 0
	}
	if c := w[j+1] - '0'; c < 10 {
		v = v*10 + int(c)
		j++
	}
	if w[j+1]-'0' < 10 {
		return -1, 0
	}
	if negative {
		v = -v
	}
	if e += v; e < 0 || e > 2*exponent {
		return -1, 0
	}
	return j + 1, e
}
