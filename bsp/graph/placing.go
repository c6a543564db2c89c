package graph

import (
	"encoding/binary"
	"math"

	"scalar/internal/splitmix"
)

// A placing says which numbers the vertices of a list have at their owners: the same as
// there if both numbers and ranks are nil.
type placing struct {
	coding
	numbers [][]uint32 // by owner and number in the list
	wide    []bool     // by owner: not all those numbers are narrow
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

// seal puts the owners' numbers into the chunks of a slab, whose rows are an owner's, and
// returns it: another slab where they need more room.
func (p *placing) seal(slab []byte, owner int, weights bool) ([]byte, error) {
	if p.numbers == nil {
		return slab, p.rank(slab, owner, weights)
	}
	slab, err := p.widen(slab, owner, weights)
	for b := slab; err == nil && len(b) > 0; {
		var h head
		var s segment
		chunk := b
		if h, s, b, err = cutChunk(b, weights); err == nil {
			setBase(chunk, translate(s, p.numbers[owner], p.numbers[h.other]))
		}
	}
	return slab, err
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

// widen copies a slab if some of its chunks must become wide.
func (p *placing) widen(slab []byte, owner int, weights bool) ([]byte, error) {
	size, must := 0, false
	for b := slab; len(b) > 0; {
		h, s, rest, err := cutChunk(b, weights)
		if err != nil {
			return nil, err
		}
		must = must || !h.wide && (p.wide[owner] || p.wide[h.other])
		size += chunkHead + s.count*formOf(true, h.rows, weights).size + chunkTail
		b = rest
	}
	if !must {
		return slab, nil
	}
	wide := make([]byte, 0, size)
	for b := slab; len(b) > 0; {
		h, s, rest, err := cutChunk(b, weights)
		if err != nil {
			return nil, err
		}
		wide = appendWide(wide, h, s)
		b = rest
	}
	return wide, nil
}

// appendWide appends a chunk as a wide one.
func appendWide(dst []byte, h head, s segment) []byte {
	to := formOf(true, h.rows, s.size > s.pair)
	h.wide, h.size = true, chunkHead+s.count*to.size+chunkTail
	at := len(dst)
	dst = append(dst, make([]byte, h.size)...)
	h.put(dst[at:])
	for i := 0; i < s.end(); i += s.size {
		row, other := s.ends(i)
		b := dst[at+chunkHead+i/s.size*to.size:]
		binary.LittleEndian.PutUint64(b, to.join(row-s.base, other))
		if to.size > to.pair {
			binary.LittleEndian.PutUint64(b[to.pair:], math.Float64bits(s.weight(i)))
		}
	}
	return dst
}

// translate changes the numbers of edges' ends, and returns the base of those of rows.
func translate(s segment, rows, others []uint32) (base uint32) {
	if s.rows.level <= smallRange {
		base = math.MaxUint32
		for at := 0; at < s.end(); at += s.size {
			row, _ := s.ends(at)
			base = min(base, rows[row])
		}
	}
	for at := 0; at < s.end(); at += s.size {
		row, other := s.ends(at)
		s.put(at, rows[row]-base, others[other])
	}
	return base
}

// put writes the ends of the edge at a byte of the segment, of the row what is above base.
func (s *segment) put(at int, row, other uint32) {
	store(s.edges[at:], s.join(row, other), s.pair)
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
