package main

import "math"

// The arithmetic here is that of math.go in package kernel, step by step.

func add(l *line) { l.load("SI", 0); l.load("DX", 1); l.do("VADDPS", 0, 0, 1); l.store(0, "DI") }
func mul(l *line) { l.load("SI", 0); l.load("DX", 1); l.do("VMULPS", 0, 0, 1); l.store(0, "DI") }

func scale(l *line) { l.load("SI", 0); l.do("VMULPS", 0, 0, l.param(0)); l.store(0, "DI") }

func addScaled(l *line) {
	l.load("SI", 0)
	l.do("VMULPS", 0, 0, l.param(0))
	l.load("DI", 1)
	l.do("VADDPS", 0, 1, 0)
	l.store(0, "DI")
}

func relu(l *line) {
	l.load("SI", 0)
	l.do("VXORPS", 1, 1, 1)
	l.do("VMAXPS", 0, 1, 0)
	l.store(0, "DI")
}

func affine(l *line) {
	l.load("SI", 0)
	l.do("VMULPS", 0, 0, l.param(0))
	l.do("VADDPS", 0, 0, l.param(1))
	l.store(0, "DI")
}

// reluGrad keeps y where x is above 0.
func reluGrad(l *line) {
	l.load("SI", 0)
	l.load("DX", 1)
	l.do("VXORPS", 2, 2, 2)
	if l.masks {
		l.op("VCMPPS $%d, %s, %s, K2", greater, l.v(2), l.v(0))
		l.op("VMOVUPS.Z %s, K2, %s", l.v(1), l.v(1))
	} else {
		l.op("VCMPPS $%d, %s, %s, %s", greater, l.v(2), l.v(0), l.v(0))
		l.do("VANDPS", 1, 0, 1)
	}
	l.store(1, "DI")
}

const (
	magic = 3 << 22 // added to a number below 2^22, its last bits are the number's integer
	ln2Hi = 355.0 / 512
	ln2Lo = math.Ln2 - ln2Hi
)

// reduce sets vector 0 to what is left of it when a multiple of ln 2 is subtracted, and
// vector 1 to magic + that multiple. It takes 2 and 3.
func reduce(l *line) {
	l.with("VMULPS", 1, 0, math.Log2E, 2)
	l.with("VADDPS", 1, 1, magic, 2)
	l.do("VSUBPS", 2, 1, 2)
	l.with("VMULPS", 3, 2, ln2Hi, 3)
	l.do("VSUBPS", 0, 0, 3)
	l.with("VMULPS", 3, 2, ln2Lo, 3)
	l.do("VSUBPS", 0, 0, 3)
}

// taylor sets vector 2 to 1 + r/2! + r²/3! + …, 7 terms, for r in vector 0. It takes 3.
func taylor(l *line) {
	l.number(1.0/5040, 2)
	for _, f := range []float64{720, 120, 24, 6, 2, 1} {
		l.do("VMULPS", 2, 2, 0)
		l.with("VADDPS", 2, 2, 1/f, 3)
	}
}

// power sets vector to = 2^i for the integers in vector from. It takes scratch.
func power(l *line, from, to, scratch int) {
	l.bits(127, scratch)
	l.do("VPADDD", to, from, scratch)
	l.op("VPSLLD $23, %s, %s", l.v(to), l.v(to))
}

// expOf sets vector 0 to its exponential. It takes 1 to 4.
func expOf(l *line) {
	l.number(-104, 1)
	l.do("VMAXPS", 0, 1, 0)
	l.number(89, 1)
	l.do("VMINPS", 0, 1, 0)
	reduce(l)
	taylor(l)
	l.do("VMULPS", 0, 0, 2)
	l.with("VADDPS", 0, 0, 1, 3)
	l.number(magic, 3)
	l.do("VPSUBD", 1, 1, 3)
	l.op("VPSRAD $1, %s, %s", l.v(1), l.v(2)) // 2^i in two steps, for results below the normal range
	l.do("VPSUBD", 1, 1, 2)
	power(l, 2, 2, 3)
	power(l, 1, 1, 3)
	l.do("VMULPS", 0, 0, 2)
	l.do("VMULPS", 0, 0, 1)
}

func exp(l *line) {
	l.load("SI", 0)
	l.do("VSUBPS", 0, 0, l.param(0))
	expOf(l)
	l.store(0, "DI")
}

func sigmoid(l *line) {
	l.load("SI", 0)
	l.bits(1<<31, 1)
	l.do("VXORPS", 0, 0, 1)
	expOf(l)
	l.number(1, 1)
	l.do("VADDPS", 0, 0, 1)
	l.do("VDIVPS", 0, 1, 0)
	l.store(0, "DI")
}

func sigmoidGrad(l *line) {
	l.load("SI", 0)
	l.number(1, 1)
	l.do("VSUBPS", 1, 1, 0)
	l.do("VMULPS", 0, 0, 1)
	l.load("DX", 1)
	l.do("VMULPS", 0, 0, 1)
	l.store(0, "DI")
}

// tanh is e/(e+2) with e = exp(2|x|) - 1, and x's sign.
func tanh(l *line) {
	l.load("SI", 0)
	l.bits(1<<31, 1)
	l.do("VANDPS", 5, 0, 1)
	l.do("VXORPS", 0, 0, 5)
	l.number(10, 1)
	l.do("VMINPS", 0, 1, 0)
	l.do("VADDPS", 0, 0, 0)
	reduce(l)
	taylor(l)
	l.do("VMULPS", 0, 0, 2)
	l.number(magic, 3)
	l.do("VPSUBD", 1, 1, 3)
	power(l, 1, 1, 3)
	l.do("VMULPS", 0, 0, 1)
	l.with("VSUBPS", 1, 1, 1, 3)
	l.do("VADDPS", 0, 0, 1)
	l.with("VADDPS", 1, 0, 2, 3)
	l.do("VDIVPS", 0, 0, 1)
	l.do("VORPS", 0, 0, 5)
	l.store(0, "DI")
}

func tanhGrad(l *line) {
	l.load("SI", 0)
	l.do("VMULPS", 0, 0, 0)
	l.number(1, 1)
	l.do("VSUBPS", 0, 1, 0)
	l.load("DX", 1)
	l.do("VMULPS", 0, 0, 1)
	l.store(0, "DI")
}

// normal sets vector 6 to the normal distribution's Φ(x) for x in vector 5, and vector
// 0 to exp(-x²/2). It takes 1 to 4 and 7.
func normal(l *line) {
	l.do("VMULPS", 0, 5, 5)
	l.with("VMULPS", 0, 0, -0.5, 1)
	expOf(l)
	l.bits(1<<31, 1)
	l.do("VANDPS", 7, 5, 1)
	l.do("VXORPS", 1, 5, 7)
	l.with("VMULPS", 1, 1, erfP*math.Sqrt2/2, 2)
	l.number(1, 2)
	l.do("VADDPS", 1, 1, 2)
	l.do("VDIVPS", 1, 2, 1)
	l.number(erfA[4], 2)
	for i := 3; i >= 0; i-- {
		l.do("VMULPS", 2, 2, 1)
		l.with("VADDPS", 2, 2, erfA[i], 3)
	}
	l.do("VMULPS", 2, 2, 1)
	l.do("VMULPS", 2, 2, 0)
	l.with("VMULPS", 2, 2, 0.5, 3)
	l.do("VSUBPS", 2, 3, 2)
	l.do("VXORPS", 2, 2, 7)
	l.do("VADDPS", 6, 2, 3)
}

// Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26.
const erfP = 0.3275911

var erfA = [5]float64{0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429}

func gelu(l *line) {
	l.load("SI", 5)
	normal(l)
	l.do("VMULPS", 0, 5, 6)
	l.store(0, "DI")
}

func geluGrad(l *line) {
	l.load("SI", 5)
	normal(l)
	l.do("VMULPS", 0, 0, 5)
	l.with("VMULPS", 0, 0, 1/math.Sqrt(2*math.Pi), 1)
	l.do("VADDPS", 0, 0, 6)
	l.load("DX", 1)
	l.do("VMULPS", 0, 0, 1)
	l.store(0, "DI")
}
