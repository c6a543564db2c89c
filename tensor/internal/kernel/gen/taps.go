package main

import "strings"

// Fields of kernel.Taps. Offsets and steps are in bytes.
const (
	fieldTapsImage, fieldTapsPanel, fieldTapsC = 0, 24, 48
	fieldTapsOffsets, fieldTapsCount           = 72, 80
	fieldTapsCols, fieldTapsLeft               = 96, 104
	fieldTapsStep, fieldTapsJump               = 112, 120
)

// mostTaps is how many rows of C there are at most: each takes a register for where it is.
const mostTaps = 8

// taps returns taps<isa>: up to 8 rows of C, a vector each, get the products of values of an
// image, from each row's own offset on, and of the rows of a panel. Registers: rows has where
// the rows of C begin in the image, BX panel, CX columns left, DX where in the image.
func taps(x isa) []byte {
	a := &asm{isa: x}
	a.text("taps"+x.name+" adds products of an image's values and a panel.", "taps"+x.name, "t *Taps")
	a.fields(field{fieldTapsOffsets, "BX"}, field{fieldTapsCount, "DX"})
	for rows := mostTaps; rows > 1; rows-- {
		a.op("CMPQ DX, $%d", rows)
		a.op("JEQ taps%d", rows)
	}
	for rows := 1; rows <= mostTaps; rows++ {
		a.tapRows(rows)
	}
	return a.out.Bytes()
}

// tapRows adds to so many rows of C.
func (a *asm) tapRows(rows int) {
	const b, scratch = mostTaps, mostTaps + 1
	at := strings.Fields("R8 R9 R10 R11 R12 R13 SI DI")
	a.label("taps%d", rows)
	for i := range rows {
		a.op("MOVQ %d(BX), %s", 8*i, at[i])
		a.op("ADDQ %d(AX), %s", fieldTapsImage, at[i])
	}
	a.op("MOVQ %d(AX), BX", fieldTapsC)
	for i := range rows {
		a.op("VMOVUPS %d(BX), %s", i*a.bytesPer(), a.v(i))
	}
	a.op("MOVQ %d(AX), BX", fieldTapsPanel)
	a.op("XORQ DX, DX")
	a.label("row%d", rows)
	a.op("MOVQ %d(AX), CX", fieldTapsCols)
	a.label("place%d", rows)
	a.op("VMOVUPS (BX), %s", a.v(b))
	for i := range rows {
		if a.masks {
			a.op("VFMADD231PS.BCST (%s)(DX*1), %s, %s", at[i], a.v(b), a.v(i))
			continue
		}
		a.op("VBROADCASTSS (%s)(DX*1), %s", at[i], a.v(scratch))
		a.op("VFMADD231PS %s, %s, %s", a.v(scratch), a.v(b), a.v(i))
	}
	a.op("ADDQ $%d, BX", a.bytesPer())
	a.op("ADDQ %d(AX), DX", fieldTapsStep)
	a.op("DECQ CX")
	a.op("JNZ place%d", rows)
	a.op("ADDQ %d(AX), DX", fieldTapsJump)
	a.op("DECQ %d(AX)", fieldTapsLeft)
	a.op("JNZ row%d", rows)
	a.op("MOVQ %d(AX), BX", fieldTapsC)
	for i := range rows {
		a.op("VMOVUPS %s, %d(BX)", a.v(i), i*a.bytesPer())
	}
	a.op("VZEROUPPER")
	a.op("RET")
}
