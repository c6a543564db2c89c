package main

// Fields of kernel.Differences.
const (
	fieldDifferAt, fieldDifferBy, fieldDifferStarts   = 0, 24, 48
	fieldDifferCount, fieldDifferX, fieldDifferBase   = 56, 72, 96
	fieldDifferStep, fieldDifferCols, fieldDifferSame = 120, 128, 136
)

// differs returns differ<isa>: what of a row differs from a base is put together at the front. Registers: DI at, SI by, BX a row and DX
// within it, R15 the base and R8 within it, CX values that are left, R9 entries, R10 and R11 what differs of a vector, R13 rows that are left,
// R14 starts. Vector 3 has the columns, vector 1 the base, vector 4 how many lanes there are.
func differs(x isa) []byte {
	a := &asm{isa: x}
	a.text("differ"+x.name+" lists what of rows differs from a base.", "differ"+x.name, "d *Differences")
	a.fields(
		field{fieldDifferAt, "DI"}, field{fieldDifferBy, "SI"}, field{fieldDifferX, "BX"}, field{fieldDifferBase, "R15"},
		field{fieldDifferStarts, "R14"}, field{fieldDifferCount, "R13"},
	)
	a.op("MOVL $%d, R10", x.lanes)
	a.op("VMOVD R10, X4")
	a.op("VPBROADCASTD X4, %s", x.v(4))
	a.op("MOVL (R14), R9")
	a.op("DECQ R13")
	a.op("CMPB %d(AX), $0", fieldDifferSame)
	a.op("JNE same")
	a.differing("own", true)
	a.label("same")
	a.differing("same", false)
	return a.out.Bytes()
}

// differing goes through all rows, and returns. The base is read beside a row, or is one value of it.
func (a *asm) differing(name string, beside bool) {
	a.label("%srow", name)
	a.op("VMOVUPS iota<>+0(SB), %s", a.v(3))
	a.op("MOVQ BX, DX")
	a.op("MOVQ R15, R8")
	if !beside {
		a.op("VBROADCASTSS (R15), %s", a.v(1))
		a.op("ADDQ $4, R15")
	}
	a.op("MOVQ %d(AX), CX", fieldDifferCols)
	a.op("SUBQ $%d, CX", a.lanes)
	a.op("JLT %stail", name)
	a.label("%svector", name)
	a.op("VMOVUPS (DX), %s", a.v(0))
	if beside {
		a.op("VMOVUPS (R8), %s", a.v(1))
		a.op("ADDQ $%d, R8", a.bytesPer())
	}
	a.differences(false)
	a.op("ADDQ $%d, DX", a.bytesPer())
	a.op("SUBQ $%d, CX", a.lanes)
	a.op("JGE %svector", name)
	a.label("%stail", name)
	a.op("ADDQ $%d, CX", a.lanes)
	a.op("JZ %sdone", name)
	a.maskOf("R10")
	l := &line{asm: a, masked: true}
	l.load("DX", 0)
	if beside {
		l.load("R8", 1)
	}
	a.differences(true)
	a.label("%sdone", name)
	a.op("ADDQ $4, R14")
	a.op("MOVL R9, (R14)")
	a.op("MOVQ %d(AX), R10", fieldDifferStep)
	a.op("LEAQ (BX)(R10*4), BX")
	a.op("DECQ R13")
	a.op("JNZ %srow", name)
	a.op("VZEROUPPER")
	a.op("RET")
}

// differences lists the lanes in which vectors 0 and 1 differ, and moves the columns on; with masked those alone that the mask has.
func (a *asm) differences(masked bool) {
	const at, by = "(DI)(R9*4)", "(SI)(R9*4)"
	if a.masks {
		if masked {
			a.op("VCMPPS $4, Z1, Z0, K1, K2")
		} else {
			a.op("VCMPPS $4, Z1, Z0, K2")
		}
		a.op("VSUBPS Z1, Z0, Z2")
		a.op("VCOMPRESSPS.Z Z2, K2, Z5")
		a.op("VPCOMPRESSD.Z Z3, K2, Z6")
		a.op("KMOVW K2, R10")
		a.op("VMOVUPS Z5, %s", by)
		a.op("VMOVDQU32 Z6, %s", at)
		a.op("POPCNTL R10, R10")
	} else {
		a.op("VCMPPS $4, Y1, Y0, Y2")
		if masked {
			a.op("VANDPS Y15, Y2, Y2")
		}
		a.op("VMOVMSKPS Y2, R10")
		a.op("VSUBPS Y1, Y0, Y2")
		a.op("MOVQ R10, R11")
		a.op("SHLQ $3, R11")
		a.op("LEAQ picks<>(SB), R12")
		a.op("VPMOVZXBD (R12)(R11*1), Y7")
		a.op("VPERMPS Y2, Y7, Y5")
		a.op("VPERMD Y3, Y7, Y6")
		a.op("VMOVUPS Y5, %s", by)
		a.op("VMOVDQU Y6, %s", at)
		a.op("POPCNTL R10, R10")
	}
	a.op("ADDQ R10, R9")
	a.op("VPADDD %s, %s, %s", a.v(4), a.v(3), a.v(3))
}

// picks returns for each 8 lanes that differ which they are, those that do not behind them.
func picks() (table [256]uint64) {
	for set := range table {
		n := 0
		for _, want := range []bool{true, false} {
			for lane := range 8 {
				if set>>lane&1 == 1 == want {
					table[set] |= uint64(lane) << (8 * n)
					n++
				}
			}
		}
	}
	return table
}
