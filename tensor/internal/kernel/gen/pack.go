package main

import "fmt"

// Fields of kernel.Copy, in which n counts what each of the two functions says.
const (
	fieldTo, fieldFrom        = 0, 24
	fieldFromStride, fieldToN = 48, 56
	fieldN                    = 64
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
