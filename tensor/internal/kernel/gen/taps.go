package main

import "strings"

// Fields of kernel.Taps. Offsets and steps are in bytes.
const (
	fieldTapsImage, fieldTapsPanel, fieldTapsC = 0, 24, 48
	fieldTapsOffsets, fieldTapsCount           = 72, 80
	fieldTapsCols, fieldTapsLeft               = 96, 104
	fieldTapsStep, fieldTapsJump               = 112, 120
	fieldTapsVectors                           = 128
)

// Rows of C at most, each of which takes a register for where it is: of one vector, and of two.
const (
	mostTaps  = 8
	mostPairs = 6
)

// taps returns taps<isa>: up to 8 rows of C, a vector each, get the products of values of an
// image, from each row's own offset on, and of the rows of a panel; AVX2 has code for up to 6 rows of two
// vectors too. Registers: rows has where the rows of C begin in the image, BX panel, CX columns left, DX
// where in the image.
func taps(x isa) []byte {
	a := &asm{isa: x}
	a.text("taps"+x.name+" adds products of an image's values and a panel.", "taps"+x.name, "t *Taps")
	a.fields(field{fieldTapsOffsets, "BX"}, field{fieldTapsCount, "DX"})
	if !x.masks {
		a.op("CMPQ %d(AX), $2", fieldTapsVectors)
		a.op("JEQ pairs")
	}
	a.tapParts("taps", mostTaps, 1)
	if !x.masks {
		a.label("pairs")
		a.tapParts("pairs", mostPairs, 2)
	}
	return a.out.Bytes()
}

// tapParts jumps to the part of so many rows as there are, and has them all.
func (a *asm) tapParts(name string, most, vectors int) {
	for rows := most; rows > 1; rows-- {
		a.op("CMPQ DX, $%d", rows)
		a.op("JEQ %s%d", name, rows)
	}
	for rows := 1; rows <= most; rows++ {
		a.tapRows(name, rows, vectors)
	}
}

// tapRows adds to so many rows of C.
func (a *asm) tapRows(name string, rows, vectors int) {
	b := max(mostTaps, rows*vectors)
	scratch := b + vectors
	within := map[int]string{2: "pair"}[vectors]
	at := strings.Fields("R8 R9 R10 R11 R12 R13 SI DI")
	a.label("%s%d", name, rows)
	for i := range rows {
		a.op("MOVQ %d(BX), %s", 8*i, at[i])
		a.op("ADDQ %d(AX), %s", fieldTapsImage, at[i])
	}
	a.op("MOVQ %d(AX), BX", fieldTapsC)
	for i := range rows * vectors {
		a.op("VMOVUPS %d(BX), %s", i*a.bytesPer(), a.v(i))
	}
	a.op("MOVQ %d(AX), BX", fieldTapsPanel)
	a.op("XORQ DX, DX")
	a.label("%srow%d", within, rows)
	a.op("MOVQ %d(AX), CX", fieldTapsCols)
	a.label("%splace%d", within, rows)
	a.op("VMOVUPS (BX), %s", a.v(b))
	for v := 1; v < vectors; v++ {
		a.op("VMOVUPS %d(BX), %s", v*a.bytesPer(), a.v(b+v))
	}
	for i := range rows {
		if a.masks {
			a.op("VFMADD231PS.BCST (%s)(DX*1), %s, %s", at[i], a.v(b), a.v(i))
			continue
		}
		a.op("VBROADCASTSS (%s)(DX*1), %s", at[i], a.v(scratch))
		for v := range vectors {
			a.op("VFMADD231PS %s, %s, %s", a.v(scratch), a.v(b+v), a.v(i*vectors+v))
		}
	}
	a.op("ADDQ $%d, BX", vectors*a.bytesPer())
	a.op("ADDQ %d(AX), DX", fieldTapsStep)
	a.op("DECQ CX")
	a.op("JNZ %splace%d", within, rows)
	a.op("ADDQ %d(AX), DX", fieldTapsJump)
	a.op("DECQ %d(AX)", fieldTapsLeft)
	a.op("JNZ %srow%d", within, rows)
	a.op("MOVQ %d(AX), BX", fieldTapsC)
	for i := range rows * vectors {
		a.op("VMOVUPS %s, %d(BX)", a.v(i), i*a.bytesPer())
	}
	a.op("VZEROUPPER")
	a.op("RET")
}
