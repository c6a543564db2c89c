package main

import "math/bits"

// Fields of kernel.Largest.
const (
	fieldLargestRows, fieldLargestPlaces = 0, 24
	fieldLargestCount                    = 32 // of places: the rows
	fieldLargestWidth                    = 48
)

// largest returns largest<isa>: where each row's largest value lies. A first pass finds the
// value, which NaN never is: VMAXPS returns its second operand then, here the largest so far. A
// second one finds the first place that has it. Registers: SI row, DI places, BX rows, R8
// width, R9 whole vectors in a row, DX what is left, R12 and R13 within a row; vector 0 the
// largest, 3 all -Inf.
func largest(x isa, consts *[]uint32) []byte {
	a := &asm{isa: x}
	a.text("largest"+x.name+" finds the place of the largest value of each row.", "largest"+x.name, "l *Largest")
	a.fields(field{fieldLargestRows, "SI"}, field{fieldLargestPlaces, "DI"}, field{fieldLargestCount, "BX"}, field{fieldLargestWidth, "R8"})
	l := &line{asm: a, masked: true, consts: consts}
	l.bits(0xff800000, 3)
	a.op("MOVQ R8, R9")
	a.op("SHRQ $%d, R9", bits.TrailingZeros(uint(x.lanes)))
	a.op("MOVQ R8, DX")
	a.op("ANDQ $%d, DX", x.lanes-1)
	a.op("MOVQ DX, CX")
	a.maskOf("R11")
	a.label("row")
	a.op("VMOVAPS %s, %s", x.v(3), x.v(0))
	a.vectors("most", "rest", func() {
		a.op("VMOVUPS (R12), %s", x.v(1))
		l.do("VMAXPS", 0, 1, 0)
	})
	a.op("TESTQ DX, DX")
	a.op("JZ fold")
	a.filled()
	l.do("VMAXPS", 0, 1, 0)
	a.label("fold")
	a.fold()
	a.find(l)
	a.op("MOVL R13, (DI)")
	a.op("ADDQ $4, DI")
	a.op("LEAQ (SI)(R8*4), SI")
	a.op("DECQ BX")
	a.op("JNZ row")
	a.op("VZEROUPPER")
	a.op("RET")
	return a.out.Bytes()
}

// find sets R13 to the first place of a row that has the value in all lanes of vector 0, or 0.
func (a *asm) find(l *line) {
	a.op("XORQ R13, R13")
	a.vectors("find", "last", func() {
		a.equals("(R12)", false)
		a.op("JNZ hit")
		a.op("ADDQ $%d, R13", a.lanes)
	})
	a.op("TESTQ DX, DX")
	a.op("JZ none")
	l.load("R12", 1)
	a.equals(a.v(1), true)
	a.op("JNZ hit")
	a.label("none")
	a.op("XORQ R13, R13")
	a.op("JMP put")
	a.label("hit")
	a.op("BSFL R11, R11")
	a.op("ADDQ R11, R13")
	a.label("put")
}

// vectors goes through the whole vectors of a row, at R12, and then to the label rest.
func (a *asm) vectors(name, rest string, do func()) {
	a.op("MOVQ SI, R12")
	a.op("MOVQ R9, CX")
	a.op("TESTQ CX, CX")
	a.op("JZ %s", rest)
	a.label("%s", name)
	do()
	a.op("ADDQ $%d, R12", a.bytesPer())
	a.op("DECQ CX")
	a.op("JNZ %s", name)
	a.label("%s", rest)
}

// filled loads what is left of a row into vector 1, with -Inf behind it.
func (a *asm) filled() {
	if a.masks {
		a.op("VMOVAPS %s, %s", a.v(3), a.v(1))
		a.op("VMOVUPS (R12), K1, %s", a.v(1))
		return
	}
	a.op("VMASKMOVPS (R12), Y15, Y1")
	a.op("VBLENDVPS Y15, Y1, Y3, Y1")
}

// fold brings the largest lane of vector 0 into all lanes.
func (a *asm) fold() {
	if a.lanes == 16 {
		a.op("VEXTRACTF64X4 $1, Z0, Y1")
		a.op("VMAXPS Y1, Y0, Y0")
	}
	a.op("VEXTRACTF128 $1, Y0, X1")
	a.op("VMAXPS X1, X0, X0")
	for _, swap := range []int{0x4e, 0xb1} {
		a.op("VPERMILPS $%#x, X0, X1", swap)
		a.op("VMAXPS X1, X0, X0")
	}
	a.op("VBROADCASTSS X0, %s", a.v(0))
}

// equals sets R11 to which lanes of at equal those of vector 0, of the row's own ones if
// masked.
func (a *asm) equals(at string, masked bool) {
	switch {
	case a.masks && masked:
		a.op("VCMPPS $0, %s, %s, K1, K2", at, a.v(0))
		a.op("KMOVW K2, R11")
	case a.masks:
		a.op("VCMPPS $0, %s, %s, K2", at, a.v(0))
		a.op("KMOVW K2, R11")
	default:
		a.op("VCMPPS $0, %s, %s, Y2", at, a.v(0))
		if masked {
			a.op("VANDPS Y15, Y2, Y2")
		}
		a.op("VMOVMSKPS Y2, R11")
	}
	a.op("TESTL R11, R11")
}
