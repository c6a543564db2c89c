//go:build !amd64

package kernel

// Usable reports whether this processor has the set.
func (i ISA) Usable() bool { return i == Plain }

// tile computes as many rows as a tile has.
func (ISA) tile(t *Tile) { t.plain() }

func (ISA) pair(*Tile) { panic("kernel: no vectors") }

// Map computes value by value. See [Map].
func (ISA) Map(m *Map) {
	m.check()
	m.plain()
}

// Rows copies or adds rows. See [Rows].
func (ISA) Rows(r *Rows) {
	if r.N < 1 || r.Width < 1 {
		return
	}
	r.check()
	r.plain()
}

// Groups adds rows to sums of their groups. See [Groups].
func (ISA) Groups(g *Groups) {
	if len(g.Of) == 0 || g.Width < 1 {
		return
	}
	g.check()
	g.plain()
}

// Largest finds the largest value of each row. See [Largest].
func (ISA) Largest(l *Largest) {
	if len(l.Places) == 0 {
		return
	}
	l.check()
	l.plain()
}

// Sum adds values in 16 chains, the i-th to chain i mod 16, and the chains in halves.
func (ISA) Sum(values []float32) float32 {
	s := Sums{From: values}
	s.plain()
	return s.fold()
}

func (ISA) transpose(*Copy) bool { return false }

func (ISA) gather(*Copy) bool { return false }

func (ISA) maxPool(*Pool) { panic("kernel: no vectors") }

func (ISA) meanPool(*Pool) { panic("kernel: no vectors") }

func (ISA) poolGrad(*Pool) { panic("kernel: no vectors") }

func (ISA) meanGrad(*Pool) { panic("kernel: no vectors") }

func (ISA) slide(*Slide) { panic("kernel: no vectors") }

func (ISA) taps(*Taps) { panic("kernel: no vectors") }

func (ISA) fold(*Fold) { panic("kernel: no vectors") }

// Dots multiplies rows by numbers. See [Dots].
func (ISA) Dots(d *Dots) {
	if len(d.To) == 0 {
		return
	}
	d.check()
	d.plain()
}

func (ISA) spread(*Strips) { panic("kernel: no vectors") }

func (ISA) moments(*Strips) { panic("kernel: no vectors") }

func (ISA) logits(*Logits) { panic("kernel: no vectors") }

func speller() ISA { return Plain }

func (ISA) spell(*Spelling) { panic("kernel: no vectors") }

func (ISA) sparse(*Sparse) { panic("kernel: no vectors") }

func (ISA) differ(*Differences) { panic("kernel: no vectors") }

func compressesBytes() bool { return false }

func (ISA) differCoded(*Coded) { panic("kernel: no vectors") }

func (ISA) turnCoded(*turning) { panic("kernel: no vectors") }
