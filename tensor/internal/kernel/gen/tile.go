package main

import "fmt"

// A tile says how much of C one call computes: mr rows of nv vectors, all of which
// stay in registers beside nv vectors of B and one broadcast value of A.
type tile struct {
	isa
	mr, nv int
}

// The vector registers of a tile's accumulators, of B's row, and of A's value. After
// the loop those of B and A are free, for masks and what the epilogue needs.
func (t tile) acc(i, j int) string { return t.v(i*t.nv + j) }
func (t tile) b(j int) string      { return t.v(t.mr*t.nv + j) }
func (t tile) spare() string       { return t.v(t.mr*t.nv + t.nv) }

// Flags of kernel.Tile, and where its fields lie.
const (
	flagLoad  = 1
	flagReLU  = 2
	flagWhole = 4

	fieldA, fieldB, fieldC, fieldBias, fieldNext = 0, 24, 48, 72, 96
	fieldK, fieldStride, fieldRows, fieldFlags   = 120, 128, 136, 144
	fieldVectors, fieldMask                      = 152, 160
	fieldARow, fieldAStep, fieldBStep            = 200, 208, 216
	fieldTiles, fieldJump                        = 224, 232
)

// write returns the function tile<isa>. Registers: SI a, DI b, DX c, R8 bytes from a
// row of c to the next, CX k, BX flags, R9 rows, R10 vectors in a row.
func (t tile) write() []byte {
	a := &asm{isa: t.isa}
	a.text(fmt.Sprintf("tile%s computes up to %d×%d elements of C.", t.name, t.mr, t.nv*t.lanes), "tile"+t.name, "t *Tile")
	for _, f := range []struct {
		offset int
		reg    string
	}{
		{fieldA, "SI"},
		{fieldB, "DI"},
		{fieldC, "DX"},
		{fieldK, "CX"},
		{fieldStride, "R8"},
		{fieldRows, "R9"},
		{fieldFlags, "BX"},
		{fieldVectors, "R10"},
	} {
		a.op("MOVQ %d(AX), %s", f.offset, f.reg)
	}
	a.op("SHLQ $2, R8")
	for nv := t.nv; nv >= 1; nv-- {
		if nv > 1 {
			a.op("CMPQ R10, $%d", nv)
			a.op("JLT vectors%d", nv-1)
		}
		for rows := t.mr; rows > 1; rows-- {
			a.op("CMPQ R9, $%d", rows)
			a.op("JEQ rows%dx%d", rows, nv)
		}
		a.op("JMP rows1x%d", nv)
		if nv > 1 {
			a.label("vectors%d", nv-1)
		}
	}
	for nv := t.nv; nv >= 1; nv-- {
		for rows := t.mr; rows >= 1; rows-- {
			t.part(a, rows, nv)
		}
	}
	return a.out.Bytes()
}

// part computes rows×nv vectors of C.
func (t tile) part(a *asm, rows, nv int) {
	id := fmt.Sprintf("%dx%d", rows, nv)
	a.label("rows%s", id)
	t.masks(a, nv)
	a.op("TESTQ $%d, BX", flagLoad)
	a.op("JZ zero%s", id)
	a.op("MOVQ DX, R11")
	for i := range rows {
		for j := range nv {
			t.loadMasked(a, j, fmt.Sprintf("%d(R11)", j*t.bytesPer()), t.acc(i, j))
		}
		if i < rows-1 {
			a.op("ADDQ R8, R11")
		}
	}
	a.op("JMP start%s", id)
	a.label("zero%s", id)
	for i := range rows {
		for j := range nv {
			a.op("VXORPS %[1]s, %[1]s, %[1]s", t.acc(i, j))
		}
	}
	a.label("start%s", id)
	if nv == t.nv && rows == t.mr {
		t.prefetch(a)
	}
	t.loop(a, rows, nv)
	t.epilogue(a, rows, nv)
	t.store(a, rows, nv)
	t.end(a, rows, nv)
}

// loops reports whether the code of so many rows goes on to the next tile itself.
func (t tile) loops(rows int) bool { return !t.isa.masks && rows == t.mr }

// end goes to the next tile, or returns.
func (t tile) end(a *asm, rows, nv int) {
	if t.loops(rows) {
		id := fmt.Sprintf("%dx%d", rows, nv)
		a.label("stored%s", id)
		a.op("DECQ %d(AX)", fieldTiles)
		a.op("JZ last%stile", id)
		a.fields(field{fieldB, "DI"}, field{fieldK, "CX"})
		a.op("ADDQ %d(AX), SI", fieldJump)
		a.op("ADDQ R8, DX")
		a.op("JMP rows%s", id)
		a.label("last%stile", id)
	}
	a.op("VZEROUPPER")
	a.op("RET")
}

// prefetch asks for the C of the tile that comes next.
func (t tile) prefetch(a *asm) {
	if t.isa.masks {
		a.op("MOVQ %d(AX), R11", fieldNext)
		a.op("TESTQ R11, R11")
		a.op("JZ fetched")
	} else {
		a.op("LEAQ (DX)(R8*%d), R11", t.mr)
		a.op("CMPQ %d(AX), $1", fieldTiles)
		a.op("JEQ fetched")
	}
	for i := range t.mr {
		for offset := 0; offset < t.nv*t.bytesPer(); offset += 64 {
			a.op("PREFETCHT0 %d(R11)", offset)
		}
		if i < t.mr-1 {
			a.op("ADDQ R8, R11")
		}
	}
	a.label("fetched")
}

// loop adds the products of k columns of A and rows of B. Registers: R9 bytes from a row of A to the next,
// R14 three times that, R15 the sixth row, R10 bytes from a column of A to the next, R11 from a row of B.
func (t tile) loop(a *asm, rows, nv int) {
	id, unroll := fmt.Sprintf("%dx%d", rows, nv), 2
	if nv == t.nv && (rows == t.mr || rows == 1) {
		unroll = 4
	}
	a.fields(field{fieldARow, "R9"}, field{fieldAStep, "R10"}, field{fieldBStep, "R11"})
	for _, reg := range []string{"R9", "R10", "R11"} {
		a.op("SHLQ $2, %s", reg)
	}
	a.op("LEAQ (R9)(R9*2), R14")
	a.op("LEAQ (SI)(R9*4), R15")
	a.op("ADDQ R9, R15")
	places := []string{"(SI)", "(SI)(R9*1)", "(SI)(R9*2)", "(SI)(R14*1)", "(SI)(R9*4)", "(R15)", "(R15)(R9*1)", "(R15)(R9*2)"}
	step := func() {
		for j := range nv {
			a.op("VMOVUPS %d(DI), %s", j*t.bytesPer(), t.b(j))
		}
		a.op("ADDQ R11, DI")
		for i := range rows {
			a.op("VBROADCASTSS %s, %s", places[i], t.spare())
			for j := range nv {
				a.op("VFMADD231PS %s, %s, %s", t.b(j), t.spare(), t.acc(i, j))
			}
		}
		a.op("ADDQ R10, SI")
		a.op("ADDQ R10, R15")
	}
	a.op("MOVQ CX, R12")
	a.op("SHRQ $%d, R12", map[int]int{2: 1, 4: 2}[unroll])
	a.op("JZ rest%s", id)
	a.label("loop%s", id)
	for range unroll {
		step()
	}
	a.op("DECQ R12")
	a.op("JNZ loop%s", id)
	a.label("rest%s", id)
	a.op("ANDQ $%d, CX", unroll-1)
	a.op("JZ done%s", id)
	a.label("last%s", id)
	step()
	a.op("DECQ CX")
	a.op("JNZ last%s", id)
	a.label("done%s", id)
}

// epilogue adds the bias, and takes the larger of 0 and the sum. The order of VMAXPS's
// operands lets NaN and -0 through.
func (t tile) epilogue(a *asm, rows, nv int) {
	id := fmt.Sprintf("%dx%d", rows, nv)
	a.op("MOVQ %d(AX), R11", fieldBias)
	a.op("TESTQ R11, R11")
	a.op("JZ unbiased%s", id)
	for j := range nv {
		t.loadMasked(a, j, fmt.Sprintf("%d(R11)", j*t.bytesPer()), t.spare())
		for i := range rows {
			a.op("VADDPS %s, %s, %s", t.spare(), t.acc(i, j), t.acc(i, j))
		}
	}
	a.label("unbiased%s", id)
	a.op("TESTQ $%d, BX", flagReLU)
	a.op("JZ linear%s", id)
	a.op("VXORPS %[1]s, %[1]s, %[1]s", t.spare())
	for i := range rows {
		for j := range nv {
			a.op("VMAXPS %[2]s, %[1]s, %[2]s", t.spare(), t.acc(i, j))
		}
	}
	a.label("linear%s", id)
}

// masks brings the masks of nv vectors into K1 … or, without such registers, leaves
// them in memory: the vector registers are needed for sums.
func (t tile) masks(a *asm, nv int) {
	if t.isa.masks {
		for j := range nv {
			a.op("KMOVW %d(AX), K%d", fieldMask+8*j, j+1)
		}
		return
	}
	a.op("LEAQ lanes<>(SB), R13")
}

// loadMasked reads a vector, 0 where the mask of column vector j is not set.
func (t tile) loadMasked(a *asm, j int, from, to string) {
	if t.isa.masks {
		a.op("VMOVUPS.Z %s, K%d, %s", from, j+1, to)
		return
	}
	a.op("MOVQ %d(AX), R12", fieldMask+8*j)
	a.op("VMOVUPS (R13)(R12*1), %s", t.b(0))
	a.op("VMASKMOVPS %s, %s, %s", from, t.b(0), to)
}

// store writes C, whole vectors where all are, which is faster.
func (t tile) store(a *asm, rows, nv int) {
	id := fmt.Sprintf("%dx%d", rows, nv)
	a.op("TESTQ $%d, BX", flagWhole)
	a.op("JNZ whole%s", id)
	write := func(store func(i, j int)) {
		for i := range rows {
			for j := range nv {
				store(i, j)
			}
			if i < rows-1 {
				a.op("ADDQ R8, DX")
			}
		}
	}
	if !t.isa.masks {
		a.count(fieldMask+8*(nv-1), "R14")
	}
	write(func(i, j int) {
		at := fmt.Sprintf("%d(DX)", j*t.bytesPer())
		switch {
		case t.isa.masks:
			a.op("VMOVUPS %s, K%d, %s", t.acc(i, j), j+1, at)
		case j < nv-1: // only the last vector is not whole
			a.op("VMOVUPS %s, %s", t.acc(i, j), at)
		default:
			a.put(i*t.nv+j, at, "R14", "R12", fmt.Sprint(id, "r", i))
		}
	})
	if t.loops(rows) {
		a.op("JMP stored%s", id)
	} else {
		a.op("VZEROUPPER")
		a.op("RET")
	}
	a.label("whole%s", id)
	write(func(i, j int) { a.op("VMOVUPS %s, %d(DX)", t.acc(i, j), j*t.bytesPer()) })
}
