package tensor

import "scalar/tensor/internal/kernel"

// A Table has a number for each byte: rows of bytes are numbers by it. It never changes, and is
// safe for concurrent use.
type Table struct{ t *kernel.Table }

// NewTable returns a table of numbers, which it copies.
func NewTable(numbers *[256]float32) *Table { return &Table{kernel.NewTable(numbers)} }

// Numbers returns the numbers, by byte. They are not to be changed.
func (t *Table) Numbers() *[256]float32 { return &t.t.Numbers }

// Nears reports whether [Table.Spell] brings those bytes near that are read soon: with AVX2, and with
// AVX-512 and VBMI.
func (t *Table) Nears() bool { return t.t.Nears() }

// Spell sets to[i] to the number of from[i]; to is as long as from at least. Ahead is what will be read
// soon, as many bytes, or fewer for nothing.
func (t *Table) Spell(to []float32, from, ahead []byte) { t.t.Spell(to, from, ahead) }
