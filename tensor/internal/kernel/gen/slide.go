package main

import (
	"fmt"
	"strings"
)

// Fields of kernel.Slide. Offsets and steps are in bytes.
const (
	fieldSlideA, fieldSlideFrom, fieldSlideC = 0, 24, 48
	fieldSlideBias, fieldSlideOffsets        = 72, 96
	fieldSlideK                              = 104
	fieldSlideStride, fieldSlideRows         = 120, 128
	fieldSlideFlags, fieldSlideVectors       = 136, 144
	fieldSlideSpans, spanSize                = 152, 144
	fieldSpanFirst, fieldSpanAt              = 0, 16 // two words, then one
	fieldSpanMask, fieldSpanLanes            = 24, 48
)

// A slide is a tile whose rows of B are parts of an image that each k shifts: a vector has
// places of one row of the image, and of the next one, which two masked loads bring together.
type slide struct {
	isa
	mr, nv int
	whole  bool // all places of a vector lie in one row: one load brings it
}

// The vector registers: accumulators, B's row, A's value or a scratch, and masks.
func (s slide) acc(i, j int) string { return s.v(i*s.nv + j) }
func (s slide) b(j int) string      { return s.v(s.mr*s.nv + j) }
func (s slide) spare() string       { return s.v(s.mr*s.nv + s.nv) }
func (s slide) mask(j, part int) string {
	if s.masks {
		return fmt.Sprintf("K%d", 1+2*j+part)
	}
	return s.v(s.mr*s.nv + s.nv + 1 + 2*j + part)
}

// bases are where the parts of the vectors begin.
func (slide) base(j, part int) string {
	return strings.Fields("R8 R9 R10 R11 R12 R13")[2*j+part]
}

// write returns the function slide<isa>. Registers besides bases: SI a, DI offsets, CX k, BX an
// offset, DX the vectors' spans.
func (s slide) write() []byte {
	a := &asm{isa: s.isa}
	a.text(fmt.Sprintf("slide%s computes up to %d×%d places of images.", s.name, s.mr, s.nv*s.lanes), "slide"+s.name, "s *Slide")
	a.fields(field{fieldSlideA, "SI"}, field{fieldSlideOffsets, "DI"}, field{fieldSlideK, "CX"}, field{fieldSlideVectors, "R8"}, field{fieldSlideRows, "R9"})
	if !s.masks { // what needs no masks leaves registers for a vector more
		a.op("TESTQ $%d, %d(AX)", flagWhole, fieldSlideFlags)
		a.op("JZ split")
		slide{s.isa, s.mr, s.nv + 1, true}.parts(a)
		a.label("split")
	}
	s.parts(a)
	return a.out.Bytes()
}

// id ends the labels of a part.
func (s slide) id(rows, nv int) string {
	return fmt.Sprintf("%dx%d%s", rows, nv, map[bool]string{true: "whole"}[s.whole])
}

// parts jumps to the part of so many rows and vectors as there are, and has them all.
func (s slide) parts(a *asm) {
	suffix := map[bool]string{true: "whole"}[s.whole]
	for nv := s.nv; nv >= 1; nv-- {
		if nv > 1 {
			a.op("CMPQ R8, $%d", nv)
			a.op("JLT vectors%d%s", nv-1, suffix)
		}
		for rows := s.mr; rows > 1; rows-- {
			a.op("CMPQ R9, $%d", rows)
			a.op("JEQ rows%s", s.id(rows, nv))
		}
		a.op("JMP rows%s", s.id(1, nv))
		if nv > 1 {
			a.label("vectors%d%s", nv-1, suffix)
		}
	}
	for nv := s.nv; nv >= 1; nv-- {
		for rows := s.mr; rows >= 1; rows-- {
			s.part(a, rows, nv)
		}
	}
}

// part computes rows×nv vectors.
func (s slide) part(a *asm, rows, nv int) {
	id := s.id(rows, nv)
	a.label("rows%s", id)
	a.op("MOVQ %d(AX), DX", fieldSlideSpans)
	for j := range nv {
		for part := range s.rowsOfVector() {
			a.op("MOVQ %d(DX), %s", j*spanSize+fieldSpanFirst+8*part, s.base(j, part))
			a.op("ADDQ %d(AX), %s", fieldSlideFrom, s.base(j, part))
			if !s.whole {
				s.loadMask(a, j, part, s.mask(j, part))
			}
		}
	}
	a.op("MOVQ %d(AX), BX", fieldSlideBias)
	a.op("TESTQ BX, BX")
	a.op("JZ zero%s", id)
	s.each(rows, nv, func(i, j int) { a.op("VBROADCASTSS %d(BX), %s", 4*i, s.acc(i, j)) })
	a.op("JMP loop%s", id)
	a.label("zero%s", id)
	s.each(rows, nv, func(i, j int) { a.op("VXORPS %[1]s, %[1]s, %[1]s", s.acc(i, j)) })
	a.label("loop%s", id)
	a.op("MOVQ (DI), BX")
	for j := range nv {
		s.load(a, j)
	}
	for i := range rows {
		a.op("VBROADCASTSS %d(SI), %s", 4*i, s.spare())
		for j := range nv {
			a.op("VFMADD231PS %s, %s, %s", s.b(j), s.spare(), s.acc(i, j))
		}
	}
	a.op("ADDQ $8, DI")
	a.op("ADDQ $%d, SI", 4*rows)
	a.op("DECQ CX")
	a.op("JNZ loop%s", id)
	a.op("TESTQ $%d, %d(AX)", flagReLU, fieldSlideFlags)
	a.op("JZ linear%s", id)
	a.op("VXORPS %[1]s, %[1]s, %[1]s", s.spare())
	s.each(rows, nv, func(i, j int) { a.op("VMAXPS %[2]s, %[1]s, %[2]s", s.spare(), s.acc(i, j)) })
	a.label("linear%s", id)
	s.store(a, rows, nv)
	a.op("VZEROUPPER")
	a.op("RET")
}

// rowsOfVector is how many rows of the image a vector has places of.
func (s slide) rowsOfVector() int {
	if s.whole {
		return 1
	}
	return 2
}

func (slide) each(rows, nv int, do func(i, j int)) {
	for i := range rows {
		for j := range nv {
			do(i, j)
		}
	}
}

// loadMask loads a mask of vector j: of the first part, the second, or both.
func (s slide) loadMask(a *asm, j, part int, to string) {
	if s.masks {
		a.op("KMOVW %d(DX), %s", j*spanSize+fieldSpanMask+8*part, to)
		return
	}
	a.op("VMOVUPS %d(DX), %s", j*spanSize+fieldSpanLanes+32*part, to)
}

// load loads vector j of B.
func (s slide) load(a *asm, j int) {
	at := func(part int) string { return fmt.Sprintf("(%s)(BX*1)", s.base(j, part)) }
	switch {
	case s.masks:
		a.op("VMOVUPS.Z %s, %s, %s", at(0), s.mask(j, 0), s.b(j))
		a.op("VMOVUPS %s, %s, %s", at(1), s.mask(j, 1), s.b(j))
	case s.whole:
		a.op("VMOVUPS %s, %s", at(0), s.b(j))
	default:
		a.op("VMASKMOVPS %s, %s, %s", at(0), s.mask(j, 0), s.b(j))
		a.op("VMASKMOVPS %s, %s, %s", at(1), s.mask(j, 1), s.spare())
		a.op("VORPS %s, %[2]s, %[2]s", s.spare(), s.b(j))
	}
}

// store writes C.
func (s slide) store(a *asm, rows, nv int) {
	a.op("MOVQ %d(AX), R8", fieldSlideStride)
	for j := range nv {
		switch {
		case s.masks:
			s.loadMask(a, j, 2, "K7")
		case !s.whole:
			a.op("POPCNTQ %d(DX), R9", j*spanSize+fieldSpanMask+16)
		}
		a.op("MOVQ %d(AX), BX", fieldSlideC)
		a.op("ADDQ %d(DX), BX", j*spanSize+fieldSpanAt)
		for i := range rows {
			switch {
			case s.masks:
				a.op("VMOVUPS %s, K7, (BX)", s.acc(i, j))
			case s.whole:
				a.op("VMOVUPS %s, (BX)", s.acc(i, j))
			default:
				a.put(i*s.nv+j, "(BX)", "R9", "R10", fmt.Sprint(s.id(rows, nv), "at", i, "x", j))
			}
			if i < rows-1 {
				a.op("ADDQ R8, BX")
			}
		}
	}
}
