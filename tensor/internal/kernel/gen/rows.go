package main

import "fmt"

// Fields of kernel.Rows.
const (
	fieldToStride, fieldRowsFrom = 64, 24
	fieldRowsFromStride          = 48
	fieldRowWidth, fieldRowCount = 56, 72
	fieldRowAdd                  = 80
)

// A span is a size of vectors that rows are moved in.
type span struct {
	reg   string
	lanes int
	shift int // 2^shift = lanes
}

func (x isa) spans() []span {
	all := []span{{"Y", 8, 3}, {"X", 4, 2}}
	if x.lanes == 16 {
		return append([]span{{"Z", 16, 4}}, all...)
	}
	return all
}

// rows returns rows<isa>: n rows of a width are copied or added to places a stride
// apart. A row that is no whole number of vectors ends in one that overlaps the one
// before: masks there would make each row wait for the one before to be written.
// Registers: DI to, SI from, R8 and R9 their strides in bytes, R10 whole vectors in a row,
// DX what is left, AX where the last vector begins, CX whether to add, BX rows, R11 to
// R13 within a row.
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
	a.op("MOVBLZX %d(AX), R12", fieldRowAdd)
	a.op("SHLQ $2, R8")
	a.op("SHLQ $2, R9")
	for _, s := range x.spans() {
		a.op("CMPQ DX, $%d", s.lanes)
		a.op("JGE span%d", s.lanes)
	}
	a.op("MOVQ DX, CX")
	a.maskOf("R11")
	a.op("TESTQ R12, R12")
	a.op("JNZ addfew")
	few(a, "copyfew", false)
	few(a, "addfew", true)
	for _, s := range x.spans() {
		a.label("span%d", s.lanes)
		a.op("LEAQ -%d(DX*4), AX", 4*s.lanes)
		a.op("MOVQ DX, R10")
		a.op("SHRQ $%d, R10", s.shift)
		a.op("ANDQ $%d, DX", s.lanes-1)
		a.op("TESTQ R12, R12")
		a.op("JNZ add%d", s.lanes)
		s.each(a, "copy", false)
		s.each(a, "add", true)
	}
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

// few copies or adds rows of less than any vector.
func few(a *asm, name string, add bool) {
	l := &line{asm: a, masked: true}
	a.label("%s", name)
	l.load("SI", 0)
	if add {
		l.load("DI", 1)
		l.do("VADDPS", 0, 1, 0)
	}
	l.store(0, "DI")
	a.nextRow(name)
}

// nextRow goes to the next row, or ends.
func (a *asm) nextRow(name string) {
	a.op("ADDQ R8, DI")
	a.op("ADDQ R9, SI")
	a.op("DECQ BX")
	a.op("JNZ %s", name)
	a.op("VZEROUPPER")
	a.op("RET")
}

// each copies or adds all rows. The last vector is read before any is written.
func (s span) each(a *asm, verb string, add bool) {
	name := fmt.Sprint(verb, s.lanes)
	plus := func(at, reg string) {
		if add {
			a.op("VADDPS %s, %[2]s, %[2]s", at, reg)
		}
	}
	first, last := s.reg+"0", s.reg+"1"
	a.label("%s", name)
	a.op("MOVQ DI, R12")
	a.op("MOVQ SI, R13")
	a.op("MOVQ R10, R11")
	a.op("TESTQ DX, DX")
	a.op("JZ vector%s", name)
	a.op("VMOVUPS (SI)(AX*1), %s", last)
	plus("(DI)(AX*1)", last)
	a.label("vector%s", name)
	a.op("VMOVUPS (R13), %s", first)
	plus("(R12)", first)
	a.op("VMOVUPS %s, (R12)", first)
	a.op("ADDQ $%d, R12", 4*s.lanes)
	a.op("ADDQ $%d, R13", 4*s.lanes)
	a.op("DECQ R11")
	a.op("JNZ vector%s", name)
	a.op("TESTQ DX, DX")
	a.op("JZ next%s", name)
	a.op("VMOVUPS %s, (DI)(AX*1)", last)
	a.label("next%s", name)
	a.nextRow(name)
}
