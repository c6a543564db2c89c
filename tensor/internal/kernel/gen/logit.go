package main

import (
	"math"
	"slices"
)

// Fields of kernel.Logits.
const (
	fieldLogitsZ, fieldLogitsLosses, fieldLogitsSlopes = 0, 24, 48
	fieldLogitsClasses, fieldLogitsRows                = 72, 80
	fieldLogitsRight                                   = 96
)

// A wide writes operations on float64. The arithmetic is that of logit.go in package kernel, step
// by step.
type wide struct {
	*asm
	consts *[]uint64
}

// do sets vector to = x op y.
func (w *wide) do(op string, to, x, y int) { w.op("%s %s, %s, %s", op, w.v(y), w.v(x), w.v(to)) }

// bits brings a constant into all lanes.
func (w *wide) bits(x uint64, to int) {
	i := slices.Index(*w.consts, x)
	if i < 0 {
		i = len(*w.consts)
		*w.consts = append(*w.consts, x)
	}
	w.op("VBROADCASTSD wide<>+%d(SB), %s", 8*i, w.v(to))
}

func (w *wide) number(x float64, to int) { w.bits(math.Float64bits(x), to) }

// with sets vector to = vector 3 op a constant; scratch is overwritten.
func (w *wide) with(op string, to int, constant float64, scratch int) {
	w.number(constant, scratch)
	w.do(op, to, 3, scratch)
}

// horner sets vector to to a polynomial in vector x, the first of the coefficients that of the
// highest power. It takes scratch.
func (w *wide) horner(to, x, scratch int, coefficients []float64) {
	w.number(coefficients[0], to)
	for _, c := range coefficients[1:] {
		w.number(c, scratch)
		w.op("VFMADD213PD %s, %s, %s", w.v(scratch), w.v(x), w.v(to)) // to = to·x + scratch
	}
}

// choose sets vector to to y where x compares with vector z, else to what it is. It takes 8.
func (w *wide) choose(predicate, x, z, y, to int) {
	const scratch = 8
	if w.masks {
		w.op("VCMPPD $%d, %s, %s, K1", predicate, w.v(z), w.v(x))
		w.op("VMOVAPD %s, K1, %s", w.v(y), w.v(to))
		return
	}
	w.op("VCMPPD $%d, %s, %s, %s", predicate, w.v(z), w.v(x), w.v(scratch))
	w.op("VBLENDVPD %s, %s, %s, %s", w.v(scratch), w.v(y), w.v(to), w.v(to))
}

// Predicates of comparisons: ordered, quiet.
const (
	greater     = 0x1e
	lessOrEqual = 0x12
)

// logits returns logits<isa>. Registers: SI z, DI losses, DX slopes, R8 classes, BX rows, a multiple of
// 8; R9 counts rows that are right.
func logits(x isa, consts *[]uint64) []byte {
	w := &wide{&asm{isa: x}, consts}
	w.text("logits"+x.name+" computes losses and slopes of rows of two classes.", "logits"+x.name, "l *Logits")
	w.fields(field{fieldLogitsZ, "SI"}, field{fieldLogitsLosses, "DI"}, field{fieldLogitsSlopes, "DX"}, field{fieldLogitsClasses, "R8"}, field{fieldLogitsRows, "BX"})
	w.op("XORQ R9, R9")
	w.label("loop")
	w.op("VMOVUPD (SI), %s", w.v(0))
	if x.masks {
		w.op("VPMOVZXDQ (R8), Z1")
	} else {
		w.op("VPMOVZXDQ (R8), Y1")
	}
	w.op("VPSLLQ $63, %s, %s", w.v(1), w.v(1)) // the sign of a row of class 1
	w.right()
	w.bits(1<<63, 2)
	w.logic("XOR", 3, 1, 2)
	w.logic("XOR", 0, 0, 3) // 0: the margin, z or -z
	w.logic("OR", 3, 0, 2)  // -|margin|
	w.exponential()
	w.slope()
	w.logarithm()
	lanes := x.lanes / 2
	for _, reg := range []string{"SI", "DI", "DX"} {
		w.op("ADDQ $%d, %s", x.bytesPer(), reg)
	}
	w.op("ADDQ $%d, R8", 4*lanes)
	w.op("SUBQ $%d, BX", lanes)
	w.op("JNZ loop")
	w.op("MOVQ R9, %d(AX)", fieldLogitsRight)
	w.op("VZEROUPPER")
	w.op("RET")
	return w.out.Bytes()
}

// logic is and, or or exclusive or, of bits. AVX-512's DQ has them for PD too.
func (w *wide) logic(op string, to, x, y int) { w.do("V"+op+"PD", to, x, y) }

// right adds to R9 how many of vector 0 are above 0, of class 1, or not above, of class 0. Vector 1 has
// the classes, as signs. It takes 2 to 4.
func (w *wide) right() {
	w.do("VXORPD", 2, 2, 2)
	if w.masks {
		w.op("VCMPPD $%d, Z2, Z0, K1", greater)
		w.op("VCMPPD $%d, Z2, Z0, K2", lessOrEqual)
		w.op("VPMOVQ2M Z1, K3")
		w.op("KANDW K3, K1, K1")
		w.op("KANDNW K2, K3, K2")
		w.op("KORW K1, K2, K1")
		w.op("KMOVW K1, R10")
	} else {
		w.op("VCMPPD $%d, Y2, Y0, Y3", greater)
		w.op("VCMPPD $%d, Y2, Y0, Y4", lessOrEqual)
		w.op("VBLENDVPD Y1, Y3, Y4, Y3")
		w.op("VMOVMSKPD Y3, R10")
	}
	w.op("POPCNTL R10, R10")
	w.op("ADDQ R10, R9")
}

// Constants of the exponential.
const (
	magic64  = 3 << 51 // added to a number below 2^51, its last bits are the number's integer
	ln2Low64 = 2.3190468138462996e-17
	least64  = -708 // above the end of the normal range
)

// exponential sets vector 3 to its exponential, of what is 0 or below. It takes 4 to 7.
func (w *wide) exponential() {
	w.number(least64, 4)
	w.do("VMAXPD", 3, 4, 3) // NaN stays
	w.with("VMULPD", 4, math.Log2E, 5)
	w.number(magic64, 5)
	w.do("VADDPD", 4, 4, 5)
	w.do("VSUBPD", 6, 4, 5)
	w.do("VPSUBQ", 4, 4, 5)
	w.number(math.Ln2, 5)
	w.op("VFNMADD231PD %s, %s, %s", w.v(5), w.v(6), w.v(3))
	w.number(ln2Low64, 5)
	w.op("VFNMADD231PD %s, %s, %s", w.v(5), w.v(6), w.v(3))
	w.horner(7, 3, 5, taylor64())
	w.bits(1023, 5)
	w.do("VPADDQ", 4, 4, 5)
	w.op("VPSLLQ $52, %s, %s", w.v(4), w.v(4))
	w.do("VMULPD", 3, 7, 4)
}

// taylor64 is 1/13!, … 1/1!, 1.
func taylor64() (c []float64) {
	f := 1.0
	c = []float64{1}
	for i := 1; i <= 13; i++ {
		f *= float64(i)
		c = append(c, 1/f)
	}
	slices.Reverse(c)
	return c
}

// slope stores the slopes: the probability of the other class, of e = exp(-|margin|) in vector 3, the margin
// in 0 and the class's sign in 1. Vector 2 becomes 1. It takes 4 to 6.
func (w *wide) slope() {
	w.number(1, 2)
	w.do("VADDPD", 4, 3, 2)
	w.op("VMOVAPD %s, %s", w.v(2), w.v(5))
	w.do("VXORPD", 6, 6, 6)
	w.choose(greater, 0, 6, 3, 5)
	w.do("VDIVPD", 5, 5, 4)
	w.logic("XOR", 5, 5, 1)
	w.op("VMOVUPD %s, (DX)", w.v(5))
}

// logarithm stores the losses: log(1 + e) less the margin where that is below 0. It is 2·atanh(s) with s
// = e/(e+2), and with (e-1)/(e+3) and log 2 where e is above √2-1. It takes all but 0 and 3.
func (w *wide) logarithm() {
	w.with("VSUBPD", 1, 1, 4)
	w.with("VADDPD", 2, 3, 4)
	w.with("VADDPD", 5, 2, 4)
	w.number(math.Ln2, 6)
	w.do("VXORPD", 7, 7, 7)
	w.number(math.Sqrt2-1, 4)
	w.choose(lessOrEqual, 3, 4, 3, 1)
	w.choose(lessOrEqual, 3, 4, 5, 2)
	w.choose(lessOrEqual, 3, 4, 7, 6)
	w.do("VDIVPD", 1, 1, 2)
	w.do("VMULPD", 2, 1, 1)
	w.horner(5, 2, 4, atanh64())
	w.do("VADDPD", 1, 1, 1)
	w.op("VFMADD213PD %s, %s, %s", w.v(6), w.v(1), w.v(5)) // 5 = 5·1 + 6
	w.bits(1<<63, 1)
	w.logic("XOR", 1, 0, 1) // -margin
	w.do("VMAXPD", 1, 7, 1)
	w.do("VADDPD", 1, 5, 1)
	w.op("VMOVUPD %s, (DI)", w.v(1))
}

// atanh64 is 1/21, … 1/3, 1.
func atanh64() (c []float64) {
	for i := 21; i > 0; i -= 2 {
		c = append(c, 1/float64(i))
	}
	return c
}
