package graph

import (
	"scalar/bsp/graph/deal"
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
		return owner, deal.Rank(p.ranks[owner], uint64(code))
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
		ends := s.where()
		ends.Rank(rows, others, base, s.edges[:s.end()])
		b = rest
	}
	return nil
}
