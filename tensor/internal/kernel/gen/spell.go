package main

// Fields of kernel.Spelling.
const (
	fieldSpellTo, fieldSpellFrom, fieldSpellCount = 0, 24, 32
	fieldSpellAhead, fieldSpellPlanes             = 48, 56
	fieldSpellNumbers, fieldSpellLine             = 64, 72
)

// spell returns spellAVX512: bytes become the float32 that a table of 256 has for them. The table lies in
// four planes, the lowest bytes of all numbers first, in vectors 16 to 31. A plane is looked up twice, for
// bytes below 128 and for others. Of 64 bytes the 16 groups of four are put in such an order that
// interleaving the planes' bytes within parts of 16 gives numbers in order. It takes BW and VBMI. Registers:
// DI to, SI from, CX bytes, DX what will be read soon, R8 the planes; vector 15 the order of groups.
func spell() []byte {
	a := &asm{isa: avx512}
	a.text("spellAVX512 looks bytes up.", "spellAVX512", "s *Spelling")
	a.fields(field{fieldSpellTo, "DI"}, field{fieldSpellFrom, "SI"}, field{fieldSpellCount, "CX"}, field{fieldSpellAhead, "DX"}, field{fieldSpellPlanes, "R8"})
	for i := range 16 {
		a.op("VMOVDQU64 %d(R8), Z%d", 64*i, 16+i)
	}
	a.op("VMOVDQU32 groups<>(SB), Z15")
	a.label("loop")
	a.op("PREFETCHT0 (DX)")
	a.op("SUBQ $64, CX")
	a.op("JLT tail")
	a.op("VMOVDQU8 (SI), Z0")
	a.lookUp()
	for i := range 4 {
		a.op("VMOVDQU32 Z%d, %d(DI)", i, 64*i)
	}
	a.op("ADDQ $64, SI")
	a.op("ADDQ $64, DX")
	a.op("ADDQ $256, DI")
	a.op("JMP loop")
	a.label("tail")
	a.op("ADDQ $64, CX")
	a.op("JZ done")
	a.op("MOVQ $1, R9")
	a.op("SHLQ CX, R9")
	a.op("DECQ R9")
	a.op("KMOVQ R9, K2")
	a.op("VMOVDQU8.Z (SI), K2, Z0")
	a.lookUp()
	for i := range 4 {
		a.op("VMOVDQU32 Z%d, K2, %d(DI)", i, 64*i)
		a.op("KSHIFTRQ $16, K2, K2")
	}
	a.label("done")
	a.op("VZEROUPPER")
	a.op("RET")
	return a.out.Bytes()
}

// lookUp sets vectors 0 to 3 to the numbers of the bytes in vector 0. It takes 4 to 9 and K1.
func (a *asm) lookUp() {
	a.op("VPERMD Z0, Z15, Z9")
	a.op("VPMOVB2M Z9, K1")
	for p := range 4 {
		a.op("VMOVDQA64 Z9, Z%d", 4+p)
		a.op("VMOVDQA64 Z9, Z8")
		a.op("VPERMI2B Z%d, Z%d, Z%d", 16+4*p+1, 16+4*p, 4+p)
		a.op("VPERMI2B Z%d, Z%d, Z8", 16+4*p+3, 16+4*p+2)
		a.op("VMOVDQU8 Z8, K1, Z%d", 4+p)
	}
	a.op("VPUNPCKLBW Z5, Z4, Z8")
	a.op("VPUNPCKHBW Z5, Z4, Z9")
	a.op("VPUNPCKLBW Z7, Z6, Z4")
	a.op("VPUNPCKHBW Z7, Z6, Z5")
	a.op("VPUNPCKLWD Z4, Z8, Z0")
	a.op("VPUNPCKHWD Z4, Z8, Z1")
	a.op("VPUNPCKLWD Z5, Z9, Z2")
	a.op("VPUNPCKHWD Z5, Z9, Z3")
}

// byLine computes numbers that lie on a line, so many bytes at a time; it goes on at loop where they do not, and at
// tail with what is left.
func (a *asm) byLine(bytes int) {
	a.op("TESTQ R13, R13")
	a.op("JZ loop")
	a.op("VBROADCASTSD (R13), Y15")
	a.op("VBROADCASTSD 8(R13), Y14")
	a.label("line")
	a.op("PREFETCHT0 (DX)")
	a.op("SUBQ $%d, CX", bytes)
	a.op("JLT linetail")
	for v := range bytes / 4 {
		a.op("VPMOVZXBD %d(SI), X%d", 4*v, v)
		a.op("VCVTDQ2PD X%d, Y%d", v, v)
		a.op("VFMADD213PD Y14, Y15, Y%d", v)
		a.op("VCVTPD2PSY Y%d, X%d", v, v)
		a.op("VMOVUPS X%d, %d(DI)", v, 16*v)
	}
	a.op("ADDQ $%d, SI", bytes)
	a.op("ADDQ $%d, DX", bytes)
	a.op("ADDQ $%d, DI", 4*bytes)
	a.op("JMP line")
	a.label("linetail")
	a.op("VZEROUPPER")
	a.op("JMP tail")
}

// spellEach returns spellAVX2: where the numbers lie on a line, four bytes at a time are converted into float64 and
// computed; else they are loaded byte by byte, four into a vector, as gathers take longer. Registers: DI to, SI
// from, CX bytes, DX what will be read soon, R8 the numbers, R13 the line, R9 to R12 bytes; vectors 14 and 15 the
// line's start and slope.
func spellEach() []byte {
	const bytes = 16 // at a time
	a := &asm{isa: avx2}
	a.text("spellAVX2 looks bytes up.", "spellAVX2", "s *Spelling")
	a.fields(field{fieldSpellTo, "DI"}, field{fieldSpellFrom, "SI"}, field{fieldSpellCount, "CX"}, field{fieldSpellAhead, "DX"}, field{fieldSpellNumbers, "R8"}, field{fieldSpellLine, "R13"})
	a.byLine(bytes)
	a.label("loop")
	a.op("PREFETCHT0 (DX)")
	a.op("SUBQ $%d, CX", bytes)
	a.op("JLT tail")
	for v := range bytes / 4 {
		for i := range 4 {
			a.op("MOVBLZX %d(SI), R%d", 4*v+i, 9+i)
		}
		a.op("VMOVSS (R8)(R9*4), X%d", v)
		for i := 1; i < 4; i++ {
			a.op("VINSERTPS $%#x, (R8)(R%d*4), X%d, X%d", i<<4, 9+i, v, v)
		}
		a.op("VMOVUPS X%d, %d(DI)", v, 16*v)
	}
	a.op("ADDQ $%d, SI", bytes)
	a.op("ADDQ $%d, DX", bytes)
	a.op("ADDQ $%d, DI", 4*bytes)
	a.op("JMP loop")
	a.label("tail")
	a.op("ADDQ $%d, CX", bytes)
	a.op("JZ done")
	a.label("single")
	a.op("MOVBLZX (SI), R9")
	a.op("MOVL (R8)(R9*4), R9")
	a.op("MOVL R9, (DI)")
	a.op("INCQ SI")
	a.op("ADDQ $4, DI")
	a.op("DECQ CX")
	a.op("JNZ single")
	a.label("done")
	a.op("RET")
	return a.out.Bytes()
}
