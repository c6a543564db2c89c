package graph

import (
	"encoding/binary"
	"math/bits"
	"slices"

	"scalar/bsp/graph/idtable"
)

// A census numbers the distinct ids that one peer reads, those of each owner apart, in
// the order in which they come. It gives codes; the owners put ids in order later.
type census interface {
	// intern appends the codes of ids; spans lie in text.
	intern(dst []uint32, text []byte, list vertices) []uint32
	// bound returns a number above all codes so far.
	bound() uint64
	// size returns the number of distinct ids.
	size() int
	// payload returns the ids of an owner by number, as union takes them, and the bytes of
	// the owner's answer.
	payload(owner int) (b []byte, answer int)
	// union returns the ids of the payloads of all peers, and the number of each id of each
	// payload; nil for a bitmap. Numbers are in the order of ids; asRead: in that of the payloads,
	// if the ids are large.
	union(payloads [][]byte, asRead bool) (dictionary, [][]uint32, error)
}

func newCensus(ids IDs, peers int) census {
	if ids == Strings {
		return newNameCensus(peers)
	}
	return newIntegerCensus(peers)
}

// A coding makes codes of vertices: the index of the owner in the low bits, the number
// there above. Codes stay below 2^32-1.
type coding struct {
	peers int
	shift uint // bits of an owner
}

func codingOf(peers int) coding { return coding{peers, uint(bits.Len(uint(peers - 1)))} }

func (c coding) code(owner, number uint32) uint32 { return number<<c.shift | owner }
func (c coding) owner(code uint32) uint32         { return code & (1<<c.shift - 1) }
func (c coding) number(code uint32) uint32        { return code >> c.shift }

// bound returns a number above the codes of so many vertices of each owner.
func (c coding) bound(most int) uint64 { return uint64(most) << c.shift }

// integerCensus is the census of whole numbers.
type integerCensus struct {
	coding
	*idtable.Numbers

	// While codes are ids; nothing above is used then.
	seen  []uint64   // bitmap of ids
	maps  [][]byte   // by owner: its part of the bitmap, until it is told
	small uint64     // ids below it are small in any case
	left  [][]uint64 // when that has ended: ranks by owner, for codes so far
}

func newIntegerCensus(peers int) *integerCensus {
	return &integerCensus{coding: codingOf(peers), Numbers: idtable.NewNumbers(peers)}
}

func (d *integerCensus) size() int {
	n := d.Len()
	for _, word := range d.seen {
		n += bits.OnesCount64(word)
	}
	return n
}

func (d *integerCensus) bound() uint64 {
	if d.seen != nil {
		return 64 * uint64(len(d.seen))
	}
	most := 0
	for _, ids := range d.IDs {
		most = max(most, len(ids))
	}
	return d.coding.bound(most)
}

func (d *integerCensus) intern(dst []uint32, _ []byte, list vertices) []uint32 {
	if d.seen != nil {
		codes, ok := d.note(dst, list.ids)
		if ok {
			return codes
		}
		d.left = d.leaveSeen()
	}
	lo := len(dst)
	dst = slices.Grow(dst, len(list.ids))[:lo+len(list.ids)]
	d.Intern(dst[lo:], list.ids)
	return dst
}

func (d *integerCensus) payload(owner int) (b []byte, answer int) {
	if d.seen != nil {
		return d.mapped(owner), 16 * len(d.seen)
	}
	ids := d.IDs[owner]
	b = make([]byte, 1+8*len(ids))
	b[0] = listedIDs
	for i, id := range ids {
		binary.LittleEndian.PutUint64(b[1+8*i:], id)
	}
	return b, 4 * len(ids)
}
