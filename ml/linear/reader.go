package linear

import (
	"scalar/ml/data"
	"scalar/tensor"
)

// A reader gives rows of a dense set in blocks, where they lie if that is as float32.
type reader struct {
	set     *data.Set
	size    int   // rows of a block, at most
	copied  array // rows that do not lie so
	runs    []array
	classes []uint32 // nil: they are not wanted
}

// A block of rows is read twice, and should stay in a core's cache: it has about blockValues values,
// and so many rows at least that what is done once a block costs little.
const (
	blockValues = 64 << 10
	fewestRows  = 16
)

func newReader(set *data.Set, classes bool) *reader {
	r := &reader{set: set, size: min(max(blockValues/max(set.Features(), 1), fewestRows), blockRows)}
	if classes {
		r.classes = make([]uint32, r.size)
	}
	return r
}

// next returns the rows of the next block in runs of neighbours, some rows × features each, and their
// classes, both valid until the next call, and what comes after them.
func (r *reader) next(rows []uint32) (runs []array, classes []uint32, rest []uint32) {
	rows, rest = rows[:min(r.size, len(rows))], rows[min(r.size, len(rows)):]
	r.runs = r.runs[:0]
	for at := 0; at < len(rows); {
		values, of := r.set.Run(int(rows[at]))
		n := neighbours(rows[at:])
		if values != nil {
			n = min(n, len(values)/r.set.Features())
			r.runs = append(r.runs, rowsOf(values, n, r.set.Features()))
		} else if r.classes != nil {
			n = min(n, len(of))
		}
		if r.classes != nil {
			copy(r.classes[at:at+n], of)
		}
		at += n
	}
	if len(r.runs) == 0 {
		r.runs = append(r.runs, r.copy(rows))
	}
	if r.classes != nil {
		classes = r.classes[:len(rows)]
	}
	return r.runs, classes, rest
}

// copy copies a block of rows.
func (r *reader) copy(rows []uint32) array {
	if r.copied.IsZero() {
		r.copied = tensor.New[float32](r.size, r.set.Features())
	}
	x := r.copied.Slice(0, 0, len(rows))
	r.set.Rows(x.Values(), rows)
	return x
}

// neighbours returns how many rows from the first on follow each other.
func neighbours(rows []uint32) int {
	n := 1
	for n < len(rows) && rows[n] == rows[0]+uint32(n) {
		n++
	}
	return n
}

func rowsOf(values []float32, n, features int) array {
	x, err := tensor.From(values[:n*features], n, features)
	if err != nil {
		panic(err) // sizes of our own
	}
	return x
}

// vector returns values as an array.
func vector(values []float64) tensor.Dense[float64] {
	v, err := tensor.From(values, len(values))
	if err != nil {
		panic(err) // it has as many as it has
	}
	return v
}
