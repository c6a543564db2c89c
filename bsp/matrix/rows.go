package matrix

import (
	"context"
	"errors"
	"math"
	"slices"

	"scalar/bsp"
	"scalar/bsp/job"
	"scalar/bsp/mtx"
)

var errPeer = errors.New("what another peer says of its matrix is malformed: do all peers run the same program?")

// rows are the rows of a matrix that one peer has, those without an entry left out.
type rows struct {
	mtx.Header
	bounds  []uint64  // peer q has rows bounds[q] to bounds[q+1]-1
	ids     []uint32  // of rows, ascending
	starts  []int     // row i has columns[starts[i]:starts[i+1]]
	columns []uint32  // ascending in a row
	values  []float64 // by column
}

// load reads a matrix as read does, and shares its rows out.
func load[M any](ctx context.Context, p *bsp.Peer[M], url string) (*rows, error) {
	h, entries, err := read(ctx, p, url)
	if err != nil {
		return nil, err
	}
	entries = sortEntries(entries, h.Columns)
	m := &rows{Header: h}
	if m.bounds, err = balance(ctx, p, entries, h.Rows); err != nil {
		return nil, err
	}
	if entries, err = route(ctx, p, entries, m.bounds); err != nil {
		return nil, err
	}
	if len(entries) > math.MaxUint32 {
		return nil, job.Fail(job.FaultInput, "%d entries on one peer: use more peers", len(entries))
	}
	m.add(sortEntries(entries, h.Columns))
	return m, nil
}

// add takes sorted entries; those of the same row and column are added up.
func (m *rows) add(entries []entry) {
	for i, e := range entries {
		switch {
		case i == 0 || entries[i-1].row != e.row:
			m.ids, m.starts = append(m.ids, e.row), append(m.starts, len(m.columns))
		case entries[i-1].column == e.column:
			m.values[len(m.values)-1] += e.value
			continue
		}
		m.columns, m.values = append(m.columns, e.column), append(m.values, e.value)
	}
	m.starts = append(m.starts, len(m.columns))
	m.columns, m.values = slices.Clip(m.columns), slices.Clip(m.values)
}

// find returns which of the peer's rows have the given ids, which ascend: -1 for a row
// without an entry.
func (m *rows) find(ids []uint32) []int {
	at, i := make([]int, len(ids)), 0
	for k, id := range ids {
		for i < len(m.ids) && m.ids[i] < id {
			i++
		}
		if at[k] = -1; i < len(m.ids) && m.ids[i] == id {
			at[k] = i
		}
	}
	return at
}
