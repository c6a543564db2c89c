package kernel

import "math"

// Logits are rows of two classes, whose outputs Z are the logarithms of the odds of class 1. The loss of
// a row, in nats, is that of logistic regression, log(1 + exp(-m)), and its slope along Z is -1/(1 +
// exp(m)) of class 1 and the negative of that of class 0, where m is the margin: Z of class 1, -Z of
// class 0. Both are within 4 units of the last place, or, of margins beyond 708, where exp(-708) counts
// for less, within 1e-307. NaN stays NaN.
type Logits struct {
	Z, Losses, Slopes []float64
	Classes           []uint32 // 0 or 1
	right             int      // rows whose class has the odds, class 0 of even ones
}

// Logits computes the losses and slopes of all of l.Z, and returns how many of them are of another class
// than the one that has the odds, which of even odds is 0. Of NaN none has.
func (i ISA) Logits(l *Logits) (wrong int) {
	n := len(l.Z)
	if len(l.Losses) < n || len(l.Slopes) < n || len(l.Classes) < n {
		panic("kernel: fewer losses, slopes or classes than outputs")
	}
	some := Logits{l.Z, l.Losses, l.Slopes, l.Classes[:n], 0}
	whole := n / wide * wide
	right := 0
	if i != Plain && whole > 0 {
		some.Classes = l.Classes[:whole]
		i.logits(&some)
		right = some.right
		some = Logits{l.Z[whole:], l.Losses[whole:], l.Slopes[whole:], l.Classes[whole:n], 0}
	}
	some.plain()
	return n - right - some.right
}

// plain is the operation in Go.
func (l *Logits) plain() {
	for i, z := range l.Z {
		class := uint64(l.Classes[i]) << 63
		if class != 0 && z > 0 || class == 0 && z <= 0 {
			l.right++
		}
		const sign = 1 << 63
		m := math.Float64frombits(math.Float64bits(z) ^ class ^ sign)
		e := exp64(math.Float64frombits(math.Float64bits(m) | sign))
		q := 1.0
		if m > 0 {
			q = e
		}
		l.Slopes[i] = math.Float64frombits(math.Float64bits(q/(1+e)) ^ class)
		loss := math.Float64frombits(math.Float64bits(m) ^ sign)
		if 0 > loss {
			loss = 0
		}
		l.Losses[i] = log1p64(e) + loss
	}
}

// exp64 returns e^x for x up to 0, and exp(-708) below -708: x less a multiple of log 2, 13 terms of
// Taylor's series, and a power of 2.
func exp64(x float64) float64 {
	const (
		least  = -708
		magic  = 3 << 51 // added to a number below 2^51, its last bits are the number's integer
		ln2Low = 2.3190468138462996e-17
	)
	if least > x {
		x = least
	}
	t := float64(x*math.Log2E) + magic
	n := t - magic
	x = math.FMA(-n, math.Ln2, x)
	x = math.FMA(-n, ln2Low, x)
	p := 1.0 / 6227020800
	for _, c := range [...]float64{
		1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880, 1.0 / 40320, 1.0 / 5040, 1.0 / 720,
		1.0 / 120, 1.0 / 24, 1.0 / 6, 1.0 / 2, 1, 1,
	} {
		p = math.FMA(p, x, c)
	}
	power := math.Float64bits(t) - math.Float64bits(magic) + 1023
	return p * math.Float64frombits(power<<52)
}

// log1p64 returns log(1 + e) for e from 0 to 1: 2·atanh of e/(e+2), or, above √2-1, of (e-1)/(e+3), and
// log 2; the terms of the series that are left out are below 1e-18 of it.
func log1p64(e float64) float64 {
	s, d, base := e, e+2, 0.0
	if !(e <= math.Sqrt2-1) {
		s, d, base = e-1, e+3, math.Ln2
	}
	s /= d
	square := float64(s * s)
	p := 1.0 / 21
	for _, c := range [...]float64{1.0 / 19, 1.0 / 17, 1.0 / 15, 1.0 / 13, 1.0 / 11, 1.0 / 9, 1.0 / 7, 1.0 / 5, 1.0 / 3, 1} {
		p = math.FMA(p, square, c)
	}
	return math.FMA(p, s+s, base)
}
