package kernel

// PlainTile computes a tile for any set in Go.
func PlainTile(t *Tile) { t.plain() }

// PlainMap computes a Map in Go.
func PlainMap(m *Map) { m.plain() }

// PlainRows copies or adds rows in Go.
func PlainRows(r *Rows) { r.plain() }

// Ops is the number of operations.
const Ops = ops

// All lists the sets that this processor has.
func All() (all []ISA) {
	for i := Plain; i <= AVX512; i++ {
		if i.Usable() {
			all = append(all, i)
		}
	}
	return all
}

// PlainGroups adds rows to sums of their groups in Go.
func PlainGroups(g *Groups) { g.plain() }

// PlainLargest finds the largest value of each row in Go.
func PlainLargest(l *Largest) { l.plain() }

// PlainDots multiplies rows in Go.
func PlainDots(d *Dots) { d.plain() }

// PlainSpell looks bytes up in Go.
func PlainSpell(to []float32, from []byte, t *Table) { t.plain(to, from) }

// SpellersOf returns tables of the same numbers for every set that looks bytes up here.
func SpellersOf(numbers *[256]float32) (all []*Table) {
	for i := Plain; i <= speller(); i++ {
		if i.Usable() {
			t := NewTable(numbers)
			t.isa = i
			all = append(all, t)
		}
	}
	return all
}

// OnLine reports whether a line has the numbers of all bytes.
func OnLine(numbers *[256]float32) bool { return lineOf(numbers) != nil }
