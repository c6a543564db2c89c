package train

import "scalar/ml/data"

const (
	baseRows   = 256     // that are looked at
	baseLeast  = 16      // or nothing is known
	baseValues = 1 << 22 // that are looked at, at most
	basePart   = .3      // of the values may differ from the base, or products with all are as fast: docs/decisions/0042
)

// findBase returns the base of the rows where it is of use. A hold on gradients takes them as they lie in every net's arena.
func (t *trainer) findBase() []float32 {
	if !t.graph.Shifts() || t.o.Hold != nil {
		return nil
	}
	return baseOf(t.rows.Set)
}

// baseOf returns a row that most rows are like in most columns, or nil if there is none. It looks at rows that lie evenly in the set, so that
// the order of a file does not matter, and is a function of the set alone. Of a column it takes the value that more than half of the rows have
// (Boyer and Moore, MJRTY: a fast majority vote algorithm, 1981), and any where there is none.
func baseOf(set *data.Set) []float32 {
	n := min(baseRows, set.Len(), baseValues/set.Features())
	if n < baseLeast {
		return nil
	}
	base, votes := make([]float32, set.Features()), make([]int, set.Features())
	eachOf(set, n, func(c int, v float32) {
		switch {
		case votes[c] == 0:
			base[c], votes[c] = v, 1
		case v == base[c]:
			votes[c]++
		default:
			votes[c]--
		}
	})
	others := 0
	eachOf(set, n, func(c int, v float32) {
		if v != base[c] {
			others++
		}
	})
	if float64(others) > basePart*float64(n*set.Features()) {
		return nil
	}
	return base
}

// eachOf calls look with all columns of n rows of a set.
func eachOf(set *data.Set, n int, look func(c int, v float32)) {
	row := make([]float32, set.Features())
	for i := range n {
		set.Row(row, i*set.Len()/n)
		for c, v := range row {
			look(c, v)
		}
	}
}
