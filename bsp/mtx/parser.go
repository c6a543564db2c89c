package mtx

import (
	"bytes"
	"sort"

	"scalar/bsp/scan"
)

// A Parser turns blocks of lines after a header into entries. What it found is valid
// until the next block.
type Parser struct {
	Header      Header
	Keep        bool // values; else they are checked only
	NonNegative bool // a value below 0 is malformed

	Indices []uint64  // row and column in turn, from 1; of coordinates, as they are listed
	Values  []float64 // with Keep, one an entry, 1 of a pattern
	Found   uint64    // entries of all blocks

	next        uint64 // of an array: the number of the next value
	row, column uint64 // and where it is, from 1
}

// Coordinates parses lines "row column [value]". Errors are *scan.Fault.
func (p *Parser) Coordinates(b []byte) error {
	p.Indices, p.Values = p.Indices[:0], p.Values[:0]
	return p.lines(b, p.entry)
}

// Skip says that the next block begins with value number n of an array, from 0.
func (p *Parser) Skip(n uint64) {
	p.next = n
	switch h := &p.Header; {
	case n >= h.Entries: // nothing may follow
	case h.Symmetric:
		column := uint64(sort.Search(int(h.Columns), func(c int) bool { return h.columnStart(uint64(c)+1) > n }))
		p.column = column + 1
		p.row = h.top(p.column) + n - h.columnStart(column)
	default:
		p.column, p.row = n/h.Rows+1, n%h.Rows+1
	}
}

// top returns the first row that is listed of an array's column, both from 1.
func (h *Header) top(column uint64) uint64 {
	switch {
	case h.Skew:
		return column + 1
	case h.Symmetric:
		return column
	}
	return 1
}

// Array parses lines of one value.
func (p *Parser) Array(b []byte) error {
	p.Indices, p.Values = p.Indices[:0], p.Values[:0]
	return p.lines(b, p.element)
}

// Count adds the entries of a block to Found, and looks no closer at them.
func (p *Parser) Count(b []byte) error {
	return p.lines(b, func(b []byte, lo, _ int) (int, error) {
		p.Found++
		return scan.LineEnd(b, lo), nil
	})
}

// lines gives the first field of every line that has one to entry, which returns where
// it ends or where the next line starts.
func (p *Parser) lines(b []byte, entry func(b []byte, lo, hi int) (end int, err error)) error {
	for i := 0; i < len(b); {
		lo, hi := scan.Field(b, i)
		switch {
		case lo == hi:
			i = scan.LineEnd(b, lo)
			continue
		case b[lo] == '%' && lo == i:
			if bytes.HasPrefix(bytes.ToLower(b[lo:hi]), []byte(bannerWord)) {
				return scan.FaultAt(lo, "a second header: an input is one matrix, in one file or in the parts that a job has written")
			}
			i = scan.LineEnd(b, lo)
			continue
		}
		end, err := entry(b, lo, hi)
		if err != nil {
			return err
		}
		if i = end; end > 0 && b[end-1] == '\n' {
			continue
		}
		if lo, hi = scan.Field(b, end); lo < hi {
			return scan.FaultAt(lo, "the line goes on after the entry")
		}
		i = scan.LineEnd(b, end)
	}
	return nil
}

func (p *Parser) entry(b []byte, lo, hi int) (end int, err error) {
	h := &p.Header
	row, err := index(b, span{lo, hi}, h.Rows, "row")
	if err != nil {
		return hi, err
	}
	if lo, hi = scan.Field(b, hi); lo == hi {
		return hi, scan.FaultAt(lo, "the line has one field; want: row column [value]")
	}
	column, err := index(b, span{lo, hi}, h.Columns, "column")
	switch {
	case err != nil:
		return hi, err
	case h.Symmetric && row < column:
		return hi, scan.FaultAt(lo, "the entry %d %d is above the diagonal: of a symmetric matrix those at and below it are listed", row, column)
	case h.Skew && row == column:
		return hi, scan.FaultAt(lo, "the entry %d %d is on the diagonal: a skew-symmetric matrix has zeros there, which are not listed", row, column)
	}
	x := 1.0
	if !h.Pattern {
		if lo, hi = scan.Field(b, hi); lo == hi {
			return hi, scan.FaultAt(lo, "the entry has no value; the header says that entries have one")
		}
		if x, err = p.value(b, lo, hi); err != nil {
			return hi, err
		}
	}
	p.add(row, column, x)
	return hi, nil
}

func (p *Parser) element(b []byte, lo, hi int) (end int, err error) {
	h := &p.Header
	if p.next >= h.Entries {
		return hi, scan.FaultAt(lo, "a value after the last one: the header says that the array has %d", h.Entries)
	}
	x, err := p.value(b, lo, hi)
	if err != nil {
		return hi, err
	}
	p.add(p.row, p.column, x)
	p.next++
	if p.row++; p.row > h.Rows {
		p.column++
		p.row = h.top(p.column)
	}
	return hi, nil
}

func (p *Parser) add(row, column uint64, x float64) {
	p.Found++
	p.Indices = append(p.Indices, row, column)
	if p.Keep {
		p.Values = append(p.Values, x)
	}
}

// span is where a field is in a block.
type span struct{ lo, hi int }

// index parses a row or column, from 1 to n.
func index(b []byte, s span, n uint64, what string) (uint64, error) {
	v, end, ok := scan.Number(b, s.lo)
	if !ok || end != s.hi || v < 1 || v > n {
		return 0, scan.FaultAt(s.lo, "%s is no %s: want a whole number from 1 to %d", scan.Quote(b[s.lo:s.hi]), what, n)
	}
	return v, nil
}

func (p *Parser) value(b []byte, lo, hi int) (float64, error) {
	x, ok := scan.Float(b, lo, hi)
	if !ok {
		return 0, scan.FaultAt(lo, "%s is no value: want a finite number", scan.Quote(b[lo:hi]))
	}
	if p.NonNegative && x < 0 {
		return 0, scan.FaultAt(lo, "the value %s is below 0", scan.Quote(b[lo:hi]))
	}
	return x, nil
}
