package main

import (
	"fmt"
	"math/bits"
)

// Fields of kernel.Sparse.
const (
	fieldSparseTo, fieldSparseFrom, fieldSparseBy           = 0, 24, 48
	fieldSparseAt, fieldSparseStarts, fieldSparseCount      = 72, 96, 104
	fieldSparseInit, fieldSparseScale                       = 120, 144
	fieldSparseToStep, fieldSparseFromStep, fieldSparseCols = 168, 176, 184
)

// A sparse writes sparse<isa>: sums of rows of a matrix that a list names for each row of the result. Strips of
// columns are computed one after the other, all rows of each, so that what a strip reads stays near.
// Registers: DI to, SI from, R8 the stride of from in bytes, R9 the end of a row's entries, DX at, R15 by, BX vectors that are left with the one
// that is not whole, R10 values of that, R11 rows that are left, R12 within starts, R13 within to, R14 a row of from, CX entries.
type sparse struct {
	*asm
	vectors int // at most in one strip: as many chains hide the latency of an FMA
}

func sparses(x isa) []byte {
	s := sparse{&asm{isa: x}, 8}
	s.text("sparse"+x.name+" adds up rows that are named, times a number each.", "sparse"+x.name, "s *Sparse")
	s.fields(
		field{fieldSparseTo, "DI"}, field{fieldSparseFrom, "SI"}, field{fieldSparseFromStep, "R8"},
		field{fieldSparseAt, "DX"}, field{fieldSparseBy, "R15"}, field{fieldSparseCols, "R10"},
	)
	s.op("SHLQ $2, R8")
	s.op("LEAQ %d(R10), BX", s.lanes-1)
	s.op("SHRQ $%d, BX", bits.TrailingZeros(uint(s.lanes)))
	s.op("DECQ R10") // the last vector has 1 value to all
	s.op("ANDQ $%d, R10", s.lanes-1)
	s.op("INCQ R10")
	s.label("strip")
	for n := s.vectors; n > 0; n-- {
		s.op("CMPQ BX, $%d", n)
		s.op("JEQ last%d", n)
	}
	s.op("TESTQ BX, BX")
	s.op("JZ done")
	s.of(s.vectors, "whole", false)
	for n := s.vectors; n > 0; n-- {
		s.of(n, fmt.Sprintf("last%d", n), true)
	}
	s.label("done")
	s.op("VZEROUPPER")
	s.op("RET")
	return s.out.Bytes()
}

// of computes so many vectors of all rows, the last of which is masked or whole. The chains are the first vectors, then
// come a number in all lanes and, without mask registers, what is loaded of the last one.
func (s sparse) of(n int, name string, last bool) {
	s.label("%s", name)
	if last {
		s.op("MOVQ R10, CX")
		s.maskOf("R12")
	}
	s.op("MOVQ DI, R13")
	s.op("MOVQ %d(AX), R12", fieldSparseStarts)
	s.op("MOVQ %d(AX), R11", fieldSparseCount)
	s.op("DECQ R11") // rows
	s.label("%srow", name)
	s.begin(n, name, last)
	s.entries(n, name, last)
	s.label("%sstore", name)
	s.each(n, last, func(masked bool, v int) { s.store(name, masked, v) })
	s.op("MOVQ %d(AX), R9", fieldSparseToStep)
	s.op("LEAQ (R13)(R9*4), R13")
	s.op("ADDQ $4, R12")
	s.op("DECQ R11")
	s.op("JNZ %srow", name)
	if last {
		s.op("JMP done")
		return
	}
	s.op("ADDQ $%d, DI", n*s.bytesPer())
	s.op("ADDQ $%d, SI", n*s.bytesPer())
	s.op("SUBQ $%d, BX", n)
	s.op("JMP strip")
}

// begin sets the chains of a row: to what is there, or to Scale times Init.
func (s sparse) begin(n int, name string, last bool) {
	s.op("CMPQ %d(AX), $0", fieldSparseInit)
	s.op("JNE %sinit", name)
	s.each(n, last, func(masked bool, v int) { s.load(masked, v) })
	s.op("JMP %sentries", name)
	s.label("%sinit", name)
	s.op("MOVQ %d(AX), R9", fieldSparseToStep)
	s.op("LEAQ (R13)(R9*8), R9") // two rows on: as a gradient, another core has read it
	for at := 0; at < n*s.bytesPer(); at += 64 {
		s.own(at, "R9", "")
	}
	s.op("MOVQ R12, R14")
	s.op("SUBQ %d(AX), R14", fieldSparseStarts)
	s.op("ADDQ %d(AX), R14", fieldSparseScale)
	s.op("VBROADCASTSS (R14), %s", s.v(n))
	s.op("MOVQ DI, R14")
	s.op("SUBQ %d(AX), R14", fieldSparseTo)
	s.op("ADDQ %d(AX), R14", fieldSparseInit)
	s.each(n, last, func(masked bool, v int) { s.init(masked, n, v) })
}

// entries adds a row's entries to its chains.
func (s sparse) entries(n int, name string, last bool) {
	s.label("%sentries", name)
	s.op("MOVL (R12), CX")
	s.op("MOVL 4(R12), R9")
	s.op("CMPL CX, R9")
	s.op("JGE %sstore", name)
	s.label("%sentry", name)
	s.op("MOVL (DX)(CX*4), R14")
	s.op("VBROADCASTSS (R15)(CX*4), %s", s.v(n))
	s.op("IMULQ R8, R14")
	s.op("ADDQ SI, R14")
	s.each(n, last, func(masked bool, v int) { s.add(masked, n, v) })
	s.op("INCL CX")
	s.op("CMPL CX, R9")
	s.op("JLT %sentry", name)
}

// at is where vector v lies from a register on.
func (s sparse) at(v int, reg string) string { return fmt.Sprintf("%d(%s)", v*s.bytesPer(), reg) }

// each calls do for each vector.
func (s sparse) each(n int, last bool, do func(masked bool, v int)) {
	for v := range n {
		do(last && v == n-1, v)
	}
}

// load begins a chain with vector v of what is there.
func (s sparse) load(masked bool, v int) {
	switch at := s.at(v, "R13"); {
	case !masked:
		s.op("VMOVUPS %s, %s", at, s.v(v))
	case s.masks:
		s.op("VMOVUPS.Z %s, K1, %s", at, s.v(v))
	default:
		s.op("VMASKMOVPS %s, Y15, %s", at, s.v(v))
	}
}

// init begins a chain with vector v of init, times the number in vector n.
func (s sparse) init(masked bool, n, v int) {
	switch at := s.at(v, "R14"); {
	case !masked:
		s.op("VMULPS %s, %s, %s", at, s.v(n), s.v(v))
	case s.masks:
		s.op("VMULPS.Z %s, %s, K1, %s", at, s.v(n), s.v(v))
	default:
		s.op("VMASKMOVPS %s, Y15, %s", at, s.v(v))
		s.op("VMULPS %[1]s, %[2]s, %[1]s", s.v(v), s.v(n))
	}
}

// add adds vector v of a row of from, times the number in vector n, to its chain.
func (s sparse) add(masked bool, n, v int) {
	switch at := s.at(v, "R14"); {
	case !masked:
		s.op("VFMADD231PS %s, %s, %s", at, s.v(n), s.v(v))
	case s.masks:
		s.op("VFMADD231PS %s, %s, K1, %s", at, s.v(n), s.v(v))
	default:
		s.op("VMASKMOVPS %s, Y15, %s", at, s.v(n+1))
		s.op("VFMADD231PS %s, %s, %s", s.v(n+1), s.v(n), s.v(v))
	}
}

// store writes vector v.
func (s sparse) store(name string, masked bool, v int) {
	switch at := s.at(v, "R13"); {
	case !masked:
		s.op("VMOVUPS %s, %s", s.v(v), at)
	case s.masks:
		s.op("VMOVUPS %s, K1, %s", s.v(v), at)
	default:
		s.put(v, at, "R10", "R14", name)
	}
}
