package deal

import (
	"encoding/binary"
	"math/bits"
)

// An Ends says where the edges of a chunk have their ends: an edge is other end << Bits | row less Base & Mask, little-endian, and Last is the mask
// of an other end. Each has Size bytes, five or more, of which those from Pair on, 5, 6 or 8, are its weight. Behind edges that are given to its methods three
// bytes are left at least.
type Ends struct{ Base, Bits, Mask, Last, Size, Pair uint64 }

// at returns the ends of the edge at a byte.
func (e *Ends) at(edges []byte, i int) (row, other uint64) {
	x := binary.LittleEndian.Uint64(edges[i : i+8 : cap(edges)])
	return e.Base + x&e.Mask, x >> (e.Bits & 63) & e.Last
}

// Count adds 1 in rows for the row of each edge, and in others for its other end. It stops before the first with an end beyond them, and returns how
// many bytes of edges come before it.
func (e *Ends) Count(rows, others []uint32, edges []byte) int {
	if len(edges) == 0 {
		return 0
	}
	if hasFast {
		return counted(rows, others, edges, e)
	}
	return e.plainCount(rows, others, edges)
}

func (e *Ends) plainCount(rows, others []uint32, edges []byte) int {
	for i := 0; i < len(edges); i += int(e.Size) {
		row, other := e.at(edges, i)
		if row >= uint64(len(rows)) || other >= uint64(len(others)) {
			return i
		}
		rows[row]++
		others[other]++
	}
	return len(edges)
}

// Batch is how many edges are looked up at a time: what was found stays in the first-level cache.
const Batch = 512

// A Looked has what was looked up of edges: what rows have of the row << 32 | what others have of the other end, in Near if that is less than Hubs.
type Looked struct {
	Near, Far [Batch]uint64
	Hubs      uint64
}

// Look looks up some edges, Batch at most and one at least if there is one, and keeps them in their order. It returns how many there are of both and how many bytes
// of edges they are. It panics if an end of the first is beyond rows or others. No branch waits for what is read, so that many looks into memory are under way at once.
func (e *Ends) Look(to *Looked, rows, others []uint32, edges []byte) (near, far, n int) {
	if edges = edges[:min(len(edges), Batch*int(e.Size))]; len(edges) == 0 {
		return 0, 0, 0
	}
	if hasEight && e.Size == e.Pair {
		near, n = lookedEight(to, rows, others, edges, e)
	}
	if hasFast && n == 0 {
		near, n = looked(to, rows, others, edges, e)
	}
	if n > 0 {
		return near, n/int(e.Size) - near, n
	}
	return e.plainLook(to, rows, others, edges)
}

func (e *Ends) plainLook(to *Looked, rows, others []uint32, edges []byte) (near, far, n int) {
	for i := 0; i < len(edges); i += int(e.Size) {
		row, other := e.at(edges, i)
		v, u := uint64(rows[row]), uint64(others[other])
		to.Near[near%Batch], to.Far[far%Batch] = v<<32|u, v<<32|u
		hub := int((u - to.Hubs) >> 63) // the sign
		near, far = near+hub, far+1-hub
	}
	return near, far, len(edges)
}

// Rank puts ranks in the place of the ends of edges, of those of rows what is beyond less. rows and others are tables as [Rank] takes them. It panics if an
// end is beyond them.
func (e *Ends) Rank(rows, others []uint64, less uint32, edges []byte) {
	if len(edges) == 0 {
		return
	}
	done := 0
	switch {
	case hasEight && e.Size == e.Pair:
		done = rankedEight(rows, others, uint64(less), edges, e)
	case hasFast:
		done = ranked(rows, others, uint64(less), edges, e)
	}
	e.plainRank(rows, others, less, edges, done)
}

// plainRank is Rank from a byte on.
func (e *Ends) plainRank(rows, others []uint64, less uint32, edges []byte, from int) {
	for i := from; i < len(edges); i += int(e.Size) {
		row, other := e.at(edges, i)
		x := uint64(Rank(others, other))<<(e.Bits&63) | uint64(Rank(rows, row)-less)&e.Mask
		store(edges[i:], x, e.Pair)
	}
}

// Rank returns the rank of an id by a table in which it is: the lower half of word id/32 has bit id%32 if the id is there, and the upper half is the
// rank of the first of the word.
func Rank(ranks []uint64, id uint64) uint32 {
	x := ranks[id/32]
	return uint32(x>>32) + uint32(bits.OnesCount32(uint32(x)&(1<<(id%32)-1)))
}

// store writes 5, 6 or 8 bytes of x, and no byte of the next edge, which would have to wait for it.
func store(b []byte, x, n uint64) {
	binary.LittleEndian.PutUint32(b, uint32(x))
	switch n {
	case 5:
		b[4] = byte(x >> 32)
	case 6:
		binary.LittleEndian.PutUint16(b[4:], uint16(x>>32))
	default:
		binary.LittleEndian.PutUint32(b[4:], uint32(x>>32))
	}
}
