package graph

import (
	"context"

	"scalar/bsp/mtx"
)

// Limits of a matrix without entries for most vertices: so many vertices it may have
// in any case, and so many for a byte of its file.
const (
	freeVertices   = 16 << 20
	verticesByByte = 1024
)

// matrix reads the peer's part of a Matrix Market file. All vertices from 1 to the
// size of the matrix are in the graph: those without an entry too.
func (t *text) matrix(ctx context.Context, add func([]byte)) error {
	m, ok, err := mtx.Read(ctx, t.url, mtx.Want{})
	if err != nil || !ok {
		return err
	}
	h := header{Place: m.Place, vertices: m.Rows, edges: m.Entries, both: m.Symmetric}
	if size := t.records.InputSize(); h.vertices > freeVertices && h.vertices/verticesByByte > uint64(size) {
		return h.disagrees("%d vertices in a file of %d bytes: the limit is %d for a byte", h.vertices, size, verticesByByte)
	}
	t.ps.head = h
	t.ps.entries = mtx.Parser{Header: m, Keep: t.ps.keep, NonNegative: t.ps.keep && t.ps.nonNegative}
	if err := t.body(ctx, t.ps.matrix, add); err != nil {
		return err
	}
	all, _, err := t.sums(t.ps.entries.Found)
	if err != nil {
		return err
	}
	if all[0] != m.Entries {
		return m.Disagrees(all[0])
	}
	part := share{t.index, t.peers}
	for lo, hi := part.of(h.vertices); lo < hi; {
		t.ps.reset()
		for n := 0; n < blockBytes/8 && lo < hi; n++ {
			lo++
			t.ps.lone.ids = append(t.ps.lone.ids, lo) // vertices count from 1
		}
		add(nil)
	}
	return nil
}

// matrix parses entries; those of a symmetric matrix count both ways.
func (p *parser) matrix(b []byte) error {
	p.reset()
	m := &p.entries
	if !p.head.both || p.once {
		m.Indices, m.Values = p.ids, p.weights
		err := m.Coordinates(b)
		p.ids, p.weights = m.Indices, m.Values
		return err
	}
	if err := m.Coordinates(b); err != nil {
		return err
	}
	for i := 0; i < len(m.Indices); i += 2 {
		row, column, w := m.Indices[i], m.Indices[i+1], 1.0
		if p.keep {
			w = m.Values[i/2]
		}
		p.addWeighted(row, column, w)
		if row != column {
			p.addWeighted(column, row, w)
		}
	}
	return nil
}

func (p *parser) addWeighted(src, dst uint64, w float64) {
	p.ids = append(p.ids, src, dst)
	if p.keep {
		p.weights = append(p.weights, w)
	}
}
