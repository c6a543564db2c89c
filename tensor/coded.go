package tensor

import (
	"fmt"

	"scalar/tensor/internal/kernel"
)

// A Coded is a matrix of bytes that stand for the numbers that a table has for them, beside a row of such numbers, the base. [CPU.ShiftCoded]
// makes a [Shifted] of it without looking up more than what differs.
type Coded struct {
	table *Table
	base  []float32
	codes []byte // of base
	rows  [][]byte
}

// NewCoded returns a matrix without rows, whose rows are as long as base, which it keeps; nil if a number of the base is not that of one byte alone.
func NewCoded(t *Table, base []float32) *Coded {
	c := &Coded{table: t, base: base, codes: make([]byte, len(base))}
	for i, x := range base {
		n := 0
		for code, number := range t.Numbers() {
			if number == x {
				c.codes[i] = byte(code)
				n++
			}
		}
		if n != 1 {
			return nil
		}
	}
	return c
}

// Shape returns the rows and columns.
func (x *Coded) Shape() (m, n int) { return len(x.rows), len(x.base) }

// Clear leaves no rows.
func (x *Coded) Clear() { x.rows = x.rows[:0] }

// Add adds a row, and keeps it. It panics if it is not as long as the base.
func (x *Coded) Add(row []byte) {
	if len(row) != len(x.base) {
		panic(fmt.Sprintf("tensor: a row of %d bytes beside a base of %d", len(row), len(x.base)))
	}
	x.rows = append(x.rows, row)
}

// TakesCoded reports whether [CPU.ShiftCoded] is faster than [CPU.Shift] of the numbers: with AVX-512 and VBMI2.
func (c *CPU) TakesCoded() bool { return c.isa.TakesCoded() }

// ShiftCoded does what [CPU.Shift] does with the numbers of x and its base, and gives what that gives to the bit, in half of the time that
// spelling the bytes and Shift take. It keeps the base, and no row. It runs on the caller's core.
func (c *CPU) ShiftCoded(s *Shifted, x *Coded) error {
	m, n := x.Shape()
	if err := fitsList(m, n); err != nil {
		return err
	}
	s.begin(m, x.base, min(nearRows(c.isa), kernel.CodedBlock))
	c.shiftCodedColumns(s, x)
	s.cut()
	s.rows.reset(m * s.parts)
	for i := range s.parts {
		lo, hi := i*s.each, min((i+1)*s.each, n)
		s.rows.addCoded(c.isa, i*m, m, kernel.Coded{Rows: x.rows, Base: x.codes[lo:], Numbers: x.table.Numbers(), From: lo, Cols: hi - lo})
	}
	return nil
}

// shiftCodedColumns lists the columns of what is left of x without the base.
func (c *CPU) shiftCodedColumns(s *Shifted, x *Coded) {
	const some = kernel.CodedBlock
	if c.codes == nil {
		c.codes = newCodes()
	}
	for i := range s.blocks {
		rows := x.rows[i*s.near : min((i+1)*s.near, s.m)]
		for lo := 0; lo < s.n && len(rows) > 0; lo += some {
			k := min(s.n-lo, some)
			c.isa.TurnCoded(&c.codes.turned, rows, lo, k)
			s.columns.addCoded(c.isa, i*s.n+lo, k, kernel.Coded{Rows: c.codes.columns[:], Base: x.codes[lo:], Numbers: x.table.Numbers(), Cols: len(rows), Same: true})
		}
	}
}

// codes are columns of bytes.
type codes struct {
	turned  [kernel.CodedBlock * kernel.CodedBlock]byte
	columns [kernel.CodedBlock][]byte // of turned
}

func newCodes() *codes {
	c := &codes{}
	for i := range c.columns {
		c.columns[i] = c.turned[i*kernel.CodedBlock:][:kernel.CodedBlock]
	}
	return c
}

// addCoded adds what so many rows of bytes differ in, the first of which is number row.
func (l *list) addCoded(isa kernel.ISA, row, rows int, d kernel.Coded) {
	d.Starts, d.At, d.By = l.room(row, rows, d.Cols)
	isa.DifferCoded(&d)
	l.end(row + rows)
}
