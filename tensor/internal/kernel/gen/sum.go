package main

// chains is how many chains kernel.Sums has.
const chains = 16

// sums returns sums<isa>: value i of From is added to chain i mod 16 of To. Registers:
// DI to, SI from, CX values; the chains are the first vectors.
func sums(x isa) []byte {
	a := &asm{isa: x}
	vectors := chains / x.lanes
	a.text("sums"+x.name+" adds values to chains.", "sums"+x.name, "s *Sums")
	a.op("LEAQ %d(AX), DI", fieldChains)
	a.op("MOVQ 0(AX), SI")
	a.op("MOVQ 8(AX), CX")
	for v := range vectors {
		a.op("VMOVUPS %d(DI), %s", v*x.bytesPer(), x.v(v))
	}
	a.op("SUBQ $%d, CX", chains)
	a.op("JLT tail")
	a.label("loop")
	for v := range vectors {
		a.op("VADDPS %d(SI), %[2]s, %[2]s", v*x.bytesPer(), x.v(v))
	}
	a.op("ADDQ $%d, SI", 4*chains)
	a.op("SUBQ $%d, CX", chains)
	a.op("JGE loop")
	a.label("tail")
	a.op("ADDQ $%d, CX", chains)
	a.op("MOVQ CX, DX")
	l := &line{asm: a, masked: true}
	for v := range vectors { // what is left of each vector's lanes, 0 to all
		a.op("MOVQ DX, CX")
		a.op("SUBQ $%d, CX", v*x.lanes)
		a.op("JLE done")
		if vectors > 1 {
			a.op("CMPQ CX, $%d", x.lanes)
			a.op("JLE partial%d", v)
			a.op("MOVQ $%d, CX", x.lanes)
			a.label("partial%d", v)
		}
		a.maskOf("R11")
		l.load("SI", 8)
		a.op("VADDPS %s, %[2]s, %[2]s", x.v(8), x.v(v))
		a.op("ADDQ $%d, SI", x.bytesPer())
	}
	a.label("done")
	for v := range vectors {
		a.op("VMOVUPS %s, %d(DI)", x.v(v), v*x.bytesPer())
	}
	a.op("VZEROUPPER")
	a.op("RET")
	return a.out.Bytes()
}

// fieldChains is where kernel.Sums has its chains.
const fieldChains = 24
