package data

import (
	"math"
	"math/big"
)

// A sum adds numbers of float32, and squares of such, without any error: it is a
// fixed-point number from 2^-352 to 2^320, in limbs of 32 bits that are added up without
// carries (Kulisch, "Computer Arithmetic and Validity", 2008). Order and grouping do not
// matter.
type sum struct {
	limbs [limbs]int64
	adds  uint32 // since carries were last taken on
}

const (
	limbs     = 21
	lowestBit = -352 // of limbs[0]; the square of the smallest float32 is 2^-298, with 52 bits below its first
)

// add adds x, a float32 or the square of one.
func (s *sum) add(x float64) {
	bits := math.Float64bits(x)
	exponent := int(bits >> 52 & 0x7ff)
	if exponent == 0 { // zero: nothing as small as a subnormal is a square of float32
		return
	}
	mantissa := bits&(1<<52-1) | 1<<52
	at := exponent - 1075 - lowestBit
	limb, shift := at>>5, uint(at&31)
	low, mid, high := int64(mantissa<<shift&math.MaxUint32), int64(mantissa>>(32-shift)&math.MaxUint32), int64(mantissa>>(64-shift))
	if int64(bits) < 0 {
		low, mid, high = -low, -mid, -high
	}
	s.limbs[limb] += low
	s.limbs[limb+1] += mid
	s.limbs[limb+2] += high
	if s.adds++; s.adds == 1<<30 {
		s.carry()
	}
}

// carry makes all limbs but the last fit 32 bits: equal sums then have equal limbs.
func (s *sum) carry() {
	for i := range limbs - 1 {
		s.limbs[i+1] += s.limbs[i] >> 32
		s.limbs[i] &= math.MaxUint32
	}
	s.adds = 0
}

// merge adds another sum.
func (s *sum) merge(o *sum) {
	s.carry()
	other := *o
	other.carry()
	for i := range s.limbs {
		s.limbs[i] += other.limbs[i]
	}
	s.carry()
}

// value returns the exact sum.
func (s *sum) value() *big.Rat {
	total := new(big.Int)
	for i := limbs - 1; i >= 0; i-- {
		total.Add(total.Lsh(total, 32), big.NewInt(s.limbs[i]))
	}
	return new(big.Rat).SetFrac(total, new(big.Int).Lsh(big.NewInt(1), -lowestBit))
}

// moments returns the mean and the deviation (of all n values, not of a sample) from the
// exact sums of values and of squares: each is rounded once, and the deviation's root once
// more. Of no values both are 0.
func moments(n uint64, sums, squares *big.Rat) (mean, deviation float64) {
	if n == 0 {
		return 0, 0
	}
	count := new(big.Rat).SetInt(new(big.Int).SetUint64(n))
	m := new(big.Rat).Quo(sums, count)
	variance := new(big.Rat).Quo(squares, count)
	variance.Sub(variance, new(big.Rat).Mul(m, m))
	mean, _ = m.Float64()
	v, _ := variance.Float64()
	return mean, math.Sqrt(v)
}
