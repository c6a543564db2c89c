package deal

import (
	"encoding/binary"
	"math"

	"scalar/internal/splitmix"
)

// Room is how many bytes a chunk needs for an edge: those of the edge, of its weight, and three that
// are not used, so that eight bytes can be read at every edge.
const Room = 8 + 8 + 3

// A Layout says which chunk an edge lies in, and how.
//
// Who owns a vertex is the upper half of splitmix.Mix of its id, times Peers, by 2^32. The chunk of an edge has
// the number row>>Level << 2·Shift | owner of the row << Shift | owner of the other end. There it is
// other end << Bits | row & Mask, little-endian, of which Size bytes count, and its weight if it has one.
type Layout struct {
	Peers  uint64 // at most 1 << Shift
	Shift  uint64 // bits of an owner
	Level  uint64 // at most 63
	Bits   uint64 // of a row, at most 63
	Mask   uint64 // of a row
	Size   uint64 // at most 8
	Pulled bool   // rows are those of destinations, not of sources
}

// Chunk returns the number of the chunk of an edge.
func (l *Layout) Chunk(src, dst uint64) int {
	row, other := src, dst
	if l.Pulled {
		row, other = dst, src
	}
	return int(row>>l.Level<<(2*l.Shift) | l.owner(row)<<l.Shift | l.owner(other))
}

func (l *Layout) owner(id uint64) uint64 { return splitmix.Mix(id) >> 32 * l.Peers >> 32 }

// Deal appends edges to their chunks and notes their ids in the bitmap seen. ids are a source and a
// destination in turn, weights nil or one an edge. It stops before the first edge that has an id beyond
// seen, or whose chunk has less than Room bytes left, and returns how many ids come before it; ids of
// that edge, and at a full chunk those of 31 more, may be noted. It panics if there are not chunks for all ids of seen.
func (l *Layout) Deal(chunks [][]byte, seen, ids []uint64, weights []float64) int {
	ids = ids[:len(ids)&^1]
	if weights != nil {
		weights = weights[:len(ids)/2]
	}
	if n := uint64(len(seen)); l.Peers > 1<<l.Shift || l.Level > 63 || n > 0 && (64*n-1)>>l.Level+1 > uint64(len(chunks))>>(2*l.Shift) {
		panic("deal: an id may have no chunk")
	}
	n := 0
	if hasEight && weights == nil {
		n = dealtEight(chunks, seen, ids, l)
		ids = ids[n:]
	}
	switch {
	case len(ids) == 0:
		return n
	case !hasFast:
		return l.plain(chunks, seen, ids, weights)
	case l.Pulled:
		return n + pulled(chunks, seen, ids, weights, l)
	}
	return n + pushed(chunks, seen, ids, weights, l)
}

// plain is Deal without assembly.
func (l *Layout) plain(chunks [][]byte, seen, ids []uint64, weights []float64) int {
	level, bits, pair, shift := l.Level&63, l.Bits&63, 2*l.Shift&63, l.Shift&63
	last, lastOwner := uint64(math.MaxUint64), uint64(0) // lines are often sorted by source
	for i := 0; i+1 < len(ids); i += 2 {
		src, dst := ids[i], ids[i+1]
		if src/64 >= uint64(len(seen)) || dst/64 >= uint64(len(seen)) {
			return i
		}
		if src != last {
			seen[src/64] |= 1 << (src % 64)
			last, lastOwner = src, l.owner(src)
		}
		if word, bit := &seen[dst/64], uint64(1)<<(dst%64); *word&bit == 0 {
			*word |= bit
		}
		row, other, owner, otherOwner := src, dst, lastOwner, l.owner(dst)
		if l.Pulled {
			row, other, owner, otherOwner = dst, src, otherOwner, lastOwner
		}
		chunk := &chunks[row>>level<<pair|owner<<shift|otherOwner]
		n := len(*chunk)
		if cap(*chunk)-n < Room {
			return i
		}
		binary.LittleEndian.PutUint64((*chunk)[n:n+8], other<<bits|row&l.Mask)
		*chunk = (*chunk)[:n+int(l.Size)]
		if weights != nil {
			*chunk = binary.LittleEndian.AppendUint64(*chunk, math.Float64bits(weights[i/2]))
		}
	}
	return len(ids)
}
