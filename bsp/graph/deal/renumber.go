package deal

import "encoding/binary"

// A Renumbering says what becomes of the edges of a chunk whose ends get other numbers.
//
// Before, an edge is other end << Bits | row less Base & Mask, little-endian, and Last is the mask of an other end. Each has
// Size bytes, of which those from Pair on are its weight. Rows and Others have the new numbers. The chunk that an edge goes to
// is row>>Level << Shift | Owners, where it lies as ToBits, ToMask and ToSize say, the last without the weight.
type Renumbering struct {
	Rows, Others           []uint32
	Base, Bits, Mask, Last uint64
	Size, Pair             uint64
	Level, Shift, Owners   uint64
	ToBits, ToMask, ToSize uint64
}

// Deal appends edges to their chunks. It stops before the first whose chunk has less than Room bytes left, and returns how
// many bytes of edges come before it. Behind edges three bytes are left at least. It panics if an end has no number.
func (r *Renumbering) Deal(chunks [][]byte, edges []byte) int {
	if len(edges) == 0 {
		return 0
	}
	at := 0
	if hasEight && r.Size == r.Pair {
		at = renumberedEight(chunks, edges, r)
	}
	if hasFast && r.Size == r.Pair {
		at += renumbered(chunks, edges[at:], r)
	}
	return r.plain(chunks, edges, at)
}

// Chunk returns the number of the chunk that the first edge goes to.
func (r *Renumbering) Chunk(edges []byte) int {
	row := r.Rows[r.Base+binary.LittleEndian.Uint64(edges[:8:cap(edges)])&r.Mask]
	return int(uint64(row)>>(r.Level&63)<<(r.Shift&63) | r.Owners)
}

// plain is Deal without assembly, from a byte on.
func (r *Renumbering) plain(chunks [][]byte, edges []byte, at int) int {
	bits, level, shift, toBits := r.Bits&63, r.Level&63, r.Shift&63, r.ToBits&63
	for ; at < len(edges); at += int(r.Size) {
		x := binary.LittleEndian.Uint64(edges[at : at+8 : cap(edges)])
		row, other := uint64(r.Rows[r.Base+x&r.Mask]), uint64(r.Others[x>>bits&r.Last])
		chunk := &chunks[row>>level<<shift|r.Owners]
		n := len(*chunk)
		if cap(*chunk)-n < Room {
			return at
		}
		binary.LittleEndian.PutUint64((*chunk)[n:n+8], other<<toBits|row&r.ToMask)
		*chunk = append((*chunk)[:n+int(r.ToSize)], edges[at+int(r.Pair):at+int(r.Size)]...)
	}
	return at
}
