package main

// Fields of kernel.Coded.
const (
	fieldCodedAt, fieldCodedBy, fieldCodedStarts    = 0, 24, 48
	fieldCodedCount, fieldCodedRows, fieldCodedBase = 56, 72, 96
	fieldCodedNumbers, fieldCodedFrom               = 120, 128
	fieldCodedCols, fieldCodedSame                  = 136, 144
)

// differCoded returns differCodedAVX512: of 64 bytes those that differ from the base's are put together, with their places; of 16 at a time the
// numbers are gathered. It takes BW and VBMI2. Registers: DI at, SI by, BX the rows and DX within one, R15 the base and R8 within it, CX bytes that
// are left, R9 entries, R10 and R11 what differs of a vector, R12 the numbers, R13 rows that are left, R14 starts. Vector 3 has the places of 64
// bytes, 4 how many they are, 10 the column they begin with; 1 and 13 have the base's bytes and numbers.
func differCoded() []byte {
	a := &asm{isa: avx512}
	a.text("differCodedAVX512 lists what of rows of bytes differs from a base.", "differCodedAVX512", "d *Coded")
	a.fields(
		field{fieldCodedAt, "DI"}, field{fieldCodedBy, "SI"}, field{fieldCodedRows, "BX"}, field{fieldCodedBase, "R15"},
		field{fieldCodedStarts, "R14"}, field{fieldCodedCount, "R13"}, field{fieldCodedNumbers, "R12"},
	)
	a.op("VMOVDQU64 places<>(SB), Z3")
	a.op("MOVL $64, R10")
	a.op("VPBROADCASTD R10, Z4")
	a.op("MOVL (R14), R9")
	a.op("DECQ R13")
	a.op("CMPB %d(AX), $0", fieldCodedSame)
	a.op("JNE same")
	a.coded("own", true)
	a.label("same")
	a.coded("same", false)
	return a.out.Bytes()
}

// coded goes through all rows, and returns. The base is read beside a row, or is one byte of it.
func (a *asm) coded(name string, beside bool) {
	a.label("%srow", name)
	a.op("VPXORD Z10, Z10, Z10")
	a.op("MOVQ (BX), DX")
	a.op("ADDQ %d(AX), DX", fieldCodedFrom)
	a.op("MOVQ R15, R8")
	if !beside {
		a.op("MOVBLZX (R15), R10")
		a.op("VPBROADCASTB R10, Z1")
		a.op("VBROADCASTSS (R12)(R10*4), Z13")
		a.op("INCQ R15")
	}
	a.op("MOVQ %d(AX), CX", fieldCodedCols)
	a.op("KXNORQ K1, K1, K1")
	a.label("%sblock", name)
	a.codedBlock(name, beside)
	a.codedEntries(name, beside)
	a.label("%snext", name)
	a.op("VPADDD Z4, Z10, Z10")
	a.op("ADDQ $64, DX")
	a.op("ADDQ $64, R8")
	a.op("SUBQ $64, CX")
	a.op("JG %sblock", name)
	a.op("ADDQ $4, R14")
	a.op("MOVL R9, (R14)")
	a.op("ADDQ $24, BX")
	a.op("DECQ R13")
	a.op("JNZ %srow", name)
	a.op("VZEROUPPER")
	a.op("RET")
}

// codedBlock puts together what of 64 bytes, or of those that are left, differs: bytes in vector 5, places in 6, the base's bytes in 7, and how many in
// R11. It goes on at next where none does.
func (a *asm) codedBlock(name string, beside bool) {
	a.op("CMPQ CX, $64")
	a.op("JGE %swhole", name)
	a.op("MOVQ $1, R10")
	a.op("SHLQ CX, R10")
	a.op("DECQ R10")
	a.op("KMOVQ R10, K1")
	a.label("%swhole", name)
	a.op("VMOVDQU8.Z (DX), K1, Z0")
	if beside {
		a.op("VMOVDQU8.Z (R8), K1, Z1")
	}
	a.op("VPCMPUB $4, Z1, Z0, K1, K2")
	a.op("KMOVQ K2, R10")
	a.op("TESTQ R10, R10")
	a.op("JZ %snext", name)
	a.op("POPCNTQ R10, R11")
	a.op("VPCOMPRESSB.Z Z0, K2, Z5")
	a.op("VPCOMPRESSB.Z Z3, K2, Z6")
	if beside {
		a.op("VPCOMPRESSB.Z Z1, K2, Z7")
	}
}

// codedEntries lists those, 16 at a time.
func (a *asm) codedEntries(name string, beside bool) {
	a.label("%sentries", name)
	a.numbersOf("X5", "Z11")
	if beside {
		a.numbersOf("X7", "Z13")
	}
	a.op("VSUBPS Z13, Z11, Z11")
	a.op("VPMOVZXBD X6, Z9")
	a.op("VPADDD Z10, Z9, Z9")
	a.op("VMOVUPS Z11, (SI)(R9*4)")
	a.op("VMOVDQU32 Z9, (DI)(R9*4)")
	a.op("SUBQ $16, R11")
	a.op("JLE %slisted", name)
	a.op("ADDQ $16, R9")
	for _, v := range []string{"Z5", "Z6", "Z7"} {
		a.op("VALIGNQ $2, %[1]s, %[1]s, %[1]s", v)
	}
	a.op("JMP %sentries", name)
	a.label("%slisted", name)
	a.op("LEAQ 16(R9)(R11*1), R9")
}

// numbersOf sets a vector to the numbers of 16 bytes. It takes vector 8 and K3.
func (a *asm) numbersOf(bytes, to string) {
	a.op("VPMOVZXBD %s, Z8", bytes)
	a.op("KXNORW K3, K3, K3")
	a.op("VPXORD %[1]s, %[1]s, %[1]s", to)
	a.op("VGATHERDPS (R12)(Z8*4), K3, %s", to)
}

// turnCoded returns turnCodedAVX512: up to 64 bytes of 16 rows become columns, 64 bytes from one to the next. The place of a byte within 16 rows of 16 is
// eight bits, row and column; interleaving each row with the eighth after it turns them left by one, so that four times exchange rows and columns. It takes BW.
func turnCoded() []byte {
	a := &asm{isa: avx512}
	const ahead = 2 * 64 // bytes: rows in any order are seldom in the caches
	a.text("turnCodedAVX512 turns 16 rows of bytes.", "turnCodedAVX512", "t *turning")
	a.fields(field{0, "DI"}, field{8, "SI"}, field{32, "R8"}, field{40, "R9"})
	a.op("KMOVQ R9, K1")
	for r := range 16 {
		a.op("MOVQ %d(SI), R9", 24*r)
		a.op("VMOVDQU8.Z (R9)(R8*1), K1, Z%d", r)
		a.op("PREFETCHT0 %d(R9)(R8*1)", ahead)
	}
	from, to := 0, 16
	for range 4 {
		for r := range 8 {
			a.op("VPUNPCKLBW Z%d, Z%d, Z%d", from+r+8, from+r, to+2*r)
			a.op("VPUNPCKHBW Z%d, Z%d, Z%d", from+r+8, from+r, to+2*r+1)
		}
		from, to = to, from
	}
	for part := range 4 {
		for c := range 16 {
			if part == 0 {
				a.op("VMOVDQU X%d, %d(DI)", c, 64*c)
			} else {
				a.op("VEXTRACTI32X4 $%d, Z%d, %d(DI)", part, c, 64*(16*part+c))
			}
		}
	}
	a.op("VZEROUPPER")
	a.op("RET")
	return a.out.Bytes()
}
