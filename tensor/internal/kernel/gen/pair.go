package main

// fieldSecond is where the second panel is in kernel.Tile.
const fieldSecond = 240

// pairs returns pair<isa>: one row of C beside two panels. A row is one chain a column, and of a panel
// alone so few that each would wait for its last sum. Registers: SI a, DI and R8 the panels, DX c, CX k, BX flags, R10 vectors of a panel.
func pairs(x isa) []byte {
	a := &asm{isa: x}
	a.text("pair"+x.name+" computes a row of C of the width of two panels.", "pair"+x.name, "t *Tile")
	a.fields(
		field{fieldA, "SI"}, field{fieldB, "DI"}, field{fieldSecond, "R8"}, field{fieldC, "DX"},
		field{fieldK, "CX"}, field{fieldFlags, "BX"}, field{fieldVectors, "R10"},
	)
	for nv := 3; nv >= 1; nv-- {
		if nv > 1 {
			a.op("CMPQ R10, $%d", nv)
			a.op("JNE not%d", nv)
		}
		a.pair(nv)
		if nv > 1 {
			a.label("not%d", nv)
		}
	}
	return a.out.Bytes()
}

// pair computes the columns of two panels of so many vectors.
func (a *asm) pair(nv int) {
	value := a.v(2 * nv)
	each := func(do func(at int, acc string)) {
		for v := range 2 * nv {
			do(v*a.bytesPer(), a.v(v))
		}
	}
	a.op("TESTQ $%d, BX", flagLoad)
	a.op("JNZ load%d", nv)
	each(func(_ int, acc string) { a.op("VXORPS %[1]s, %[1]s, %[1]s", acc) })
	a.op("JMP start%d", nv)
	a.label("load%d", nv)
	each(func(at int, acc string) { a.op("VMOVUPS %d(DX), %s", at, acc) })
	a.label("start%d", nv)
	a.pairLoop(nv)
	a.op("MOVQ %d(AX), R11", fieldBias)
	a.op("TESTQ R11, R11")
	a.op("JZ unbiased%d", nv)
	each(func(at int, acc string) { a.op("VADDPS %d(R11), %s, %s", at, acc, acc) })
	a.label("unbiased%d", nv)
	a.op("TESTQ $%d, BX", flagReLU)
	a.op("JZ linear%d", nv)
	a.op("VXORPS %[1]s, %[1]s, %[1]s", value)
	each(func(_ int, acc string) { a.op("VMAXPS %[2]s, %[1]s, %[2]s", value, acc) })
	a.label("linear%d", nv)
	each(func(at int, acc string) { a.op("VMOVUPS %s, %d(DX)", acc, at) })
	a.op("VZEROUPPER")
	a.op("RET")
}

// pairLoop adds the products of k values of A and rows of both panels.
func (a *asm) pairLoop(nv int) {
	const unroll = 4
	size, value := a.bytesPer(), a.v(2*nv)
	steps := func(n int) {
		for u := range n {
			a.op("VBROADCASTSS %d(SI), %s", 4*u, value)
			for p, panel := range []string{"DI", "R8"} {
				for v := range nv {
					a.op("VFMADD231PS %d(%s), %s, %s", (u*nv+v)*size, panel, value, a.v(p*nv+v))
				}
			}
		}
		a.op("ADDQ $%d, SI", 4*n)
		a.op("ADDQ $%d, DI", n*nv*size)
		a.op("ADDQ $%d, R8", n*nv*size)
	}
	a.op("MOVQ CX, R12")
	a.op("SHRQ $2, R12")
	a.op("JZ rest%d", nv)
	a.label("loop%d", nv)
	steps(unroll)
	a.op("DECQ R12")
	a.op("JNZ loop%d", nv)
	a.label("rest%d", nv)
	a.op("ANDQ $%d, CX", unroll-1)
	a.op("JZ done%d", nv)
	a.label("last%d", nv)
	steps(1)
	a.op("DECQ CX")
	a.op("JNZ last%d", nv)
	a.label("done%d", nv)
}
