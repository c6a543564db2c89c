package graph

import "scalar/bsp/graph/deal"

// renumber puts the owners' numbers in the place of the list's, and sorts the edges anew into
// buckets, which are ranges of those numbers: rows that are close together at their owner come
// to it together. The chunks are closed, and their slabs are used again.
func (l *edgeList) renumber(p *placing) error {
	old := l.slabs
	l.slabs, l.buckets = newSlabs(l.peers, l.slabs[0].arena), newBuckets(1<<(2*l.shift))
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
				l.addSegment(s, uint64(owner)<<l.shift|uint64(h.other), p.numbers[owner], p.numbers[h.other])
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
func (l *edgeList) addSegment(s segment, owners uint64, rows, others []uint32) {
	to := formOf(l.wide, rowRange{0, l.level}, false)
	r := &deal.Renumbering{
		Rows: rows, Others: others, Base: uint64(s.base), Bits: uint64(s.bits), Mask: s.mask, Last: s.last,
		Size: uint64(s.size), Pair: uint64(s.pair), Level: uint64(l.level), Shift: 2 * uint64(l.shift), Owners: owners,
		ToBits: uint64(to.bits), ToMask: to.mask, ToSize: uint64(to.size),
	}
	for edges := s.edges[:s.end()]; ; {
		edges = edges[r.Deal(l.buckets.open, edges):]
		if len(edges) == 0 {
			return
		}
		l.grow(r.Chunk(edges))
	}
}
