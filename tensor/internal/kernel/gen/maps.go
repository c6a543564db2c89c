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
// AX the Map; vectors 0 to 14, of which the last have what param gave.
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
	index  string // beside the register of an address; empty: none
	params *[]int // that were asked for
}

// place is what a register with an address points to.
func (l *line) place(reg string) string {
	if l.index == "" {
		return "(" + reg + ")"
	}
	return "(" + reg + ")(" + l.index + "*1)"
}

// do sets vector to = x op y.
func (l *line) do(op string, to, x, y int) { l.op("%s %s, %s, %s", op, l.v(y), l.v(x), l.v(to)) }

func (l *line) load(from string, to int) {
	switch {
	case !l.masked:
		l.op("VMOVUPS %s, %s", l.place(from), l.v(to))
	case l.masks:
		l.op("VMOVUPS.Z %s, K1, %s", l.place(from), l.v(to))
	default:
		l.op("VMASKMOVPS %s, Y15, %s", l.place(from), l.v(to))
	}
}

func (l *line) store(from int, to string) {
	switch {
	case !l.masked:
		l.op("VMOVUPS %s, %s", l.v(from), l.place(to))
	case l.masks:
		l.op("VMOVUPS %s, K1, %s", l.v(from), l.place(to))
	default:
		l.op("VMASKMOVPS %s, Y15, %s", l.v(from), l.place(to))
	}
}

// param returns the vector that has C[i] of the Map in all lanes.
func (l *line) param(i int) int {
	at := slices.Index(*l.params, i)
	if at < 0 {
		at = len(*l.params)
		*l.params = append(*l.params, i)
	}
	return 14 - at
}

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
		var params []int
		b(&line{&asm{isa: x}, false, consts, "", &params}) // to know them before the loop
		a.label("op%d", i)
		for at, p := range params {
			a.op("VBROADCASTSS %d(AX), %s", fieldParams+4*p, x.v(14-at))
		}
		a.op("MOVQ CX, R9")
		a.op("ANDQ $%d, CX", x.lanes-1)
		a.op("SUBQ CX, R9")
		a.op("SHLQ $2, R9")
		for _, reg := range []string{"DI", "SI", "DX", "R8"} {
			a.op("ADDQ R9, %s", reg) // behind the last whole vector
		}
		a.op("NEGQ R9")
		a.op("JZ tail%d", i)
		a.label("loop%d", i)
		b(&line{a, false, consts, "R9", &params})
		a.op("ADDQ $%d, R9", x.bytesPer())
		a.op("JNZ loop%d", i)
		a.label("tail%d", i)
		a.op("TESTQ CX, CX")
		a.op("JZ done%d", i)
		a.maskOf("R9")
		b(&line{a, true, consts, "", &params})
		a.label("done%d", i)
		a.op("VZEROUPPER")
		a.op("RET")
	}
	return a.out.Bytes()
}
