package matrix

import "scalar/superstep"

// Balance says where the rows of peers end, for the entries of each row.
func Balance(entries []uint64, targets []uint64) []uint64 {
	var ts []tally
	for row, n := range entries {
		if n > 0 {
			ts = append(ts, tally{uint32(row), n})
		}
	}
	return split(ts, 0, targets)
}

// Radix sorts numbers by their bits from low on.
func Radix(xs []uint64, low uint) []uint64 {
	return radix(xs, low, func(x uint64) uint64 { return x })
}

// Distinct is distinct.
var Distinct = distinct

// Deliver decodes the requests of two peers for rows, and says what they get.
func Deliver(first, second []byte, rows []uint32, rounds int) (got [2][][]uint32, err error) {
	codec, _ := superstep.CodecOf[request]()
	told, err := codec.Decode(nil, first)
	if err != nil {
		return got, err
	}
	starts := []int{0, len(told), 0}
	if told, err = codec.Decode(told, second); err != nil {
		return got, err
	}
	starts[2] = len(told)
	d, err := newDeliveries(told, starts, rows, rounds)
	if err != nil {
		return got, err
	}
	for q := range got {
		for batch := range rounds {
			got[q] = append(got[q], d.of(q, batch))
		}
	}
	return got, nil
}

// A Table is a table.
type Table struct{ t *table }

// NewTable returns an empty one.
func NewTable() *Table { return &Table{newTable()} }

// Add adds to a column.
func (t *Table) Add(column uint32, x float64) { t.t.add(column, x) }

// Clear empties the table.
func (t *Table) Clear() { t.t.clear() }

// Sorted returns what is in the table.
func (t *Table) Sorted() (columns []uint32, sums []float64) {
	_ = t.t.sorted(func(c uint32, x float64) error {
		columns, sums = append(columns, c), append(sums, x)
		return nil
	})
	return columns, sums
}

// Restore puts an encoded state into the table, and returns it encoded again.
func (t *Table) Restore(b []byte) ([]byte, error) {
	s := progress{table: t.t}
	if err := s.UnmarshalBinary(b); err != nil {
		return nil, err
	}
	return s.AppendBinary(nil)
}
