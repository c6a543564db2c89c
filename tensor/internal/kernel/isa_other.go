//go:build !amd64

package kernel

// Usable reports whether this processor has the set.
func (i ISA) Usable() bool { return i == Plain }

// Run computes the tile. See [Tile].
func (i ISA) Run(t *Tile) {
	t.check(i)
	t.plain()
}

// Map computes value by value. See [Map].
func (ISA) Map(m *Map) {
	m.check()
	m.plain()
}

func (ISA) transpose(*Copy) bool { return false }

func (ISA) gather(*Copy) bool { return false }
