package kernel

import "golang.org/x/sys/cpu"

// Usable reports whether this processor has the set, and the system saves its registers.
func (i ISA) Usable() bool {
	switch i {
	case AVX512:
		return AVX2.Usable() && cpu.X86.HasAVX512F && cpu.X86.HasAVX512DQ
	case AVX2:
		return cpu.X86.HasAVX2 && cpu.X86.HasFMA
	default:
		return i == Plain
	}
}

//go:noescape
func tileAVX512(t *Tile)

//go:noescape
func tileAVX2(t *Tile)

//go:noescape
func pairAVX512(t *Tile)

//go:noescape
func pairAVX2(t *Tile)

//go:noescape
func mapAVX512(m *Map)

//go:noescape
func mapAVX2(m *Map)

//go:noescape
func rowsAVX512(r *Rows)

//go:noescape
func rowsAVX2(r *Rows)

//go:noescape
func sumsAVX512(s *Sums)

//go:noescape
func sumsAVX2(s *Sums)

//go:noescape
func groupsAVX512(r *Groups)

//go:noescape
func groupsAVX2(r *Groups)

//go:noescape
func largestAVX512(l *Largest)

//go:noescape
func largestAVX2(l *Largest)

//go:noescape
func maxPoolAVX512(p *Pool)

//go:noescape
func maxPoolAVX2(p *Pool)

//go:noescape
func meanPoolAVX512(p *Pool)

//go:noescape
func meanPoolAVX2(p *Pool)

//go:noescape
func slideAVX512(s *Slide)

//go:noescape
func slideAVX2(s *Slide)

//go:noescape
func tapsAVX512(t *Taps)

//go:noescape
func tapsAVX2(t *Taps)

//go:noescape
func foldAVX512(f *Fold)

//go:noescape
func foldAVX2(f *Fold)

//go:noescape
func poolGradAVX512(p *Pool)

//go:noescape
func poolGradAVX2(p *Pool)

//go:noescape
func meanGradAVX2(p *Pool)

//go:noescape
func transposeAVX2(c *Copy)

//go:noescape
func transpose8AVX2(c *Copy)

//go:noescape
func gatherAVX2(c *Copy)

//go:noescape
func dotsAVX512(d *Dots)

//go:noescape
func dotsAVX2(d *Dots)

//go:noescape
func spreadAVX512(s *Strips)

//go:noescape
func spreadAVX2(s *Strips)

//go:noescape
func momentsAVX512(s *Strips)

//go:noescape
func momentsAVX2(s *Strips)

//go:noescape
func spellAVX512(s *Spelling)

//go:noescape
func spellAVX2(s *Spelling)

//go:noescape
func differAVX512(d *Differences)

//go:noescape
func differAVX2(d *Differences)

//go:noescape
func sparseAVX512(s *Sparse)

//go:noescape
func sparseAVX2(s *Sparse)

//go:noescape
func logitsAVX512(l *Logits)

//go:noescape
func logitsAVX2(l *Logits)

//go:noescape
func differCodedAVX512(d *Coded)

//go:noescape
func turnCodedAVX512(t *turning)

// tile computes as many rows as a tile has, and with AVX2 those of so many tiles.
func (i ISA) tile(t *Tile) {
	switch i {
	case AVX512:
		tileAVX512(t)
	case AVX2:
		tileAVX2(t)
	default:
		t.plain()
	}
}

// pair computes a row of the width of two panels.
func (i ISA) pair(t *Tile) {
	if i == AVX512 {
		pairAVX512(t)
	} else {
		pairAVX2(t)
	}
}

// Map computes value by value. See [Map].
func (i ISA) Map(m *Map) {
	m.check()
	switch i {
	case AVX512:
		mapAVX512(m)
	case AVX2:
		mapAVX2(m)
	default:
		m.plain()
	}
}

// Rows copies or adds rows. See [Rows].
func (i ISA) Rows(r *Rows) {
	if r.N < 1 || r.Width < 1 {
		return
	}
	r.check()
	switch i {
	case AVX512:
		rowsAVX512(r)
	case AVX2:
		rowsAVX2(r)
	default:
		r.plain()
	}
}

// Groups adds rows to sums of their groups. See [Groups].
func (i ISA) Groups(g *Groups) {
	if len(g.Of) == 0 || g.Width < 1 {
		return
	}
	g.check()
	switch i {
	case AVX512:
		groupsAVX512(g)
	case AVX2:
		groupsAVX2(g)
	default:
		g.plain()
	}
}

// Largest finds the largest value of each row. See [Largest].
func (i ISA) Largest(l *Largest) {
	if len(l.Places) == 0 {
		return
	}
	l.check()
	switch i {
	case AVX512:
		largestAVX512(l)
	case AVX2:
		largestAVX2(l)
	default:
		l.plain()
	}
}

// Sum adds values in 16 chains, the i-th to chain i mod 16, and the chains in halves.
func (i ISA) Sum(values []float32) float32 {
	s := Sums{From: values}
	switch i {
	case AVX512:
		sumsAVX512(&s)
	case AVX2:
		sumsAVX2(&s)
	default:
		s.plain()
	}
	return s.fold()
}

// maxPool finds the largest values of a vector of windows of each row.
func (i ISA) maxPool(p *Pool) {
	if i == AVX512 {
		maxPoolAVX512(p)
	} else {
		maxPoolAVX2(p)
	}
}

// meanPool does the same with means.
func (i ISA) meanPool(p *Pool) {
	if i == AVX512 {
		meanPoolAVX512(p)
	} else {
		meanPoolAVX2(p)
	}
}

// poolGrad sets gradients of a vector of windows of each row.
func (i ISA) poolGrad(p *Pool) {
	if i == AVX512 {
		poolGradAVX512(p)
	} else {
		poolGradAVX2(p)
	}
}

// meanGrad shares gradients out of a vector of windows of each row: of AVX2, which AVX-512 has too.
func (ISA) meanGrad(p *Pool) { meanGradAVX2(p) }

// slide computes vectors of a convolution.
func (i ISA) slide(s *Slide) {
	if i == AVX512 {
		slideAVX512(s)
	} else {
		slideAVX2(s)
	}
}

// taps adds products of taps.
func (i ISA) taps(t *Taps) {
	if i == AVX512 {
		tapsAVX512(t)
	} else {
		tapsAVX2(t)
	}
}

// fold sums columns.
func (i ISA) fold(f *Fold) {
	if i == AVX512 {
		foldAVX512(f)
	} else {
		foldAVX2(f)
	}
}

// transpose copies what Copy says, four lines or groups of eight, where the set can; it reports whether it did.
func (i ISA) transpose(c *Copy) bool {
	if i == Plain {
		return false
	}
	if c.groups > 0 {
		transpose8AVX2(c)
	} else {
		transposeAVX2(c)
	}
	return true
}

// gather copies what Copy says, where the set can; it reports whether it did.
func (i ISA) gather(c *Copy) bool {
	if i == Plain {
		return false
	}
	gatherAVX2(c)
	return true
}

// Dots multiplies rows by numbers. See [Dots].
func (i ISA) Dots(d *Dots) {
	if len(d.To) == 0 {
		return
	}
	d.check()
	switch i {
	case AVX512:
		dotsAVX512(d)
	case AVX2:
		dotsAVX2(d)
	default:
		d.plain()
	}
}

// differ lists what of a row differs from a base.
func (i ISA) differ(d *Differences) {
	if i == AVX512 {
		differAVX512(d)
	} else {
		differAVX2(d)
	}
}

// sparse adds up rows that are named, times a number each.
func (i ISA) sparse(s *Sparse) {
	if i == AVX512 {
		sparseAVX512(s)
	} else {
		sparseAVX2(s)
	}
}

// compressesBytes reports whether the processor has what differCoded and turnCoded take.
func compressesBytes() bool { return cpu.X86.HasAVX512BW && cpu.X86.HasAVX512VBMI2 }

// differCoded lists what of rows of bytes differs from a base.
func (ISA) differCoded(d *Coded) { differCodedAVX512(d) }

// turnCoded turns 16 rows of bytes.
func (ISA) turnCoded(t *turning) { turnCodedAVX512(t) }

// spread adds rows times a number each.
func (i ISA) spread(s *Strips) {
	if i == AVX512 {
		spreadAVX512(s)
	} else {
		spreadAVX2(s)
	}
}

// moments adds rows and their squares.
func (i ISA) moments(s *Strips) {
	if i == AVX512 {
		momentsAVX512(s)
	} else {
		momentsAVX2(s)
	}
}

// logits computes what Logits says, where the set can, of rows that are a multiple of 8.
func (i ISA) logits(l *Logits) {
	if i == AVX512 {
		logitsAVX512(l)
	} else {
		logitsAVX2(l)
	}
}

// speller returns the set that looks bytes up.
func speller() ISA {
	switch {
	case AVX512.Usable() && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512VBMI:
		return AVX512
	case AVX2.Usable():
		return AVX2
	}
	return Plain
}

func (i ISA) spell(s *Spelling) {
	if i == AVX512 {
		spellAVX512(s)
	} else {
		spellAVX2(s)
	}
}
