package graph

import "encoding/binary"

// renumber puts the owners' numbers in the place of the list's, and sorts the edges anew into
// buckets, which are ranges of those numbers: rows that are close together at their owner come
// to it together. The chunks are closed, and their slabs are used again.
func (l *edgeList) renumber(p *placing) error {
	old := l.slabs
	l.slabs, l.buckets = newSlabs(l.peers, l.slabs[0].arena), newBuckets(1<<(2*l.shift))
	l.level, l.wide = rangeBits, p.most >= l.narrow
	l.reach(uint64(p.most) + 1)
	looked := &batch{}
	for owner := range old {
		full := old[owner].full
		for i, b := range old[owner].given() {
			for len(b) > 0 {
				h, s, rest, err := cutChunk(b, l.weights)
				if err != nil {
					return err
				}
				l.addSegment(looked, s, uint32(owner)<<l.shift|uint32(h.other), p.numbers[owner], p.numbers[h.other])
				b = rest
			}
			l.slabs[owner].spare = append(l.slabs[owner].spare, full[i])
		}
	}
	l.closeAll()
	return l.err
}

// A batch has the numbers of the ends of edges that are looked up together.
type batch struct {
	rows, others [batchEdges]uint32
}

// batchEdges is how many edges are looked up before anything is done with them: what was found
// stays in the first-level cache.
const batchEdges = 512

// look puts into the batch what rows and others have for the ends of a segment's edges from
// byte at on, as many as it has room for, and returns how many. It is a loop of nothing else, so
// that many looks into memory are under way at once.
func (b *batch) look(s *segment, at int, rows, others []uint32) (n int) {
	edges, f, base := s.edges, s.form, s.base
	n = min(batchEdges, (s.end()-at)/f.size)
	for i := range b.rows[:n] {
		x := binary.LittleEndian.Uint64(edges[at:])
		b.rows[i], b.others[i] = rows[base+uint32(x&f.mask)], others[uint32(x>>(f.bits&63)&f.last)]
		at += f.size
	}
	return n
}

// addSegment adds a segment's edges, whose ends belong to two owners as in the number of a
// bucket; rows and others are what to put in the place of their numbers.
func (l *edgeList) addSegment(looked *batch, s segment, owners uint32, rows, others []uint32) {
	shift, level, chunks, form := 2*l.shift, l.level, l.buckets.open, formOf(l.wide, rowRange{0, l.level}, false)
	size, bits, low := form.size, form.bits&63, form.mask // in registers
	for i := 0; i < s.end(); {
		n := looked.look(&s, i, rows, others)
		for j, row := range looked.rows[:n] {
			at := int(uint64(row)>>(level&63)<<(shift&63) | uint64(owners))
			chunk := &chunks[at]
			if cap(*chunk)-len(*chunk) < edgeRoom {
				l.grow(at)
			}
			n := len(*chunk)
			binary.LittleEndian.PutUint64((*chunk)[n:n+8], uint64(looked.others[j])<<bits|uint64(row)&low)
			*chunk = (*chunk)[:n+size]
			if l.weights {
				at := i + j*s.size
				*chunk = append(*chunk, s.edges[at+s.pair:at+s.size]...)
			}
		}
		i += n * s.size
	}
}
