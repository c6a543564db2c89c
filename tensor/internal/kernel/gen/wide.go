package main

import (
	"fmt"
	"math/bits"
)

// The functions of this file take rows of float32 and compute in float64, eight values of a row
// at a time: a vector of AVX-512, two of AVX2. What is beyond a row's end counts as 0.

// chunk64 is how many values are taken at a time.
const chunk64 = 8

// Fields of kernel.Dots, and of kernel.Strips.
const (
	fieldDotsTo, fieldDotsFrom, fieldDotsBy, fieldDotsRows = 0, 24, 48, 8
	fieldDotsStride, fieldDotsWidth, fieldDotsBias         = 72, 80, 88
	fieldStripsSums, fieldStripsSquares, fieldStripsFrom   = 0, 24, 48
	fieldStripsBy, fieldStripsRows, fieldStripsStride      = 72, 96, 104
	fieldStripsWidth                                       = 112
)

// parts returns how many vectors eight float64 are.
func (x isa) parts() int { return 2 * chunk64 / x.lanes }

// widen loads eight float32 and converts them into vectors to, to+1; a masked load reads only
// what the mask has, by K1 or by Y15. Vector spare is overwritten.
func (a *asm) widen(offset int, base string, to, spare int, masked bool) {
	from := fmt.Sprintf("%d%s", offset, base)
	switch {
	case a.masks && masked:
		a.op("VCVTPS2PD.Z %s, K1, %s", from, a.v(to))
	case a.masks:
		a.op("VCVTPS2PD %s, %s", from, a.v(to))
	case masked:
		a.op("VMASKMOVPS %s, Y15, Y%d", from, spare)
		a.op("VCVTPS2PD X%d, Y%d", spare, to)
		a.op("VEXTRACTF128 $1, Y%d, X%d", spare, spare)
		a.op("VCVTPS2PD X%d, Y%d", spare, to+1)
	default:
		a.op("VCVTPS2PD %s, Y%d", from, to)
		a.op("VCVTPS2PD %d%s, Y%d", offset+16, base, to+1)
	}
}

// dots returns dots<isa>. Registers: DI to, SI from, DX by, BX rows, R8 a row's stride in bytes, R9
// three times that, R10 values after whole chunks, R11 whole chunks, R12 and R13 within rows and by.
func dots(x isa) []byte {
	a := &asm{isa: x}
	a.text("dots"+x.name+" multiplies rows by numbers, in float64.", "dots"+x.name, "d *Dots")
	a.fields(field{fieldDotsTo, "DI"}, field{fieldDotsFrom, "SI"}, field{fieldDotsBy, "DX"}, field{fieldDotsRows, "BX"}, field{fieldDotsStride, "R8"}, field{fieldDotsWidth, "R10"})
	a.op("SHLQ $2, R8")
	a.op("LEAQ (R8)(R8*2), R9")
	a.op("MOVQ R10, R11")
	a.op("SHRQ $%d, R11", bits.TrailingZeros(chunk64))
	a.op("ANDQ $%d, R10", chunk64-1)
	a.op("MOVQ R10, CX")
	a.maskOf("R12")
	const many = 4
	a.label("many")
	a.op("CMPQ BX, $%d", many)
	a.op("JLT single")
	a.dotsOf(many, "many")
	a.op("LEAQ (SI)(R8*%d), SI", many)
	a.op("SUBQ $%d, BX", many)
	a.op("JMP many")
	a.label("single")
	a.op("TESTQ BX, BX")
	a.op("JZ done")
	a.dotsOf(1, "single")
	a.op("ADDQ R8, SI")
	a.op("DECQ BX")
	a.op("JMP single")
	a.label("done")
	a.op("VZEROUPPER")
	a.op("RET")
	return a.out.Bytes()
}

// dotsOf computes one row or four, and moves DI on. The chains of row i are vectors i·parts and on,
// those of by come after all of them, and then a row's values.
func (a *asm) dotsOf(rows int, name string) {
	parts := a.parts()
	by, value := rows*parts, rows*parts+parts
	for v := range by {
		a.op("VXORPD %[1]s, %[1]s, %[1]s", a.v(v))
	}
	a.op("MOVQ SI, R12")
	a.op("MOVQ DX, R13")
	step := func(masked bool) {
		for p := range parts {
			a.op("VMOVUPD %d(R13), %s", p*a.bytesPer(), a.v(by+p))
		}
		for i, from := range []string{"(R12)", "(R12)(R8*1)", "(R12)(R8*2)", "(R12)(R9*1)"}[:rows] {
			a.widen(0, from, value, value+parts, masked)
			for p := range parts {
				a.op("VFMADD231PD %s, %s, %s", a.v(value+p), a.v(by+p), a.v(i*parts+p))
			}
		}
	}
	a.op("MOVQ R11, CX")
	a.op("TESTQ CX, CX")
	a.op("JZ %srest", name)
	a.label("%schunk", name)
	step(false)
	a.op("ADDQ $%d, R12", 4*chunk64)
	a.op("ADDQ $%d, R13", 8*chunk64)
	a.op("DECQ CX")
	a.op("JNZ %schunk", name)
	a.label("%srest", name)
	a.op("TESTQ R10, R10")
	a.op("JZ %sfold", name)
	step(true)
	a.label("%sfold", name)
	for i := range rows {
		a.foldChains(i*parts, value)
		a.op("VADDSD %d(AX), X%d, X%d", fieldDotsBias, i*parts, i*parts)
		a.op("VMOVSD X%d, %d(DI)", i*parts, 8*i)
	}
	a.op("ADDQ $%d, DI", 8*rows)
}

// foldChains adds the eight chains of vector v, or of v and v+1, in halves.
func (a *asm) foldChains(v, scratch int) {
	if a.masks {
		a.op("VEXTRACTF64X4 $1, Z%d, Y%d", v, scratch)
		a.op("VADDPD Y%d, Y%d, Y%d", scratch, v, v)
	} else {
		a.op("VADDPD Y%d, Y%d, Y%d", v+1, v, v)
	}
	a.op("VEXTRACTF128 $1, Y%d, X%d", v, scratch)
	a.op("VADDPD X%d, X%d, X%d", scratch, v, v)
	a.op("VUNPCKHPD X%d, X%d, X%d", v, v, scratch)
	a.op("VADDSD X%d, X%d, X%d", scratch, v, v)
}

// A strip is a way to add rows to columns of sums. Registers: DI sums, R13 squares, SI rows, DX by,
// R8 a row's stride in bytes, R9 and R12 within a strip's rows and by, BX chunks that are left with the
// one that is not whole, R10 values of that, R11 rows.
type strip struct {
	*asm
	squares bool // else rows are multiplied by numbers
	chunks  int  // at most in one strip
}

// strips returns spread<isa> or moments<isa>.
func strips(x isa, squares bool) []byte {
	s := strip{&asm{isa: x}, squares, map[bool]int{true: 8, false: 4}[x.masks]}
	name, doc := "spread"+x.name, " adds rows times a number each, in float64."
	if squares {
		name, doc = "moments"+x.name, " adds rows and their squares, in float64."
		s.chunks /= 2
	}
	s.text(name+doc, name, "s *Strips")
	s.fields(field{fieldStripsSums, "DI"}, field{fieldStripsFrom, "SI"}, field{fieldStripsStride, "R8"}, field{fieldStripsWidth, "R10"})
	if squares {
		s.fields(field{fieldStripsSquares, "R13"})
	}
	s.op("SHLQ $2, R8")
	s.op("LEAQ %d(R10), BX", chunk64-1)
	s.op("SHRQ $%d, BX", bits.TrailingZeros(chunk64))
	s.op("DECQ R10") // the last chunk has 1 to 8 values
	s.op("ANDQ $%d, R10", chunk64-1)
	s.op("INCQ R10")
	s.label("strip")
	for n := s.chunks; n > 0; n-- {
		s.op("CMPQ BX, $%d", n)
		s.op("JEQ last%d", n)
	}
	s.op("TESTQ BX, BX")
	s.op("JZ done")
	s.of(s.chunks, "whole", false)
	for n := s.chunks; n > 0; n-- {
		s.of(n, fmt.Sprintf("last%d", n), true)
	}
	s.label("done")
	s.op("VZEROUPPER")
	s.op("RET")
	return s.out.Bytes()
}

// of adds all rows to so many chunks of the sums, the last of which is masked or whole.
func (s strip) of(n int, name string, last bool) {
	parts := s.parts()
	sums := n * parts
	value := sums
	if s.squares {
		value *= 2
	}
	s.label("%s", name)
	if last {
		s.op("MOVQ R10, CX")
		s.maskOf("R9")
	}
	s.each(sums, func(at, v string) { s.op("VMOVUPD %s, %s", at, v) })
	s.op("MOVQ SI, R9")
	if !s.squares {
		s.op("MOVQ %d(AX), R12", fieldStripsBy)
	}
	s.op("MOVQ %d(AX), R11", fieldStripsRows)
	s.label("%srow", name)
	by := value + parts
	if !s.squares {
		s.op("VBROADCASTSD (R12), %s", s.v(by))
	}
	for c := range n {
		s.widen(4*chunk64*c, "(R9)", value, by+1, last && c == n-1)
		for p := range parts {
			s.add(value+p, by, c*parts+p, sums)
		}
	}
	s.op("ADDQ R8, R9")
	if !s.squares {
		s.op("ADDQ $8, R12")
	}
	s.op("DECQ R11")
	s.op("JNZ %srow", name)
	s.each(sums, func(at, v string) { s.op("VMOVUPD %s, %s", v, at) })
	if last {
		s.op("JMP done")
		return
	}
	s.op("ADDQ $%d, DI", 8*chunk64*n)
	if s.squares {
		s.op("ADDQ $%d, R13", 8*chunk64*n)
	}
	s.op("ADDQ $%d, SI", 4*chunk64*n)
	s.op("SUBQ $%d, BX", n)
	s.op("JMP strip")
}

// each calls do with the place and the register of each vector of sums, and of squares.
func (s strip) each(sums int, do func(at, v string)) {
	for v := range sums {
		do(fmt.Sprintf("%d(DI)", v*s.bytesPer()), s.v(v))
		if s.squares {
			do(fmt.Sprintf("%d(R13)", v*s.bytesPer()), s.v(sums+v))
		}
	}
}

// add adds a vector of values to vector v of so many sums.
func (s strip) add(value, by, v, sums int) {
	if s.squares {
		s.op("VADDPD %s, %s, %s", s.v(value), s.v(v), s.v(v))
		s.op("VFMADD231PD %[1]s, %[1]s, %[2]s", s.v(value), s.v(sums+v))
		return
	}
	s.op("VFMADD231PD %s, %s, %s", s.v(value), s.v(by), s.v(v))
}
