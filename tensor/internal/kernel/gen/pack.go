package main

import "fmt"

// Fields of kernel.Copy, in which n counts what each of the two functions says.
const (
	fieldTo, fieldFrom        = 0, 24
	fieldFromStride, fieldToN = 48, 56
	fieldN, fieldGroups       = 64, 72
)

// transposes returns transposeAVX2. It copies four rows of 8·n values, a stride apart,
// so that value i of the rows becomes four neighbours, and these lie toN values apart.
// A block of 4×8 is transposed within the halves of four registers. Registers: SI
// the rows, R8 the stride and R9 three times that, DI and R10 the same of the
// destination, CX n.
func transposes() []byte {
	a := &asm{isa: avx2}
	a.text("transposeAVX2 transposes blocks of 4×8.", "transposeAVX2", "c *Copy")
	a.op("MOVQ %d(AX), DI", fieldTo)
	a.op("MOVQ %d(AX), SI", fieldFrom)
	a.op("MOVQ %d(AX), R8", fieldFromStride)
	a.op("MOVQ %d(AX), R10", fieldToN)
	a.op("MOVQ %d(AX), CX", fieldN)
	a.op("SHLQ $2, R8")
	a.op("SHLQ $2, R10")
	a.op("LEAQ (R8)(R8*2), R9")
	a.op("LEAQ (R10)(R10*2), R11")
	a.label("block")
	a.op("VMOVUPS (SI), Y0")
	a.op("VMOVUPS (SI)(R8*1), Y1")
	a.op("VMOVUPS (SI)(R8*2), Y2")
	a.op("VMOVUPS (SI)(R9*1), Y3")
	a.op("VUNPCKLPS Y1, Y0, Y4") // a0 b0 a1 b1 | a4 b4 a5 b5
	a.op("VUNPCKHPS Y1, Y0, Y5") // a2 b2 a3 b3 | a6 b6 a7 b7
	a.op("VUNPCKLPS Y3, Y2, Y6") // c0 d0 c1 d1 | …
	a.op("VUNPCKHPS Y3, Y2, Y7")
	a.op("VUNPCKLPD Y6, Y4, Y0") // 0 | 4
	a.op("VUNPCKHPD Y6, Y4, Y1") // 1 | 5
	a.op("VUNPCKLPD Y7, Y5, Y2") // 2 | 6
	a.op("VUNPCKHPD Y7, Y5, Y3") // 3 | 7
	places := []string{"(DI)", "(DI)(R10*1)", "(DI)(R10*2)", "(DI)(R11*1)"}
	for i, place := range places {
		a.op("VMOVUPS X%d, %s", i, place)
	}
	a.op("LEAQ (DI)(R10*4), DI")
	for i, place := range places {
		a.op("VEXTRACTF128 $1, Y%d, %s", i, place)
	}
	a.op("LEAQ (DI)(R10*4), DI")
	a.op("ADDQ $32, SI")
	a.op("DECQ CX")
	a.op("JNZ block")
	a.op("VZEROUPPER")
	a.op("RET")
	return a.out.Bytes()
}

// transposes8 returns transpose8AVX2. It copies groups of eight rows of 8·n values, a stride apart, so that
// value i of the rows becomes as many neighbours as there are rows, and these lie toN values apart. Sixteen
// values of all groups come before the next sixteen: a line of the source is read once, and what is
// written is whole. Registers: SI and R12 the rows, R8 the stride and R9 three times that, DI and R13 the
// destination, R10 and R11 likewise, CX n, BX groups, DX those that are left.
const ahead = 128 // bytes

func transposes8() []byte {
	a := &asm{isa: avx2}
	a.text("transpose8AVX2 transposes blocks of 8×8.", "transpose8AVX2", "c *Copy")
	a.fields(field{fieldTo, "DI"}, field{fieldFrom, "SI"}, field{fieldFromStride, "R8"}, field{fieldToN, "R10"}, field{fieldN, "CX"}, field{fieldGroups, "BX"})
	a.op("SHLQ $2, R8")
	a.op("SHLQ $2, R10")
	a.op("LEAQ (R8)(R8*2), R9")
	a.op("LEAQ (R10)(R10*2), R11")
	for _, at := range []struct {
		name   string
		blocks int
	}{{"pair", 2}, {"last", 1}} {
		a.label("%s", at.name)
		a.op("CMPQ CX, $%d", at.blocks)
		a.op("JLT end%s", at.name)
		a.op("MOVQ SI, R12")
		a.op("MOVQ DI, R13")
		a.op("MOVQ BX, DX")
		a.label("%sgroup", at.name)
		a.op("LEAQ (R12)(R8*4), AX")
		a.op("MOVQ R13, R15")
		for _, place := range []string{"(R12)", "(R12)(R8*1)", "(R12)(R8*2)", "(R12)(R9*1)", "(AX)", "(AX)(R8*1)", "(AX)(R8*2)", "(AX)(R9*1)"} {
			if at.blocks > 1 {
				a.op("PREFETCHT0 %d%s", ahead, place)
			}
		}
		for b := range at.blocks {
			a.transpose8(32 * b)
		}
		a.op("LEAQ (R12)(R8*8), R12")
		a.op("ADDQ $32, R13")
		a.op("DECQ DX")
		a.op("JNZ %sgroup", at.name)
		a.op("ADDQ $%d, SI", 32*at.blocks)
		a.op("LEAQ (DI)(R10*8), DI")
		if at.blocks > 1 {
			a.op("LEAQ (DI)(R10*8), DI")
		}
		a.op("SUBQ $%d, CX", at.blocks)
		a.op("JMP %s", at.name)
		a.label("end%s", at.name)
	}
	a.op("VZEROUPPER")
	a.op("RET")
	return a.out.Bytes()
}

// transpose8 transposes a block so many bytes from the rows at R12, of which the fifth is at AX, to R15,
// which it moves on.
func (a *asm) transpose8(offset int) {
	for half := range 2 {
		at := offset + 16*half
		for i, place := range []string{"(%s)", "(%s)(R8*1)", "(%s)(R8*2)", "(%s)(R9*1)"} {
			a.op("VMOVUPS %d"+place+", X%d", at, "R12", i)
			a.op("VINSERTF128 $1, %d"+place+", Y%d, Y%d", at, "AX", i, i)
		}
		a.op("VUNPCKLPS Y1, Y0, Y4") // a0 b0 a1 b1 | e0 f0 e1 f1
		a.op("VUNPCKHPS Y1, Y0, Y5") // a2 b2 a3 b3 | …
		a.op("VUNPCKLPS Y3, Y2, Y6") // c0 d0 c1 d1 | g0 h0 g1 h1
		a.op("VUNPCKHPS Y3, Y2, Y7")
		a.op("VUNPCKLPD Y6, Y4, Y0")
		a.op("VUNPCKHPD Y6, Y4, Y1")
		a.op("VUNPCKLPD Y7, Y5, Y2")
		a.op("VUNPCKHPD Y7, Y5, Y3")
		for i, place := range []string{"(R15)", "(R15)(R10*1)", "(R15)(R10*2)", "(R15)(R11*1)"} {
			a.op("VMOVUPS Y%d, %s", i, place)
		}
		a.op("LEAQ (R15)(R10*4), R15")
	}
}

// maxWidth is the widest panel in vectors of 8: that of AVX-512.
const maxWidth = 6

// copies returns gatherAVX2: n rows of toN vectors of 8 values (0: of 4 values), a
// stride apart, become neighbours. Registers as above.
func copies() []byte {
	a := &asm{isa: avx2}
	a.text("gatherAVX2 copies rows that are a stride apart to one place.", "gatherAVX2", "c *Copy")
	a.op("MOVQ %d(AX), DI", fieldTo)
	a.op("MOVQ %d(AX), SI", fieldFrom)
	a.op("MOVQ %d(AX), R8", fieldFromStride)
	a.op("MOVQ %d(AX), R10", fieldToN)
	a.op("MOVQ %d(AX), CX", fieldN)
	a.op("SHLQ $2, R8")
	for width := maxWidth; width > 0; width-- {
		a.op("CMPQ R10, $%d", width)
		a.op("JEQ width%d", width)
	}
	for width := range maxWidth + 1 {
		reg, bytes := "Y", 32*width
		if width == 0 {
			reg, bytes = "X", 16
		}
		a.label("width%d", width)
		for i := range max(width, 1) {
			a.op("VMOVUPS %d(SI), %s%d", 32*i, reg, i)
		}
		for i := range max(width, 1) {
			a.op("VMOVUPS %s%d, %d(DI)", reg, i, 32*i)
		}
		a.op("ADDQ R8, SI")
		a.op("ADDQ $%d, DI", bytes)
		a.op("DECQ CX")
		a.op(fmt.Sprintf("JNZ width%d", width))
		a.op("VZEROUPPER")
		a.op("RET")
	}
	return a.out.Bytes()
}
