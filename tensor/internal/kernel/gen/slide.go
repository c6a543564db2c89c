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
	for nv := s.nv; nv >= 1; nv-- {
		if nv > 1 {
			a.op("CMPQ R8, $%d", nv)
			a.op("JLT vectors%d", nv-1)
		}
		for rows := s.mr; rows > 1; rows-- {
			a.op("CMPQ R9, $%d", rows)
			a.op("JEQ rows%dx%d", rows, nv)
		}
		a.op("JMP rows1x%d", nv)
		if nv > 1 {
			a.label("vectors%d", nv-1)
		}
	}
	for nv := s.nv; nv >= 1; nv-- {
		for rows := s.mr; rows >= 1; rows-- {
			s.part(a, rows, nv)
		}
	}
	return a.out.Bytes()
}

// part computes rows×nv vectors.
func (s slide) part(a *asm, rows, nv int) {
	id := fmt.Sprintf("%dx%d", rows, nv)
	a.label("rows%s", id)
	a.op("MOVQ %d(AX), DX", fieldSlideSpans)
	for j := range nv {
		for part := range 2 {
			a.op("MOVQ %d(DX), %s", j*spanSize+fieldSpanFirst+8*part, s.base(j, part))
			a.op("ADDQ %d(AX), %s", fieldSlideFrom, s.base(j, part))
			s.loadMask(a, j, part, s.mask(j, part))
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
	if s.masks {
		a.op("VMOVUPS.Z %s, %s, %s", at(0), s.mask(j, 0), s.b(j))
		a.op("VMOVUPS %s, %s, %s", at(1), s.mask(j, 1), s.b(j))
		return
	}
	a.op("VMASKMOVPS %s, %s, %s", at(0), s.mask(j, 0), s.b(j))
	a.op("VMASKMOVPS %s, %s, %s", at(1), s.mask(j, 1), s.spare())
	a.op("VORPS %s, %[2]s, %[2]s", s.spare(), s.b(j))
}

// store writes C.
func (s slide) store(a *asm, rows, nv int) {
	a.op("MOVQ %d(AX), R8", fieldSlideStride)
	for j := range nv {
		mask := "K7"
		if !s.masks {
			mask = s.mask(0, 0)
		}
		s.loadMask(a, j, 2, mask)
		a.op("MOVQ %d(AX), BX", fieldSlideC)
		a.op("ADDQ %d(DX), BX", j*spanSize+fieldSpanAt)
		for i := range rows {
			if s.masks {
				a.op("VMOVUPS %s, K7, (BX)", s.acc(i, j))
			} else {
				a.op("VMASKMOVPS %s, %s, (BX)", s.acc(i, j), mask)
			}
			if i < rows-1 {
				a.op("ADDQ R8, BX")
			}
		}
	}
}
