package graph

import (
	"encoding/binary"
	"math"
)

// A chunk has edges between rows of one peer and vertices of another: u32 owner of the
// other ends × 2 + 1 if it is wide, u32 count, the edges, and two bytes of nothing, so
// that eight bytes can be read at every edge. An edge is the number of its row and of its
// other end, in 24 bits each or, in a wide chunk, 32, and if kept its weight in 64.
const (
	chunkHead   = 8
	chunkTail   = 2
	edgeRoom    = 16 + chunkTail // what an edge takes at most
	narrowLimit = 1 << 24
)

// A form is how edges lie in a chunk.
type form struct {
	size int    // bytes
	bits uint   // of a number
	mask uint64 // of a number
}

func formOf(wide, weights bool) form {
	f := form{6, 24, 1<<24 - 1}
	if wide {
		f = form{8, 32, 1<<32 - 1}
	}
	if weights {
		f.size += 8
	}
	return f
}

func (f form) join(row, other uint32) uint64 { return uint64(other)<<f.bits | uint64(row) }

// A placing says which numbers the vertices of a list have at their owners.
type placing struct {
	coding
	numbers [][]uint32 // by owner and number in the list; nil: the same
	wide    []bool     // by owner: not all those numbers are narrow
}

// at returns where the vertex of a code is.
func (p *placing) at(code uint32) (owner, number uint32) {
	owner, number = p.owner(code), p.number(code)
	if p.numbers != nil {
		number = p.numbers[owner][number]
	}
	return owner, number
}

// seal writes the head of a chunk, and puts the owners' numbers into it.
func (p *placing) seal(chunk []byte, wide bool, owner, other int, weights bool) []byte {
	from := formOf(wide, weights)
	to := from
	n := (len(chunk) - chunkHead) / from.size
	chunk = append(chunk, make([]byte, chunkTail)...)
	if p.numbers != nil {
		if !wide && (p.wide[owner] || p.wide[other]) {
			to = formOf(true, weights)
			chunk = widen(chunk, n, from, to)
		}
		translate(segment{chunk[chunkHead:], n, to}, p.numbers[owner], p.numbers[other])
	}
	first := uint32(other) << 1
	if to.bits == 32 {
		first |= 1
	}
	binary.LittleEndian.PutUint32(chunk, first)
	binary.LittleEndian.PutUint32(chunk[4:], uint32(n))
	return chunk
}

// widen copies a chunk of n edges to one of another form.
func widen(chunk []byte, n int, from, to form) []byte {
	wide := make([]byte, chunkHead+n*to.size+chunkTail)
	s := segment{chunk[chunkHead:], n, from}
	for i := range n {
		row, other := s.ends(i * from.size)
		b := wide[chunkHead+i*to.size:]
		binary.LittleEndian.PutUint64(b, to.join(row, other))
		if to.size > 8 {
			binary.LittleEndian.PutUint64(b[8:], math.Float64bits(s.weight(i*from.size)))
		}
	}
	return wide
}

// translate changes the numbers of edges' ends. It writes no byte of the next edge, which
// would have to wait for it.
func translate(s segment, rows, others []uint32) {
	for at := 0; at < s.end(); at += s.size {
		row, other := s.ends(at)
		x := s.join(rows[row], others[other])
		binary.LittleEndian.PutUint32(s.edges[at:], uint32(x))
		if s.bits == 32 {
			binary.LittleEndian.PutUint32(s.edges[at+4:], uint32(x>>32))
		} else {
			binary.LittleEndian.PutUint16(s.edges[at+4:], uint16(x>>32))
		}
	}
}

// A segment is a chunk's edges.
type segment struct {
	edges []byte // with the tail
	count int
	form
}

// end returns the byte after the last edge.
func (s *segment) end() int { return s.count * s.size }

// ends returns the number of the row, and at its owner that of the other end, of the
// edge at a byte of the segment.
func (s *segment) ends(at int) (row, other uint32) {
	x := binary.LittleEndian.Uint64(s.edges[at:])
	return uint32(x & s.mask), uint32(x >> s.bits & s.mask)
}

// weight returns the weight of the edge at a byte of the segment.
func (s *segment) weight(at int) float64 {
	return math.Float64frombits(binary.LittleEndian.Uint64(s.edges[at+s.size-8:]))
}

// bySender returns the segments of what every peer sent, by the other ends' owner, then
// sender.
func bySender(payloads [][][]byte, peers int, weights bool) ([][]segment, error) {
	segments := make([][]segment, peers)
	for _, list := range payloads {
		for _, b := range list {
			for len(b) > 0 {
				if len(b) < chunkHead+chunkTail {
					return nil, errSegment
				}
				first, n := binary.LittleEndian.Uint32(b), int(binary.LittleEndian.Uint32(b[4:]))
				b = b[chunkHead:]
				owner, f := first>>1, formOf(first&1 != 0, weights)
				if int64(owner) >= int64(peers) || n > (len(b)-chunkTail)/f.size {
					return nil, errSegment
				}
				size := n*f.size + chunkTail
				segments[owner] = append(segments[owner], segment{b[:size], n, f})
				b = b[size:]
			}
		}
	}
	return segments, nil
}
