package kernel

import "math"

// The functions here are what gen/math.go does in vectors, step by step: explicit
// conversions to float32 keep compilers from fusing a product with a sum.

const (
	magic      = 3 << 22 // added to a number below 2^22, its last bits are the number's integer
	ln2Hi      = 355.0 / 512
	ln2Lo      = math.Ln2 - ln2Hi
	invSqrt2Pi = math.Sqrt2 / (2 * math.SqrtPi)
)

func sqrt(x float32) float32 { return float32(math.Sqrt(float64(x))) }

// reduce returns r = x - n·ln 2 and n, the integer for which |r| is least. ln2Hi has 9
// bits, so that its product with n is exact.
func reduce(x float32) (r float32, n int32) {
	t := float32(x*math.Log2E) + magic
	f := t - magic
	r = x - float32(f*ln2Hi)
	r -= float32(f * ln2Lo)
	return r, int32(math.Float32bits(t) - math.Float32bits(magic))
}

// taylor returns (exp(r)-1)/r for |r| up to (ln 2)/2: the terms left out are below 6e-9.
func taylor(r float32) float32 {
	p := float32(1.0 / 5040)
	p = float32(p*r) + 1.0/720
	p = float32(p*r) + 1.0/120
	p = float32(p*r) + 1.0/24
	p = float32(p*r) + 1.0/6
	p = float32(p*r) + 1.0/2
	return float32(p*r) + 1
}

// power returns 2^n, for n from -126 to 127.
func power(n int32) float32 { return math.Float32frombits(uint32(n+127) << 23) }

// exp returns e^x within 2 units of the last place, 0 below -103.98, ∞ above 88.72.
func exp(x float32) float32 {
	if -104 > x {
		x = -104
	}
	if 89 < x {
		x = 89
	}
	r, n := reduce(x)
	half := n >> 1 // in two steps, for results below the normal range
	y := float32(r*taylor(r)) + 1
	return float32(float32(y*power(half)) * power(n-half))
}

// tanh is e/(e+2) with e = exp(2|x|) - 1, and x's sign: near 0 nothing cancels.
func tanh(x float32) float32 {
	const sign = 1 << 31
	b := math.Float32bits(x)
	a := math.Float32frombits(b &^ sign)
	if 10 < a {
		a = 10
	}
	r, n := reduce(a + a)
	p := power(n)
	e := float32(float32(r*taylor(r))*p) + (p - 1)
	return math.Float32frombits(math.Float32bits(e/(e+2)) | b&sign)
}

// normal returns the normal distribution's Φ(x), within 2e-7, and exp(-x²/2). The
// polynomial is that of Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26.
func normal(x float32) (phi, e float32) {
	const sign = 1 << 31
	e = exp(float32(float32(x*x) * -0.5))
	b := math.Float32bits(x)
	t := 1 / (float32(math.Float32frombits(b&^sign)*(0.3275911*math.Sqrt2/2)) + 1)
	p := float32(1.061405429)
	p = float32(p*t) + -1.453152027
	p = float32(p*t) + 1.421413741
	p = float32(p*t) + -0.284496736
	p = float32(p*t) + 0.254829592
	tail := float32(float32(float32(p*t)*e) * 0.5)
	d := math.Float32frombits(math.Float32bits(0.5-tail) ^ b&sign)
	return d + 0.5, e
}
