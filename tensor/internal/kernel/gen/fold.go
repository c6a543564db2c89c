package main

// Fields of kernel.Fold. Steps are in bytes.
const (
	fieldFoldOut, fieldFoldColumns = 0, 24
	fieldFoldRows, fieldFoldCount  = 48, 56
	fieldFoldMasks                 = 72 // for AVX-512; then those for AVX2
	fieldFoldWindow                = 120
	fieldFoldTap, fieldFoldDown    = 128, 136
	fieldFoldOutStep, fieldFoldMax = 144, 152
	fieldFoldRowSize               = 16 // of kernel.foldRow
)

// folds returns fold<isa>: a vector of each row of an image's channel becomes the sum of what
// its taps met. Registers: DI out, SI columns, R8 rows, CX rows left, R9 where in the columns,
// R10 rows of the window that are left, R12 its columns, R13 and R11 their masks; BX and DX the
// steps to the next tap and row of the window; with AVX2, R14 the values to store.
func folds(x isa) []byte {
	a := &asm{isa: x}
	masks := fieldFoldMasks
	if !x.masks {
		masks += 24
	}
	a.text("fold"+x.name+" sums what taps met.", "fold"+x.name, "f *Fold")
	a.fields(
		field{fieldFoldOut, "DI"}, field{fieldFoldColumns, "SI"}, field{fieldFoldRows, "R8"}, field{fieldFoldCount, "CX"},
		field{fieldFoldTap, "BX"}, field{fieldFoldDown, "DX"}, field{masks, "R13"},
	)
	if x.masks {
		a.op("KMOVW %d(AX), K2", fieldFoldMax)
	} else {
		a.count(fieldFoldMax, "R14")
	}
	a.foldRows()
	return a.out.Bytes()
}

// foldRows goes through rows of the image, rows of the window that reach them, and its columns.
func (a *asm) foldRows() {
	a.label("row")
	a.op("VXORPS %[1]s, %[1]s, %[1]s", a.v(0))
	a.op("MOVQ (R8), R9")
	a.op("MOVQ 8(R8), R10")
	a.op("ADDQ SI, R9")
	a.op("TESTQ R10, R10")
	a.op("JZ put")
	a.label("down")
	a.op("MOVQ %d(AX), R12", fieldFoldWindow)
	a.op("MOVQ R13, R11")
	a.label("across")
	if a.masks {
		a.op("KMOVW (R11), K1")
		a.op("VADDPS (R9), Z0, K1, Z0")
		a.op("ADDQ $8, R11")
	} else {
		a.op("VMOVUPS (R11), Y2")
		a.op("VMASKMOVPS (R9), Y2, Y1")
		a.op("VADDPS Y1, Y0, Y0")
		a.op("ADDQ $32, R11")
	}
	a.op("ADDQ BX, R9")
	a.op("DECQ R12")
	a.op("JNZ across")
	a.op("ADDQ DX, R9")
	a.op("DECQ R10")
	a.op("JNZ down")
	a.label("put")
	if a.masks {
		a.op("VMOVUPS Z0, K2, (DI)")
	} else {
		a.put(0, "(DI)", "R14", "R12", "out")
	}
	a.op("ADDQ %d(AX), DI", fieldFoldOutStep)
	a.op("ADDQ $%d, R8", fieldFoldRowSize)
	a.op("DECQ CX")
	a.op("JNZ row")
	a.op("VZEROUPPER")
	a.op("RET")
}
