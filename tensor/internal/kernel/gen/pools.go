package main

import "fmt"

// Fields of kernel.Pool. Steps are in bytes.
const (
	fieldPoolOut, fieldPoolPicks, fieldPoolIn = 0, 24, 48
	fieldPoolPlanes, fieldPoolRows            = 72, 80
	fieldPoolWindow                           = 88 // down, then across
	fieldPoolStride                           = 104
	fieldPoolOutStep, fieldPoolDown           = 112, 120
	fieldPoolRow, fieldPoolPlane              = 128, 136
	fieldPoolFirst, fieldPoolCount            = 144, 148
	fieldPoolRowPlaces, fieldPoolDownPlaces   = 152, 156
	fieldPoolMask                             = 160
)

// Vector registers of a pooling: values and scratch are 0, 1, 4 and 5.
const (
	poolBest   = 2  // the largest, or the sum
	poolPick   = 3  // its places
	poolPlace  = 6  // the places of what is loaded
	poolInRow  = 7  // those of the first column of the windows
	poolCorner = 8  // those of the windows' corners
	poolLanes  = 9  // the corners of the first row
	poolOne    = 10 // 1 in all lanes
	poolStart  = 11 // what a window begins with
	poolMasks  = 12 // 12 to 14, without mask registers
)

// pools returns maxPool<isa> or meanPool<isa>: a vector of windows of each row of planes, a
// stride of 1 or 2 apart. Registers: DI out, SI picks, R8 the plane, CX planes left, R9 the
// windows' corner, DX rows left, R10 and R11 the row in the windows and how many are left, R12
// and R13 the column; with AVX2, BX the values to store.
func pools(x isa, most bool, consts *[]uint32) []byte {
	a := &asm{isa: x}
	name, doc := "meanPool"+x.name, "sets means of windows."
	if most {
		name, doc = "maxPool"+x.name, "sets the largest values of windows, and their places."
	}
	a.text(name+" "+doc, name, "p *Pool")
	a.fields(field{fieldPoolOut, "DI"}, field{fieldPoolPicks, "SI"}, field{fieldPoolIn, "R8"}, field{fieldPoolPlanes, "CX"}, field{fieldPoolStride, "BX"})
	a.poolMasks()
	l := &line{asm: a, masked: true, consts: consts}
	l.bits(1, poolOne)
	l.bits(map[bool]uint32{true: 0xff800000, false: 0}[most], poolStart)
	a.op("VMOVUPS iota<>(SB), %s", x.v(poolLanes))
	a.op("CMPQ BX, $1")
	a.op("JEQ apart1")
	l.do("VPADDD", poolLanes, poolLanes, poolLanes)
	for _, apart := range []int{2, 1} {
		a.label("apart%d", apart)
		if !x.masks {
			a.count(fieldPoolMask+16, "BX")
		}
		a.op("VPBROADCASTD %d(AX), %s", fieldPoolFirst, x.v(0))
		if apart == 2 && x.masks {
			a.op("VMOVUPS %s, %s", x.v(poolLanes), x.v(15)) // the even values of two vectors
		}
		l.do("VPADDD", poolLanes, poolLanes, 0)
		a.poolPlanes(l, apart, most)
	}
	return a.out.Bytes()
}

// poolMasks loads the masks of the first vector of values, the second and of what is stored.
func (a *asm) poolMasks() {
	for i := range 3 {
		if a.masks {
			a.op("KMOVW %d(AX), K%d", fieldPoolMask+8*i, 1+i)
			continue
		}
		if i == 0 {
			a.op("LEAQ lanes<>(SB), R13")
		}
		a.op("MOVQ %d(AX), R12", fieldPoolMask+8*i)
		a.op("VMOVUPS (R13)(R12*1), %s", a.v(poolMasks+i))
	}
}

// poolPlanes goes through planes, rows of windows, and rows and columns in them.
func (a *asm) poolPlanes(l *line, apart int, most bool) {
	a.label("plane%d", apart)
	a.op("MOVQ R8, R9")
	a.op("MOVQ %d(AX), DX", fieldPoolRows)
	a.move(poolLanes, poolCorner)
	a.label("row%d", apart)
	a.op("MOVQ R9, R10")
	a.op("MOVQ %d(AX), R11", fieldPoolWindow)
	a.move(poolStart, poolBest)
	a.move(poolCorner, poolPick)
	a.move(poolCorner, poolInRow)
	a.label("down%d", apart)
	a.op("MOVQ R10, R12")
	a.op("MOVQ %d(AX), R13", fieldPoolWindow+8)
	a.move(poolInRow, poolPlace)
	a.label("across%d", apart)
	a.poolValues(apart)
	if most {
		a.larger()
		l.do("VPADDD", poolPlace, poolPlace, poolOne)
	} else {
		l.do("VADDPS", poolBest, poolBest, 0)
	}
	a.op("ADDQ $4, R12")
	a.op("DECQ R13")
	a.op("JNZ across%d", apart)
	if most {
		a.op("VPBROADCASTD %d(AX), %s", fieldPoolRowPlaces, a.v(0))
		l.do("VPADDD", poolInRow, poolInRow, 0)
	}
	a.op("ADDQ %d(AX), R10", fieldPoolRow)
	a.op("DECQ R11")
	a.op("JNZ down%d", apart)
	a.poolStore(l, most, apart)
	a.op("ADDQ %d(AX), R9", fieldPoolDown)
	a.op("DECQ DX")
	a.op("JNZ row%d", apart)
	a.op("ADDQ %d(AX), R8", fieldPoolPlane)
	a.op("DECQ CX")
	a.op("JNZ plane%d", apart)
	a.op("VZEROUPPER")
	a.op("RET")
}

func (a *asm) move(from, to int) { a.op("VMOVUPS %s, %s", a.v(from), a.v(to)) }

// poolValues loads the values of windows at R12 into vector 0. It takes 1.
func (a *asm) poolValues(apart int) {
	load := func(i int) {
		at := fmt.Sprintf("%d(R12)", i*a.bytesPer())
		if a.masks {
			a.op("VMOVUPS.Z %s, K%d, %s", at, 1+i, a.v(i))
		} else {
			a.op("VMASKMOVPS %s, %s, %s", at, a.v(poolMasks+i), a.v(i))
		}
	}
	load(0)
	switch {
	case apart == 1:
	case a.masks:
		load(1)
		a.op("VPERMT2PS Z1, Z15, Z0")
	default:
		load(1)
		a.op("VSHUFPS $0x88, Y1, Y0, Y0") // a0 a2 b0 b2 | a4 a6 b4 b6
		a.op("VPERMPD $0xd8, Y0, Y0")
	}
}

// larger takes the values of vector 0 that are larger, or the first NaN.
func (a *asm) larger() {
	v, best := a.v(0), a.v(poolBest)
	if a.masks {
		a.op("VCMPPS $0x16, %s, %s, K4", best, v) // not less or equal
		a.op("VCMPPS $7, %[1]s, %[1]s, K4, K4", best)
		a.op("VMOVAPS %s, K4, %s", v, best)
		a.op("VMOVDQA32 %s, K4, %s", a.v(poolPlace), a.v(poolPick))
		return
	}
	a.op("VCMPPS $0x16, %s, %s, Y4", best, v)
	a.op("VCMPPS $7, %[1]s, %[1]s, Y5", best)
	a.op("VANDPS Y5, Y4, Y4")
	a.op("VBLENDVPS Y4, %s, %[2]s, %[2]s", v, best)
	a.op("VBLENDVPS Y4, %s, %[2]s, %[2]s", a.v(poolPlace), a.v(poolPick))
}

// poolStore writes what the windows of a row have, and goes to the next.
func (a *asm) poolStore(l *line, most bool, apart int) {
	store := func(from int, to string) {
		if a.masks {
			a.op("VMOVUPS %s, K3, (%s)", a.v(from), to)
		} else {
			a.put(from, "("+to+")", "BX", "R12", fmt.Sprint(to, apart))
		}
		a.op("ADDQ %d(AX), %s", fieldPoolOutStep, to)
	}
	if !most {
		a.op("VBROADCASTSS %d(AX), %s", fieldPoolCount, a.v(0))
		l.do("VDIVPS", poolBest, poolBest, 0)
		store(poolBest, "DI")
		return
	}
	store(poolBest, "DI")
	store(poolPick, "SI")
	a.op("VPBROADCASTD %d(AX), %s", fieldPoolDownPlaces, a.v(0))
	l.do("VPADDD", poolCorner, poolCorner, 0)
}
