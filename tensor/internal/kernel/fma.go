package kernel

import "math"

// FMA returns x·y + z, rounded once to float32.
//
// The product of two float32 is exact in float64. Their sum is rounded there, and
// rounding that again to float32 differs from rounding once only where the first result
// lies half way between two float32, or where the second has fewer bits: below the
// normal range (0 is exact in both). These few cases go through rounding to odd, which keeps what the second
// rounding needs to know (Boldo, Melquiond: Emulation of FMA and correctly rounded sums,
// IEEE TC 57(4), 2008, §3).
func FMA(x, y, z float32) float32 {
	p, c := float64(x)*float64(y), float64(z)
	s := p + c
	if delicate(s) {
		return fmaOdd(p, c, s)
	}
	return float32(s)
}

// delicate reports whether rounding s to float32 may not be the right result.
func delicate(s float64) bool {
	b := math.Float64bits(s)
	return b<<35 == 1<<63 || b<<1-1 < leastNormal-1
}

// leastNormal is the smallest normal float32, 2^-126, as a float64 without its sign.
const leastNormal = (1023 - 126) << 53

// fmaOdd returns p + c rounded once to float32, where s is that sum as a float64.
//
//go:noinline
func fmaOdd(p, c, s float64) float32 {
	t := s - p
	lost := (p - (s - t)) + (c - t) // Knuth's two-sum: p + c = s + lost
	b := math.Float64bits(s)
	if b&1 == 0 {
		switch {
		case lost == 0:
		case (lost > 0) == (s > 0):
			b++
		default:
			b--
		}
	}
	return float32(math.Float64frombits(b))
}
