package main

// Fields of kernel.Rows.
const (
	fieldToStride, fieldRowsFrom = 64, 24
	fieldRowsFromStride          = 48
	fieldRowWidth, fieldRowCount = 56, 72
	fieldRowAdd                  = 80
)

// rows returns rows<isa>: n rows of a width are copied or added to places a stride
// apart. Registers: DI to, SI from, R8 and R9 their strides in bytes, R10 whole vectors in a row, CX
// rows, R11 to R13 what is left of a row.
func rows(x isa) []byte {
	a := &asm{isa: x}
	a.text("rows"+x.name+" copies or adds rows.", "rows"+x.name, "r *Rows")
	for _, f := range []struct {
		offset int
		reg    string
	}{
		{0, "DI"}, {fieldRowsFrom, "SI"}, {fieldRowsFromStride, "R9"}, {fieldRowWidth, "DX"}, {fieldToStride, "R8"}, {fieldRowCount, "BX"},
	} {
		a.op("MOVQ %d(AX), %s", f.offset, f.reg)
	}
	a.op("SHLQ $2, R8")
	a.op("SHLQ $2, R9")
	a.op("MOVQ DX, R10")
	a.op("SHRQ $%d, R10", map[int]int{8: 3, 16: 4}[x.lanes])
	a.op("ANDQ $%d, DX", x.lanes-1)
	a.op("MOVQ DX, CX")
	a.maskOf("R11")
	a.op("CMPQ %d(AX), $0", fieldRowAdd)
	a.op("JNE addrow")
	eachRow(a, "copy", false)
	eachRow(a, "add", true)
	return a.out.Bytes()
}

// maskOf sets the mask of loads and stores to as many lanes as CX, which is overwritten,
// says.
func (a *asm) maskOf(scratch string) {
	if a.masks {
		a.op("MOVQ $1, %s", scratch)
		a.op("SHLQ CX, %s", scratch)
		a.op("DECQ %s", scratch)
		a.op("KMOVW %s, K1", scratch)
		return
	}
	a.op("LEAQ lanes<>+32(SB), %s", scratch)
	a.op("SHLQ $2, CX")
	a.op("SUBQ CX, %s", scratch)
	a.op("VMOVUPS (%s), Y15", scratch)
}

// eachRow copies or adds all rows.
func eachRow(a *asm, name string, add bool) {
	l := &line{a, false, nil}
	move := func() {
		l.load("R13", 0)
		if add {
			l.load("R12", 1)
			l.do("VADDPS", 0, 1, 0)
		}
		l.store(0, "R12")
	}
	a.label("%srow", name)
	a.op("MOVQ DI, R12")
	a.op("MOVQ SI, R13")
	a.op("MOVQ R10, R11")
	a.op("TESTQ R11, R11")
	a.op("JZ %stail", name)
	a.label("%svector", name)
	move()
	a.op("ADDQ $%d, R12", a.bytesPer())
	a.op("ADDQ $%d, R13", a.bytesPer())
	a.op("DECQ R11")
	a.op("JNZ %svector", name)
	a.label("%stail", name)
	a.op("TESTQ DX, DX")
	a.op("JZ %snext", name)
	l.masked = true
	move()
	a.label("%snext", name)
	a.op("ADDQ R8, DI")
	a.op("ADDQ R9, SI")
	a.op("DECQ BX")
	a.op("JNZ %srow", name)
	a.op("VZEROUPPER")
	a.op("RET")
}
