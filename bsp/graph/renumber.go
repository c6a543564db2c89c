package graph

import "encoding/binary"

// renumber puts the owners' numbers in the place of the list's, and sorts the edges anew into
// buckets, which are ranges of those numbers: rows that are close together at their owner come
// to it together. The chunks are closed, and their slabs are used again.
func (l *edgeList) renumber(p *placing) error {
	old := l.slabs
	l.slabs, l.buckets = newSlabs(l.peers, l.slabs[0].arena), make([]bucket, 1<<(2*l.shift))
	l.level, l.wide = rangeBits, p.most >= l.narrow
	l.reach(uint64(p.most) + 1)
	for owner := range old {
		full := old[owner].full
		for i, b := range old[owner].given() {
			for len(b) > 0 {
				h, s, rest, err := cutChunk(b, l.weights)
				if err != nil {
					return err
				}
				l.addSegment(s, uint32(owner)<<l.shift|uint32(h.other), p.numbers[owner], p.numbers[h.other])
				b = rest
			}
			l.slabs[owner].spare = append(l.slabs[owner].spare, full[i])
		}
	}
	l.closeAll()
	return l.err
}

// addSegment adds a segment's edges, whose ends belong to two owners as in the number of a
// bucket; rows and others are what to put in the place of their numbers.
func (l *edgeList) addSegment(s segment, owners uint32, rows, others []uint32) {
	edges, from, before := s.edges, s.form, s.base
	shift, level, buckets, form := 2*l.shift, l.level, l.buckets, formOf(l.wide, rowRange{0, l.level}, false)
	size, bits, low := form.size, form.bits&63, form.mask // in registers
	for i, end := 0, s.end(); i < end; i += from.size {
		x := binary.LittleEndian.Uint64(edges[i:])
		row, other := rows[before+uint32(x&from.mask)], others[uint32(x>>(from.bits&63)&from.last)]
		at := int(uint64(row)>>(level&63)<<(shift&63) | uint64(owners))
		b := &buckets[at]
		if cap(b.open)-len(b.open) < edgeRoom {
			l.grow(at)
		}
		n := len(b.open)
		binary.LittleEndian.PutUint64(b.open[n:n+8], uint64(other)<<bits|uint64(row)&low)
		b.open = b.open[:n+size]
		if l.weights {
			b.open = append(b.open, edges[i+from.pair:i+from.size]...)
		}
	}
}
