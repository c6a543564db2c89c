package data

import (
	"fmt"
	"runtime"
	"sort"

	"scalar/tensor"
)

// A Target is what is to be learnt.
type Target uint8

// The targets.
const (
	NoTarget Target = iota // rows only
	Classes                // one of a set of labels, any texts
	Numbers                // a number
)

// String returns the target's name.
func (t Target) String() string {
	switch t {
	case NoTarget:
		return "none"
	case Classes:
		return "classes"
	case Numbers:
		return "numbers"
	}
	return fmt.Sprintf("target(%d)", uint8(t))
}

// A Set is rows in the order of the file, with their targets. It is either dense, each
// row being as many float32 as there are features, or sparse (CSR). It does not change,
// and is safe for concurrent use.
type Set struct {
	rows     int
	features int
	dropped  int
	target   Target
	sparse   bool
	classes  []string
	slabs    []slab
	first    []int // row of each slab, ascending
	numbers  []int // of the first row of each slab, as Number counts
}

// A slab is rows that were read by one caller, in chunks of 1<<shift rows. One of bytes,
// floats and entries is there.
type slab struct {
	rows    int
	shift   uint
	bytes   [][]byte    // rows of bytes, which table turns into numbers
	floats  [][]float32 // row-major
	entries []csr
	table   *tensor.Table
	class   []uint32  // of each row, for Classes
	value   []float64 // of each row, for Numbers
	raw     []byte    // labels that are no classes yet, a line each
	stored  int       // entries
	lost    []int     // for each row that was left out, how many rows before it were not
}

// csr is sparse rows: those of row i are columns[starts[i]:starts[i+1]], ascending.
type csr struct {
	starts  []int
	columns []uint32
	values  []float32
}

// Len returns the number of rows.
func (s *Set) Len() int { return s.rows }

// Number returns the number of row i among all rows that were read, from 0: those that were
// left out count too.
func (s *Set) Number(i int) int {
	k, r := s.find(i)
	return s.numbers[k] + r + sort.SearchInts(s.slabs[k].lost, r+1)
}

// Features returns the length of a row.
func (s *Set) Features() int { return s.features }

// Dropped returns how many rows were left out since a value was missing.
func (s *Set) Dropped() int { return s.dropped }

// Target returns what Class or Value gives.
func (s *Set) Target() Target { return s.target }

// Classes returns the labels of the classes, by class. It is not to be changed.
func (s *Set) Classes() []string { return s.classes }

// Sparse reports whether rows are given by Entries.
func (s *Set) Sparse() bool { return s.sparse }

// at returns the slab of row i, and which of its rows that is. A row that is not there is
// the caller's fault: it panics.
func (s *Set) at(i int) (*slab, int) {
	k, r := s.find(i)
	return &s.slabs[k], r
}

// find is at with the number of the slab.
func (s *Set) find(i int) (k, r int) {
	if i < 0 || i >= s.rows {
		panic(fmt.Sprintf("data: row %d of %d", i, s.rows))
	}
	if len(s.slabs) > 1 {
		k = sort.SearchInts(s.first, i+1) - 1
	}
	return k, i - s.first[k]
}

// Row copies row i to dst, which has Features numbers. A sparse row is spread out.
func (s *Set) Row(dst []float32, i int) {
	b, r := s.at(i)
	dst = dst[:s.features]
	chunk, lo := r>>b.shift, (r&(1<<b.shift-1))*s.features
	switch {
	case b.floats != nil:
		copy(dst, b.floats[chunk][lo:lo+s.features])
	case b.bytes != nil:
		b.table.Spell(dst, b.bytes[chunk][lo:lo+s.features], nil)
	case b.entries != nil:
		clear(dst)
		columns, values := s.Entries(i)
		for j, c := range columns {
			dst[c] = values[j]
		}
	}
}

// Rows copies rows to dst, one after the other: len(indices)×Features, row-major.
func (s *Set) Rows(dst []float32, indices []uint32) {
	done := s.spell(dst, indices)
	dst, indices = dst[done*s.features:], indices[done:]
	for len(indices) > 0 {
		some := indices[:min(len(indices), touchRows)]
		s.touch(some)
		for k, i := range some {
			s.Row(dst[k*s.features:(k+1)*s.features], int(i))
		}
		dst, indices = dst[len(some)*s.features:], indices[len(some):]
	}
}

// Run returns rows as they lie: row i and those after it that are its neighbours in memory, values of
// whole rows, row-major, and their classes, nil unless Target is Classes. Neither is to be changed. There
// are no values where rows are not kept as float32.
func (s *Set) Run(i int) (values []float32, classes []uint32) {
	b, r := s.at(i)
	end := min(b.rows, r|(1<<b.shift-1)+1)
	if b.floats != nil {
		lo := r & (1<<b.shift - 1)
		values = b.floats[r>>b.shift][lo*s.features : (lo+end-r)*s.features]
	}
	if b.class != nil {
		classes = b.class[r:end]
	}
	return values, classes
}

// spell copies rows of bytes, up to the first that is none or whose table brings nothing near, and returns
// how many: while it copies one, another is brought near.
func (s *Set) spell(dst []float32, indices []uint32) int {
	for k, i := range indices {
		row, table := s.raw(i)
		if table == nil || !table.Nears() {
			return k
		}
		if k == 0 {
			s.touch(indices[:min(len(indices), aheadRows)])
		}
		var ahead []byte
		if k+aheadRows < len(indices) {
			ahead, _ = s.raw(indices[k+aheadRows])
		}
		table.Spell(dst[k*s.features:(k+1)*s.features], row, ahead)
	}
	return len(indices)
}

// Table returns the numbers of the bytes that all rows are kept as; nil: not all are, or not with the same numbers.
func (s *Set) Table() *tensor.Table {
	var table *tensor.Table
	for i := range s.slabs {
		switch b := &s.slabs[i]; {
		case b.rows == 0:
		case b.bytes == nil || table != nil && *table.Numbers() != *b.table.Numbers():
			return nil
		default:
			table = b.table
		}
	}
	return table
}

// Code returns the bytes of row i, which [Set.Table] has the numbers of. They are not to be changed. There are none where a row is not
// kept as bytes.
func (s *Set) Code(i uint32) []byte {
	row, _ := s.raw(i)
	return row
}

// raw returns the bytes of a row and their numbers; nil: it has none.
func (s *Set) raw(i uint32) ([]byte, *tensor.Table) {
	b, r := s.at(int(i))
	if b.bytes == nil {
		return nil, nil
	}
	lo := (r & (1<<b.shift - 1)) * s.features
	return b.bytes[r>>b.shift][lo : lo+s.features], b.table
}

// Rows in any order are seldom in the processor's caches. Some of them are touched before
// they are copied: the processor then waits for many lines at once, and not for one after the
// other. On Zen 4 that halves the time that 128 of 60,000 rows of 784 bytes take.
const (
	touchRows = 64
	aheadRows = 8 // of those that are brought near while others are copied
	lineBytes = 64
)

// touch reads a byte of each line of rows of bytes.
func (s *Set) touch(indices []uint32) {
	x := byte(0)
	for _, i := range indices {
		row, table := s.raw(i)
		if table == nil {
			return
		}
		for ; len(row) > 0; row = row[min(len(row), lineBytes):] {
			x ^= row[0]
		}
	}
	runtime.KeepAlive(x) // or nothing would be read
}

// Entries returns the entries of row i of a sparse set: columns from 0, ascending, and
// their values. They are not to be changed. It panics for a dense set.
func (s *Set) Entries(i int) (columns []uint32, values []float32) {
	b, r := s.at(i)
	if b.entries == nil {
		panic("data: entries of a dense set")
	}
	c := &b.entries[r>>b.shift]
	r &= 1<<b.shift - 1
	return c.columns[c.starts[r]:c.starts[r+1]], c.values[c.starts[r]:c.starts[r+1]]
}

// Class returns the class of row i, an index of Classes. It panics unless Target is Classes.
func (s *Set) Class(i int) int {
	b, r := s.at(i)
	return int(b.class[r])
}

// Value returns the number to be learnt of row i. It panics unless Target is Numbers.
func (s *Set) Value(i int) float64 {
	b, r := s.at(i)
	return b.value[r]
}

// Join returns the rows of all sets, one set after the other, which share their memory
// with it. It panics for sets that were not read with the same Transform.
func Join(sets ...*Set) *Set {
	all := &Set{}
	for i, s := range sets {
		if i == 0 {
			all.features, all.target, all.sparse, all.classes = s.features, s.target, s.sparse, s.classes
		}
		if s.features != all.features || s.target != all.target || s.sparse != all.sparse || len(s.classes) != len(all.classes) {
			panic("data: sets of different kinds joined")
		}
		before := all.rows + all.dropped
		for k, b := range s.slabs {
			if b.rows > 0 {
				all.slabs, all.first = append(all.slabs, b), append(all.first, all.rows)
				all.numbers = append(all.numbers, before+s.numbers[k])
				all.rows += b.rows
			}
		}
		all.dropped += s.dropped
	}
	return all
}

// chunkCells is about how many numbers a chunk holds.
const chunkCells = 256 << 10

// chunkShift returns how many rows of so many numbers a chunk holds, as a power of two.
func chunkShift(features int) uint {
	shift := uint(0)
	for features<<(shift+1) <= chunkCells && shift < 16 {
		shift++
	}
	return shift
}

// grow returns the place of the slab's next row of floats.
func (b *slab) grow(features int) []float32 {
	r := b.rows & (1<<b.shift - 1)
	if r == 0 {
		b.floats = append(b.floats, largeArray[float32](features<<b.shift))
	}
	b.rows++
	last := b.floats[len(b.floats)-1]
	return last[r*features : (r+1)*features : (r+1)*features]
}

// put adds a sparse row.
func (b *slab) put(columns []uint32, values []float32) {
	if b.rows&(1<<b.shift-1) == 0 {
		b.entries = append(b.entries, csr{starts: []int{0}})
	}
	c := &b.entries[len(b.entries)-1]
	c.columns, c.values = append(c.columns, columns...), append(c.values, values...)
	c.starts = append(c.starts, len(c.columns))
	b.stored += len(columns)
	b.rows++
}
