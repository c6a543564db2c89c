package graph

import (
	"math/bits"

	"scalar/internal/bitset"
)

// rowPlace says where the rows of vertices are in a block: by 64 vertices, which of them have
// one, and how many rows come before (Jacobson, Space-efficient static trees and graphs, FOCS
// 1989, section 2).
type rowPlace []struct {
	has    uint64
	before uint32
}

// places returns where the rows of n vertices are.
func (b *block) places(n int) rowPlace {
	p := make(rowPlace, words(uint32(n)))
	for _, v := range b.rows {
		p[v/64].has |= 1 << (v % 64)
	}
	before := uint32(0)
	for i := range p {
		p[i].before = before
		before += uint32(bits.OnesCount64(p[i].has))
	}
	return p
}

// row returns the row of a vertex, and 1 if it has one; else row 0.
func (p rowPlace) row(v uint32) (r uint32, has uint64) {
	x, bit := p[v/64], v%64
	has = x.has >> bit & 1
	return (x.before + uint32(bits.OnesCount64(x.has&(1<<bit-1)))) * uint32(has), has
}

// A search looks in a frontier for those with an edge to vertices that have got nothing yet.
type search struct {
	*inward
	front      bitset.Set   // of all peers, as the mirror has them
	fronts     []bitset.Set // of each, empty ones nil
	got, found bitset.Set   // of own vertices

	rest [together]uint32  // vertices that are looked for yet
	long [together]longRow // of those whose first targets are not in the frontier
}

// A longRow is a row of more than two targets.
type longRow struct{ vertex, row uint32 }

// together is how many vertices are looked for at once: their targets come from memory
// at the same time then, not one after the other.
const together = 512

// pull adds to got and to found the vertices that have an edge from one of the frontier, and
// leaves out those in got. It looks at heads, then block by block at the first two targets of the
// rows of those that are left, all in loops without branches to guess, then at what follows, where it
// stops at the first that it finds.
func (s *search) pull() {
	const step = together / 64
	for lo := 0; lo < len(s.got); lo += step {
		n := s.pullHeads(lo, min(lo+step, len(s.got)))
		for q, b := range s.blocks {
			if n > 0 && s.fronts[q] != nil && len(b.rows) > 0 {
				n = s.pullRows(q, n)
			}
		}
	}
}

// pullHeads looks at the heads of the vertices of some words, and leaves in rest those that
// are not found and have more edges than that from the head.
func (s *search) pullHeads(lo, hi int) (n int) {
	for word := lo; word < hi; word++ {
		open, more, hits := s.some[word]&^s.got[word], s.more[word], uint64(0)
		for ; open != 0; open &= open - 1 {
			bit := bits.TrailingZeros64(open) % 64
			v := uint32(64*word + bit)
			head := s.heads[v]
			hit := s.front[head/64] >> (head % 64) & 1
			hits |= hit << bit
			s.rest[n%together] = v
			n += int(more >> bit & 1 &^ hit)
		}
		s.got[word] |= hits
		s.found[word] |= hits
	}
	return n
}

// pullRows looks at the rows of the first n of rest in a block, and returns how many are left.
func (s *search) pullRows(q, n int) (left int) {
	b, front, place := s.blocks[q], s.fronts[q], s.places[q]
	longs := 0
	for _, v := range s.rest[:n] {
		r, has := place.row(v)
		at, end := b.starts[r], b.starts[r+1]
		x, y := b.targets[at], b.targets[min(at+1, end-1)]
		hit := (front[x/64]>>(x%64) | front[y/64]>>(y%64)) & has
		s.got[v/64] |= hit << (v % 64)
		s.found[v/64] |= hit << (v % 64)
		miss := hit ^ 1
		long := has & ((uint64(at) + 2 - uint64(end)) >> 63) // 1 if that is below 0
		s.rest[left%together], s.long[longs%together] = v, longRow{v, r}
		left += int(miss &^ long)
		longs += int(miss & long)
	}
	for _, l := range s.long[:longs] {
		if front.Any(b.targets[b.starts[l.row]+2 : b.starts[l.row+1]]) {
			s.got.Add(l.vertex)
			s.found.Add(l.vertex)
			continue
		}
		s.rest[left] = l.vertex
		left++
	}
	return left
}
