package main

// Vector registers of a gradient of pooling besides those of a pooling.
const (
	gradDY              = 0
	gradEven, gradOdd   = 4, 5
	gradFirst, gradNext = 1, 2
	gradOrder           = 15 // of what is interleaved, for the first vector; 16 for the second
)

// poolGrads returns poolGrad<isa>: windows of two columns, side by side, get the gradient where
// their pick is and 0 elsewhere. Registers are those of pools, where out is the gradient of what
// was pooled; with AVX2, R12 and R13 have how many values of a pair of vectors are stored.
func poolGrads(x isa, consts *[]uint32) []byte {
	a := &asm{isa: x}
	a.text("poolGrad"+x.name+" sets gradients of windows by their picks.", "poolGrad"+x.name, "p *Pool")
	a.fields(field{fieldPoolOut, "DI"}, field{fieldPoolPicks, "SI"}, field{fieldPoolIn, "R8"}, field{fieldPoolPlanes, "CX"})
	a.poolMasks()
	if !x.masks {
		a.count(fieldPoolMask, "R12")
		a.count(fieldPoolMask+8, "R13")
	}
	l := &line{asm: a, masked: true, consts: consts}
	l.bits(1, poolOne)
	l.bits(0, poolStart)
	a.gradOrders(l)
	l.do("VPADDD", poolLanes, poolLanes, poolLanes)
	a.op("VPBROADCASTD %d(AX), %s", fieldPoolFirst, x.v(0))
	l.do("VPADDD", poolLanes, poolLanes, 0)
	a.gradPlanes(l)
	return a.out.Bytes()
}

// gradOrders loads the numbers of lanes, and in what order two vectors are interleaved.
func (a *asm) gradOrders(l *line) {
	a.op("VMOVUPS iota<>(SB), %s", a.v(poolLanes))
	if a.masks { // 0, 16, 1, 17 and so on
		a.op("VPSRLD $1, Z%d, Z%d", poolLanes, gradOrder)
		a.op("VPANDD Z%d, Z%d, Z0", poolLanes, poolOne)
		a.op("VPSLLD $4, Z0, Z0")
		a.op("VPORD Z0, Z%[1]d, Z%[1]d", gradOrder)
		l.bits(8, 0)
		a.op("VPADDD Z0, Z%d, Z%d", gradOrder, gradOrder+1)
	}
}

// gradPlanes goes through planes, rows of windows and rows in them.
func (a *asm) gradPlanes(l *line) {
	a.label("plane")
	a.op("MOVQ R8, R9")
	a.op("MOVQ %d(AX), DX", fieldPoolRows)
	a.move(poolLanes, poolCorner)
	a.label("row")
	a.op("MOVQ R9, R10")
	a.op("MOVQ %d(AX), R11", fieldPoolWindow)
	a.poolMasked("DI", gradDY)
	a.poolMasked("SI", poolPick)
	l.do("VADDPS", gradDY, gradDY, poolStart) // -0 becomes 0, as where gradients are added
	a.move(poolCorner, poolInRow)
	a.label("down")
	l.do("VPADDD", poolPlace, poolInRow, poolOne)
	a.picked(poolInRow, gradEven)
	a.picked(poolPlace, gradOdd)
	a.interleaved()
	a.op("VPBROADCASTD %d(AX), %s", fieldPoolRowPlaces, a.v(gradEven))
	l.do("VPADDD", poolInRow, poolInRow, gradEven)
	a.op("ADDQ %d(AX), R10", fieldPoolRow)
	a.op("DECQ R11")
	a.op("JNZ down")
	a.op("VPBROADCASTD %d(AX), %s", fieldPoolDownPlaces, a.v(gradEven))
	l.do("VPADDD", poolCorner, poolCorner, gradEven)
	for _, step := range []struct {
		field int
		reg   string
	}{{fieldPoolOutStep, "DI"}, {fieldPoolOutStep, "SI"}, {fieldPoolDown, "R9"}} {
		a.op("ADDQ %d(AX), %s", step.field, step.reg)
	}
	a.op("DECQ DX")
	a.op("JNZ row")
	a.op("ADDQ %d(AX), R8", fieldPoolPlane)
	a.op("DECQ CX")
	a.op("JNZ plane")
	a.op("VZEROUPPER")
	a.op("RET")
}

// poolMasked loads as many values as there are windows.
func (a *asm) poolMasked(from string, to int) {
	if a.masks {
		a.op("VMOVUPS.Z (%s), K3, %s", from, a.v(to))
	} else {
		a.op("VMASKMOVPS (%s), %s, %s", from, a.v(poolMasks+2), a.v(to))
	}
}

// picked sets a vector to the gradient where places are the picks, and 0 elsewhere.
func (a *asm) picked(places, to int) {
	if a.masks {
		a.op("VPCMPEQD %s, %s, K4", a.v(places), a.v(poolPick))
		a.op("VMOVAPS.Z %s, K4, %s", a.v(gradDY), a.v(to))
		return
	}
	a.op("VPCMPEQD %s, %s, %s", a.v(places), a.v(poolPick), a.v(to))
	a.op("VANDPS %s, %[2]s, %[2]s", a.v(gradDY), a.v(to))
}

// interleaved writes the values of the even and the odd columns to R10.
func (a *asm) interleaved() {
	even, odd := a.v(gradEven), a.v(gradOdd)
	first, next := a.v(gradFirst), a.v(gradNext)
	if a.masks {
		a.op("VMOVAPS %s, %s", even, first)
		a.op("VPERMT2PS %s, Z%d, %s", odd, gradOrder, first)
		a.op("VMOVAPS %s, %s", even, next)
		a.op("VPERMT2PS %s, Z%d, %s", odd, gradOrder+1, next)
	} else {
		a.op("VUNPCKLPS %s, %s, %s", odd, even, first) // e0 o0 e1 o1 | e4 o4 e5 o5
		a.op("VUNPCKHPS %s, %s, %s", odd, even, next)  // e2 o2 e3 o3 | e6 o6 e7 o7
		a.op("VPERM2F128 $0x20, %s, %s, %s", next, first, even)
		a.op("VPERM2F128 $0x31, %s, %s, %s", next, first, next)
	}
	if a.masks {
		a.op("VMOVUPS %s, K1, 0(R10)", first)
		a.op("VMOVUPS %s, K2, %d(R10)", next, a.bytesPer())
		return
	}
	a.put(gradEven, "(R10)", "R12", "BX", "first")
	a.put(gradNext, "32(R10)", "R13", "BX", "next")
}

// meanGrads returns meanGradAVX2: windows of two columns, side by side, share their gradient out evenly.
// Registers are those of poolGrads.
func meanGrads(consts *[]uint32) []byte {
	a := &asm{isa: avx2}
	a.text("meanGradAVX2 shares gradients of windows out.", "meanGradAVX2", "p *Pool")
	a.fields(field{fieldPoolOut, "DI"}, field{fieldPoolIn, "R8"}, field{fieldPoolPlanes, "CX"})
	a.poolMasks()
	a.count(fieldPoolMask, "R12")
	a.count(fieldPoolMask+8, "R13")
	l := &line{asm: a, masked: true, consts: consts}
	l.bits(0, poolStart)
	a.op("VBROADCASTSS %d(AX), %s", fieldPoolCount, a.v(poolOne))
	a.label("plane")
	a.op("MOVQ R8, R9")
	a.op("MOVQ %d(AX), DX", fieldPoolRows)
	a.label("row")
	a.op("MOVQ R9, R10")
	a.op("MOVQ %d(AX), R11", fieldPoolWindow)
	a.poolMasked("DI", gradDY)
	l.do("VDIVPS", gradDY, gradDY, poolOne)
	l.do("VADDPS", gradDY, gradDY, poolStart) // -0 becomes 0, as where gradients are added
	a.label("down")
	a.move(gradDY, gradEven)
	a.move(gradDY, gradOdd)
	a.interleaved()
	a.op("ADDQ %d(AX), R10", fieldPoolRow)
	a.op("DECQ R11")
	a.op("JNZ down")
	a.op("ADDQ %d(AX), DI", fieldPoolOutStep)
	a.op("ADDQ %d(AX), R9", fieldPoolDown)
	a.op("DECQ DX")
	a.op("JNZ row")
	a.op("ADDQ %d(AX), R8", fieldPoolPlane)
	a.op("DECQ CX")
	a.op("JNZ plane")
	a.op("VZEROUPPER")
	a.op("RET")
	return a.out.Bytes()
}
