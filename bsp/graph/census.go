package graph

import (
	"encoding/binary"
	"math/bits"
	"slices"

	"scalar/bsp/graph/idtable"
	"scalar/internal/splitmix"
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

// directShare bounds the array indexed by id: it has at most this many entries of
// four bytes for each distinct id (and for 1,024 more).
const directShare = 8

// integerCensus is the census of whole numbers. Ids that are not much larger than
// their number lie in an array, one access away; the others in a hash table. An id
// moves to the array when it has grown over it.
type integerCensus struct {
	coding
	ids    [][]uint64    // by owner and number
	count  int           // of all owners
	direct []uint32      // code+1 by id; 0: none
	table  idtable.Table // of ids that were beyond the array when they came

	// While codes are ids; nothing above is used then.
	seen  []uint64   // bitmap of ids
	maps  [][]byte   // by owner: its part of the bitmap, until it is told
	small uint64     // ids below it are small in any case
	left  [][]uint64 // when that has ended: ranks by owner, for codes so far
}

func newIntegerCensus(peers int) *integerCensus {
	return &integerCensus{coding: codingOf(peers), ids: make([][]uint64, peers)}
}

func (d *integerCensus) size() int {
	n := d.count
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
	for _, ids := range d.ids {
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
	for codes, ids := dst[lo:], list.ids; len(ids) > 0; {
		n := min(glanceBatch, len(ids))
		d.glance(codes[:n], ids[:n])
		for i, code := range codes[:n] { // while what was looked at is in the cache
			if code == idtable.Unknown {
				codes[i] = d.find(ids[i])
			}
		}
		codes, ids = codes[n:], ids[n:]
	}
	return dst
}

// glanceBatch is how many ids are looked for before new ones among them get codes: what was
// looked at is in the cache then.
const glanceBatch = 256

// glance finds the codes of ids that have one, and idtable.Unknown for others.
func (d *integerCensus) glance(codes []uint32, ids []uint64) {
	d.table.Codes(codes, ids)
	direct := d.direct
	if len(direct) == 0 {
		return
	}
	for i, id := range ids { // nothing but looks into memory, so that many are under way at once
		if id < uint64(len(direct)) {
			codes[i] = direct[id] - 1
		}
	}
}

// find returns the code of id, a new one if need be.
func (d *integerCensus) find(id uint64) uint32 {
	if id >= uint64(len(d.direct)) {
		if id >= directShare*uint64(d.count+1024) {
			return d.findHashed(id)
		}
		d.extend(id)
	}
	if d.direct[id] == 0 {
		d.direct[id] = d.add(id, splitmix.Mix(id))
	}
	return d.direct[id] - 1
}

// add returns the new id's code+1.
func (d *integerCensus) add(id, hash uint64) uint32 {
	owner := ownerOf(hash, d.peers)
	d.ids[owner] = append(d.ids[owner], id)
	d.count++
	return d.code(owner, uint32(len(d.ids[owner])-1)) + 1
}

// each calls f for all ids and their codes+1.
func (d *integerCensus) each(f func(id uint64, code uint32)) {
	for owner, ids := range d.ids {
		for i, id := range ids {
			f(id, d.code(uint32(owner), uint32(i))+1)
		}
	}
}

// extend makes the array long enough for id and moves ids into it.
func (d *integerCensus) extend(id uint64) {
	before := uint64(len(d.direct))
	grown := make([]uint32, max(8*1024, 1<<bits.Len64(id)))
	copy(grown, d.direct)
	d.direct = grown
	if d.table.Len() == 0 {
		return
	}
	d.each(func(id uint64, code uint32) {
		if id >= before && id < uint64(len(grown)) {
			grown[id] = code
		}
	})
}

func (d *integerCensus) findHashed(id uint64) uint32 {
	code := d.table.Code(id)
	if code == idtable.Unknown {
		code = d.add(id, splitmix.Mix(id)) - 1
		d.table.Put(id, code)
	}
	return code
}

func (d *integerCensus) payload(owner int) (b []byte, answer int) {
	if d.seen != nil {
		return d.mapped(owner), 16 * len(d.seen)
	}
	ids := d.ids[owner]
	b = make([]byte, 1+8*len(ids))
	b[0] = listedIDs
	for i, id := range ids {
		binary.LittleEndian.PutUint64(b[1+8*i:], id)
	}
	return b, 4 * len(ids)
}
