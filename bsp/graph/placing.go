package graph

import (
	"encoding/binary"

	"scalar/internal/splitmix"
)

// A placing says which numbers the vertices of a list have at their owners: the same as
// there if both numbers and ranks are nil.
type placing struct {
	coding
	numbers [][]uint32 // by owner and number in the list
	most    uint32     // of numbers
	ranks   [][]uint64 // by owner, if codes are ids: ranks among the owner's ids, which are the numbers
}

// at returns where the vertex of a code is.
func (p *placing) at(code uint32) (owner, number uint32) {
	if p.ranks != nil {
		owner = ownerOf(splitmix.Mix(uint64(code)), p.peers)
		return owner, rankOf(p.ranks[owner], code)
	}
	owner, number = p.owner(code), p.number(code)
	if p.numbers != nil {
		number = p.numbers[owner][number]
	}
	return owner, number
}

// rank puts ranks in the place of ids into the chunks of a slab. They need no more room: an
// id has as many before it at most as it says.
func (p *placing) rank(slab []byte, owner int, weights bool) error {
	if p.ranks == nil {
		return nil
	}
	for b := slab; len(b) > 0; {
		h, s, rest, err := cutChunk(b, weights)
		if err != nil {
			return err
		}
		rows, others, base := p.ranks[owner], p.ranks[h.other], uint32(0)
		if h.count > 0 && h.rows.level <= smallRange { // the number of its first row, or less
			base = uint32(rows[uint32(h.rows.at)<<h.rows.level/32] >> 32)
		}
		setBase(b, base)
		edges, f, before := s.edges, s.form, s.base
		for at, end := 0, s.end(); at < end; at += f.size {
			x := binary.LittleEndian.Uint64(edges[at:])
			row, other := before+uint32(x&f.mask), uint32(x>>(f.bits&63)&f.last)
			store(edges[at:], f.join(rankOf(rows, row)-base, rankOf(others, other)), f.pair)
		}
		b = rest
	}
	return nil
}

// store writes 5, 6 or 8 bytes of x, and no byte of the next edge, which would have to wait
// for it.
func store(b []byte, x uint64, n int) {
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
