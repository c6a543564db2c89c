package data

import (
	"math"

	"scalar/bsp/scan"
)

// A cell is what a text of a file is.
type cell uint8

const (
	number   cell = iota
	infinite      // NaN, an infinity, or a number that float32 does not hold
	text
)

// tens are the powers of ten that float64 holds exactly.
var tens = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}

// parse32 reads a text as scan.ParseFloat(text, 32) does, to the bit.
func parse32(b []byte) (float32, cell) {
	if x, ok := decimal(b); ok {
		// A quotient of 64 bits rounds to the right 32 unless it lies half-way between two
		// of them: its own error is less than its last bit.
		if math.Float64bits(x)&(1<<29-1) != 1<<28 {
			return float32(x), number
		}
	}
	x, err := scan.ParseFloat(b, 32)
	return float32(x), kindOf(x, err)
}

// parse64 reads a text as scan.ParseFloat(text, 64) does, to the bit.
func parse64(b []byte) (float64, cell) {
	if x, ok := decimal(b); ok {
		return x, number
	}
	x, err := scan.ParseFloat(b, 64)
	return x, kindOf(x, err)
}

// holds reports whether a float32 holds a number, rounded.
func holds(x float64) bool { return !math.IsInf(float64(float32(x)), 0) }

func kindOf(x float64, err error) cell {
	switch {
	case math.IsNaN(x) || math.IsInf(x, 0): // too large a number too
		return infinite
	case err != nil:
		return text
	}
	return number
}

// decimal reads digits with a point among them, at most 15, as the nearest float64: a
// whole number below 2^53 over a power of ten that is exact, rounded once (Clinger,
// "How to read floating point numbers accurately", 1990).
func decimal(b []byte) (float64, bool) {
	i, negative := 0, false
	if len(b) > 0 && b[0] == '-' {
		i, negative = 1, true
	}
	v, end, ok := scan.Number(b, i)
	if !ok || end-i > 15 {
		return 0, false
	}
	x := float64(v)
	if end < len(b) {
		if b[end] != '.' {
			return 0, false
		}
		low, last, ok := scan.Number(b, end+1)
		decimals := last - end - 1
		if !ok || last != len(b) || end-i+decimals > 15 {
			return 0, false
		}
		x = (x*tens[decimals] + float64(low)) / tens[decimals]
	}
	if negative {
		x = -x
	}
	return x, true
}
