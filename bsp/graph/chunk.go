package graph

import (
	"encoding/binary"
	"math"
	"slices"

	"scalar/bsp/graph/deal"
)

// A chunk has edges between rows of one peer and vertices of another: u32 owner of the
// other ends × 2 + 1 if it is wide, u32 count, u32 bytes of the whole chunk, u16 and u8 the
// range of its rows, u8 1 if that is one of ids and 0 if it is one of numbers, u32 base, the edges, and what is not used, at least three bytes,
// so that eight bytes can be read at every edge. An edge is the number of its row, less
// base, and that of its other end, in 24 bits each or, in a wide chunk, 32, and if kept its
// weight in 64. A row of a small range has 16 bits in any case.
const (
	chunkHead   = 20
	chunkTail   = 3
	edgeRoom    = deal.Room // what an edge takes at most, and the tail
	narrowLimit = 1 << 24
	smallRange  = 16 // level of ranges whose rows have 16 bits, at most
)

// A head is what stands before the edges of a chunk.
type head struct {
	other int // owner of the other ends
	wide  bool
	count int
	size  int // bytes of the whole chunk
	rows  rowRange
	byID  bool // keys of the range are ids
	base  uint32
}

// A rowRange is a range of rows, number at of those whose keys are equal but for the low
// bits. Keys of rows are their ids or their numbers: ranges of one level and one kind of keys
// have no row in common.
type rowRange struct {
	at    uint16
	level uint8 // bits
}

// allRows is the level of a range of all rows.
const allRows = 64

// coarse returns the range of a higher level that this one is in.
func (r rowRange) coarse(level uint8) uint16 { return r.at >> (level - r.level) }

// put writes a head.
func (h head) put(chunk []byte) {
	first := uint32(h.other) << 1
	if h.wide {
		first |= 1
	}
	binary.LittleEndian.PutUint32(chunk, first)
	binary.LittleEndian.PutUint32(chunk[4:], uint32(h.count))
	binary.LittleEndian.PutUint32(chunk[8:], uint32(h.size))
	binary.LittleEndian.PutUint32(chunk[12:], uint32(h.rows.level)<<16|uint32(h.rows.at))
	if h.byID {
		chunk[15] = 1
	}
	setBase(chunk, h.base)
}

func setBase(chunk []byte, base uint32) { binary.LittleEndian.PutUint32(chunk[16:], base) }

// base returns what rows of a range have before their last 16 bits, if they have no more.
func (r rowRange) base() uint32 {
	if r.level > smallRange {
		return 0
	}
	return uint32(r.at) << r.level &^ (1<<16 - 1)
}

// cutChunk takes the first chunk from b.
func cutChunk(b []byte, weights bool) (h head, s segment, rest []byte, err error) {
	if len(b) < chunkHead+chunkTail {
		return h, s, nil, errSegment
	}
	first := binary.LittleEndian.Uint32(b)
	h = head{int(first >> 1), first&1 != 0, int(binary.LittleEndian.Uint32(b[4:])), int(binary.LittleEndian.Uint32(b[8:])), rowRange{binary.LittleEndian.Uint16(b[12:]), b[14]}, b[15] != 0, binary.LittleEndian.Uint32(b[16:])}
	f := formOf(h.wide, h.rows, weights)
	if h.rows.level > allRows || h.size < chunkHead+chunkTail || h.size > len(b) || h.count > (h.size-chunkHead-chunkTail)/f.size {
		return h, s, nil, errSegment
	}
	s = segment{b[chunkHead : chunkHead+h.count*f.size+chunkTail], h.count, f, h.rows, h.base}
	return h, s, b[h.size:], nil
}

// A form is how edges lie in a chunk.
type form struct {
	size int    // bytes
	pair int    // bytes of an edge without its weight
	bits uint   // of a row
	mask uint64 // of a row
	last uint64 // mask of an other end
}

func formOf(wide bool, rows rowRange, weights bool) form {
	f := form{bits: 24, last: 1<<24 - 1}
	if wide {
		f = form{bits: 32, last: 1<<32 - 1}
	}
	f.pair = 2 * int(f.bits) / 8
	if rows.level <= smallRange {
		f.pair, f.bits = 2+int(f.bits)/8, 16
	}
	f.size, f.mask = f.pair, 1<<f.bits-1
	if weights {
		f.size += 8
	}
	return f
}

// join puts the ends of an edge together; of a row it takes the last bits.
func (f form) join(row, other uint32) uint64 { return uint64(other)<<(f.bits&63) | uint64(row)&f.mask }

// A segment is a chunk's edges.
type segment struct {
	edges []byte // with the tail
	count int
	form
	rows rowRange
	base uint32
}

// end returns the byte after the last edge.
func (s *segment) end() int { return s.count * s.size }

// ends returns the number of the row, and at its owner that of the other end, of the
// edge at a byte of the segment.
func (s *segment) ends(at int) (row, other uint32) {
	x := binary.LittleEndian.Uint64(s.edges[at:])
	return s.base + uint32(x&s.mask), uint32(x >> (s.bits & 63) & s.last)
}

// where says where edges have their ends.
func (s *segment) where() deal.Ends {
	return deal.Ends{Base: uint64(s.base), Bits: uint64(s.bits), Mask: s.mask, Last: s.last, Size: uint64(s.size), Pair: uint64(s.pair)}
}

// weight returns the weight of the edge at a byte of the segment.
func (s *segment) weight(at int) float64 {
	return math.Float64frombits(binary.LittleEndian.Uint64(s.edges[at+s.size-8:]))
}

// bySender returns the segments of what every peer sent, by the other ends' owner, then
// range of rows of at least a level, then sender: edges of one row stay in their order, and
// those of rows that are close together are together. Where some senders have ranges of ids and others of numbers, it is one range.
func bySender(payloads [][][]byte, weights bool, level uint8) ([][]segment, error) {
	peers := len(payloads)
	segments := make([][]segment, peers)
	byID, byNumber := false, false
	for _, list := range payloads {
		for _, b := range list {
			for len(b) > 0 {
				h, s, rest, err := cutChunk(b, weights)
				if err != nil {
					return nil, err
				}
				if h.other >= peers {
					return nil, errSegment
				}
				segments[h.other] = append(segments[h.other], s)
				level = max(level, h.rows.level)
				byID, byNumber = byID || h.byID, byNumber || !h.byID
				b = rest
			}
		}
	}
	if byID && byNumber {
		level = allRows
	}
	for owner, list := range segments {
		for i, s := range list {
			list[i].rows = rowRange{s.rows.coarse(level), level}
		}
		segments[owner] = byRows(list)
	}
	return segments, nil
}

// byRows returns segments by their range of rows, those of one range in their order: small
// keys are sorted, and every segment is moved once.
func byRows(list []segment) []segment {
	keys := make([]uint64, len(list))
	for i, s := range list {
		keys[i] = uint64(s.rows.at)<<32 | uint64(i)
	}
	slices.Sort(keys)
	sorted := make([]segment, len(list))
	for i, key := range keys {
		sorted[i] = list[uint32(key)]
	}
	return sorted
}

// byRange calls f for segments as bySender returns them: those of each range of rows by
// the other ends' owner.
func byRange(segments [][]segment, f func(owner int, s segment) error) error {
	next := make([]int, len(segments))
	for at := 0; at <= math.MaxUint16; {
		after := math.MaxUint16 + 1 // the next range that has edges
		for owner, list := range segments {
			for ; next[owner] < len(list); next[owner]++ {
				s := list[next[owner]]
				if int(s.rows.at) > at {
					after = min(after, int(s.rows.at))
					break
				}
				if err := f(owner, s); err != nil {
					return err
				}
			}
		}
		at = after
	}
	return nil
}
