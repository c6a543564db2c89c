package matrix

import (
	"math/bits"
	"slices"
)

// smallTable is the size that a table has at the start of a row: 12 bytes each, it stays
// in the first-level cache.
const smallTable = 1024

// maxColumns is how many columns a table can hold: slots have 32 bits, and half are free.
const maxColumns = 1 << 31

// table adds up the values of one row of a product by their columns: an open-addressing
// hash table, whose slots in use are listed, so that a row costs what is in it.
type table struct {
	keys  []uint32 // column + 1; 0: free
	sums  []float64
	used  []uint32 // slots in the order in which they were taken
	shift uint     // 64 - log2 of the slots
	order []uint64 // of sorted
}

func newTable() *table {
	t := &table{}
	t.resize(smallTable)
	return t
}

// resize makes an empty table of so many slots, a power of two. It keeps the memory of a
// larger one.
func (t *table) resize(slots int) {
	if cap(t.keys) < slots {
		t.keys, t.sums = make([]uint32, slots), make([]float64, slots)
	}
	t.keys, t.sums = t.keys[:slots], t.sums[:slots]
	t.shift = uint(64 - bits.Len(uint(slots-1)))
}

// add adds x to the sum of a column, which begins with 0.
func (t *table) add(column uint32, x float64) {
	mask := uint32(len(t.keys) - 1)
	slot := uint32(uint64(column) * 0x9e3779b97f4a7c15 >> t.shift)
	for t.keys[slot] != column+1 {
		if t.keys[slot] == 0 {
			t.take(slot, column, x)
			return
		}
		slot = (slot + 1) & mask
	}
	t.sums[slot] += x
}

// take puts a new column into a free slot, and grows the table when it is half full.
func (t *table) take(slot, column uint32, x float64) {
	t.keys[slot], t.sums[slot] = column+1, 0+x // -0 becomes 0, as in any sum that begins with 0
	if t.used = append(t.used, slot); 2*len(t.used) <= len(t.keys) {
		return
	}
	columns, sums := t.pairs()
	slots := 2 * len(t.keys)
	t.clear()
	t.resize(slots)
	for i, c := range columns {
		t.add(c, sums[i])
	}
}

// pairs returns the columns and their sums, in the order in which columns came.
func (t *table) pairs() (columns []uint32, sums []float64) {
	columns, sums = make([]uint32, len(t.used)), make([]float64, len(t.used))
	for i, slot := range t.used {
		columns[i], sums[i] = t.keys[slot]-1, t.sums[slot]
	}
	return columns, sums
}

// sorted gives the columns and their sums to each, by column, until one fails.
func (t *table) sorted(each func(column uint32, sum float64) error) error {
	t.order = t.order[:0]
	for _, slot := range t.used {
		t.order = append(t.order, uint64(t.keys[slot]-1)<<32|uint64(slot))
	}
	slices.Sort(t.order)
	for _, x := range t.order {
		if err := each(uint32(x>>32), t.sums[uint32(x)]); err != nil {
			return err
		}
	}
	return nil
}

// clear empties the table and makes it small.
func (t *table) clear() {
	for _, slot := range t.used {
		t.keys[slot] = 0
	}
	t.used = t.used[:0]
	t.resize(smallTable)
}
