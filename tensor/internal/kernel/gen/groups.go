package main

import "math/bits"

// Fields of kernel.Groups.
const (
	fieldGroupSums, fieldGroupFrom        = 0, 24
	fieldGroupOf, fieldGroupCount         = 48, 56 // of Of: the rows
	fieldGroupSumStride, fieldGroupStride = 72, 80
	fieldGroupWidth                       = 88
)

// groups returns groups<isa>: each row is added to the sum of its group, in float64. Registers:
// DI sums, SI row, R8 groups, BX rows, R9 and R10 the strides in bytes, DX values that are left
// over, R11 whole vectors of float64, R12 and R13 within a sum and a row.
func groups(x isa) []byte {
	a := &asm{isa: x}
	wide := x.lanes / 2 // float64 values in a vector
	a.text("groups"+x.name+" adds rows to sums of their groups.", "groups"+x.name, "r *Groups")
	for _, f := range []struct {
		offset int
		reg    string
	}{
		{fieldGroupSums, "DI"},
		{fieldGroupFrom, "SI"},
		{fieldGroupOf, "R8"},
		{fieldGroupCount, "BX"},
		{fieldGroupSumStride, "R9"},
		{fieldGroupStride, "R10"},
		{fieldGroupWidth, "DX"},
	} {
		a.op("MOVQ %d(AX), %s", f.offset, f.reg)
	}
	a.op("SHLQ $3, R9")
	a.op("SHLQ $2, R10")
	a.op("MOVQ DX, R11")
	a.op("SHRQ $%d, R11", bits.TrailingZeros(uint(wide)))
	a.op("ANDQ $%d, DX", wide-1)
	if x.masks {
		a.op("MOVQ DX, CX")
		a.maskOf("R12")
	}
	a.label("row")
	a.op("MOVLQSX (R8), R12")
	a.op("IMULQ R9, R12")
	a.op("ADDQ DI, R12")
	a.op("MOVQ SI, R13")
	a.op("MOVQ R11, CX")
	a.op("TESTQ CX, CX")
	a.op("JZ rest")
	a.addVectors()
	a.label("rest")
	a.op("MOVQ DX, CX")
	a.op("TESTQ CX, CX")
	a.op("JZ next")
	a.addRest()
	a.label("next")
	a.op("ADDQ $4, R8")
	a.op("ADDQ R10, SI")
	a.op("DECQ BX")
	a.op("JNZ row")
	a.op("VZEROUPPER")
	a.op("RET")
	return a.out.Bytes()
}

// addVectors adds whole vectors of a row.
func (a *asm) addVectors() {
	wide := a.lanes / 2
	a.label("vector")
	a.op("VCVTPS2PD (R13), %s", a.v(0))
	a.op("VADDPD (R12), %[1]s, %[1]s", a.v(0))
	a.op("VMOVUPD %s, (R12)", a.v(0))
	a.op("ADDQ $%d, R12", 8*wide)
	a.op("ADDQ $%d, R13", 4*wide)
	a.op("DECQ CX")
	a.op("JNZ vector")
}

// addRest adds what is left of a row to what is left of its sum.
func (a *asm) addRest() {
	if a.masks {
		a.op("VCVTPS2PD.Z (R13), K1, Z0")
		a.op("VMOVUPD.Z (R12), K1, Z1")
		a.op("VADDPD Z1, Z0, Z0")
		a.op("VMOVUPD Z0, K1, (R12)")
		return
	}
	a.label("single")
	a.op("VMOVSS (R13), X0")
	a.op("VCVTSS2SD X0, X0, X0")
	a.op("VADDSD (R12), X0, X0")
	a.op("VMOVSD X0, (R12)")
	a.op("ADDQ $8, R12")
	a.op("ADDQ $4, R13")
	a.op("DECQ CX")
	a.op("JNZ single")
}
