package kernel

import (
	"encoding/binary"
	"math"
)

// A Table has a number for each byte.
type Table struct {
	Numbers [256]float32
	planes  [4][256]byte // of the numbers' bits, the lowest first
	line    *line        // nil: the numbers lie on none
	isa     ISA
}

// NewTable returns a table of numbers.
func NewTable(numbers *[256]float32) *Table {
	t := &Table{Numbers: *numbers, line: lineOf(numbers), isa: speller()}
	for i, x := range numbers {
		for p := range t.planes {
			t.planes[p][i] = byte(math.Float32bits(x) >> (8 * p))
		}
	}
	return t
}

// Nears reports whether Spell brings bytes near that will be read soon.
func (t *Table) Nears() bool { return t.isa != Plain }

// A Spelling is what the assembly is told.
type Spelling struct {
	to      []float32
	from    []byte
	ahead   *byte
	planes  *[4][256]byte
	numbers *[256]float32
	line    *line
}

// Spell sets to[i] to the number of from[i]. Ahead is bytes, as many or none, that will be read soon: they
// are brought near meanwhile, where [Table.Nears] says so.
func (t *Table) Spell(to []float32, from, ahead []byte) {
	to = to[:len(from)]
	if t.isa == Plain || len(from) == 0 {
		t.plain(to, from)
		return
	}
	s := Spelling{to, from, &from[0], &t.planes, &t.Numbers, t.line}
	if len(ahead) >= len(from) {
		s.ahead = &ahead[0]
	}
	t.isa.spell(&s)
}

// plain is Spell in Go, eight at a time: a byte by itself costs a load more.
func (t *Table) plain(to []float32, from []byte) {
	numbers := &t.Numbers
	for len(from) >= 8 && len(to) >= 8 {
		v := binary.LittleEndian.Uint64(from)
		to[0] = numbers[byte(v)]
		to[1] = numbers[byte(v>>8)]
		to[2] = numbers[byte(v>>16)]
		to[3] = numbers[byte(v>>24)]
		to[4] = numbers[byte(v>>32)]
		to[5] = numbers[byte(v>>40)]
		to[6] = numbers[byte(v>>48)]
		to[7] = numbers[v>>56]
		to, from = to[8:], from[8:]
	}
	for j, v := range from {
		to[j] = numbers[v]
	}
}
