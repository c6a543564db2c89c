package main

import (
	"fmt"
	"math"
	"slices"
)

// Fields of kernel.Map.
const (
	fieldOut, fieldX, fieldY, fieldZ = 0, 24, 48, 72
	fieldParams, fieldOp             = 96, 128
)

// A body is the code of one operation on one vector. Registers: DI out, SI x, DX y, R8 z,
// AX the Map; vectors 0 to 14.
type body func(l *line)

// bodies are the operations, in the order of kernel.Op.
func bodies() []body {
	return []body{
		add, mul, scale, addScaled, relu, reluGrad, sigmoid, sigmoidGrad, tanh, tanhGrad, gelu, geluGrad, exp, affine,
		sgd, momentum, nesterov, adam, adagrad, rmsProp,
	}
}

// A line writes the code of a body once, with masks or without.
type line struct {
	*asm
	masked bool
	consts *[]uint32
}

// do sets vector to = x op y.
func (l *line) do(op string, to, x, y int) { l.op("%s %s, %s, %s", op, l.v(y), l.v(x), l.v(to)) }

func (l *line) load(from string, to int) {
	switch {
	case !l.masked:
		l.op("VMOVUPS (%s), %s", from, l.v(to))
	case l.masks:
		l.op("VMOVUPS.Z (%s), K1, %s", from, l.v(to))
	default:
		l.op("VMASKMOVPS (%s), Y15, %s", from, l.v(to))
	}
}

func (l *line) store(from int, to string) {
	switch {
	case !l.masked:
		l.op("VMOVUPS %s, (%s)", l.v(from), to)
	case l.masks:
		l.op("VMOVUPS %s, K1, (%s)", l.v(from), to)
	default:
		l.op("VMASKMOVPS %s, Y15, (%s)", l.v(from), to)
	}
}

// param brings C[i] of the Map into all lanes.
func (l *line) param(i, to int) { l.op("VBROADCASTSS %d(AX), %s", fieldParams+4*i, l.v(to)) }

// bits brings a constant into all lanes.
func (l *line) bits(x uint32, to int) {
	i := slices.Index(*l.consts, x)
	if i < 0 {
		i = len(*l.consts)
		*l.consts = append(*l.consts, x)
	}
	l.op("VBROADCASTSS consts<>+%d(SB), %s", 4*i, l.v(to))
}

func (l *line) number(x float64, to int) { l.bits(math.Float32bits(float32(x)), to) }

// with sets vector to = x op a constant; scratch is overwritten.
func (l *line) with(op string, to, x int, constant float64, scratch int) {
	l.number(constant, scratch)
	l.do(op, to, x, scratch)
}

// maps returns the function map<isa>.
func maps(x isa, consts *[]uint32) []byte {
	a := &asm{isa: x}
	a.text(fmt.Sprintf("map%s computes value by value.", x.name), "map"+x.name, "m *Map")
	for _, f := range []struct {
		offset int
		reg    string
	}{{fieldOut, "DI"}, {fieldOut + 8, "CX"}, {fieldX, "SI"}, {fieldY, "DX"}, {fieldZ, "R8"}, {fieldOp, "R9"}} {
		a.op("MOVQ %d(AX), %s", f.offset, f.reg)
	}
	for i := range bodies() {
		a.op("CMPQ R9, $%d", i)
		a.op("JEQ op%d", i)
	}
	a.op("RET")
	for i, b := range bodies() {
		a.label("op%d", i)
		a.op("SUBQ $%d, CX", x.lanes)
		a.op("JLT tail%d", i)
		a.label("loop%d", i)
		b(&line{a, false, consts})
		for _, reg := range []string{"DI", "SI", "DX", "R8"} {
			a.op("ADDQ $%d, %s", x.bytesPer(), reg)
		}
		a.op("SUBQ $%d, CX", x.lanes)
		a.op("JGE loop%d", i)
		a.label("tail%d", i)
		a.op("ADDQ $%d, CX", x.lanes)
		a.op("JZ done%d", i)
		a.maskOf("R9")
		b(&line{a, true, consts})
		a.label("done%d", i)
		a.op("VZEROUPPER")
		a.op("RET")
	}
	return a.out.Bytes()
}
