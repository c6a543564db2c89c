package opt

import "math"

// Rate returns the rate of a step, from 0, of steps. After the warmup, with t steps since then
// of T:
//
//	constant   Rate
//	step       Rate · Factor^⌊t/Every⌋
//	cosine     Rate · (1 + cos(π·t/T)) / 2      (Loshchilov and Hutter, SGDR, ICLR 2017, equation 5)
//	linear     Rate · (1 - t/T)
//
// Products and sums are rounded one by one, so that a rate is the same on all processors.
func (o *Optimizer) Rate(step, steps int) float64 {
	if step < o.c.Warmup {
		return o.c.Rate * (float64(step+1) / float64(o.c.Warmup))
	}
	t := step - o.c.Warmup
	part := min(1, float64(t)/float64(max(1, steps-o.c.Warmup)))
	switch o.c.Schedule {
	case Step:
		return o.c.Rate * power(o.c.Factor, t/o.c.Every)
	case Cosine:
		c := cosine(part * (math.Pi / 2)) // (1 + cos 2x)/2 = cos²x
		return o.c.Rate * float64(c*c)
	case Linear:
		return o.c.Rate * (1 - part)
	}
	return o.c.Rate
}

// power returns x^n by squaring.
func power(x float64, n int) float64 {
	p := 1.0
	for ; n > 0; n >>= 1 {
		if n&1 > 0 {
			p *= x
		}
		x *= x
	}
	return p
}

// cosine returns cos x for x in [0, π/2] by its Taylor series, within 1e-15: math.Cos may be
// rounded otherwise where Go fuses products and sums.
func cosine(x float64) float64 {
	square, sum := float64(x*x), 0.0
	for k := 24; k > 0; k -= 2 { // 1 - x²/(1·2)·(1 - x²/(3·4)·(1 - …))
		sum = float64(square/float64(k*(k-1))) * (1 - sum)
	}
	return 1 - sum
}
