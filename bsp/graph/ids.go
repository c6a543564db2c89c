package graph

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strconv"

	"scalar/bsp/scan"
)

// A dictionary numbers distinct ids from 0, in the order in which they come until
// sort, then in their own order.
type dictionary interface {
	// intern appends the numbers of ids; spans lie in text.
	intern(dst []uint32, text []byte, list vertices) []uint32
	// merge appends the numbers of the ids in a payload that appendTo wrote.
	merge(dst []uint32, payload []byte) ([]uint32, error)
	// owners returns the peer that each id belongs to.
	owners(peers int) []uint32
	// appendTo adds id i to a payload.
	appendTo(payload []byte, i int) []byte
	// sort renumbers the ids in their order and returns the new numbers by the old.
	sort() []uint32
	// size returns the number of distinct ids.
	size() int
	// lookup returns the number of the id that people write as name, after sort.
	lookup(name string) (uint32, bool)
	// text appends id i as people write it.
	text(dst []byte, i int) []byte
}

func newDictionary(ids IDs) dictionary {
	if ids == Strings {
		return &stringIDs{}
	}
	return &integerIDs{}
}

// mix spreads the bits of x (the finalizer of splitmix64).
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// ownerOf returns which of n peers a hash belongs to.
func ownerOf(hash uint64, n int) uint32 { return uint32(hash >> 32 * uint64(n) >> 32) }

// directShare bounds the array indexed by id: it has at most this many entries of
// four bytes for each distinct id (and for 1,024 more).
const directShare = 8

// integerIDs is the dictionary of whole numbers. Ids that are not much larger than
// their number lie in an array, one access away; the others in a hash table. An id
// moves to the array when it has grown over it.
type integerIDs struct {
	ids    []uint64 // by number
	direct []uint32 // number+1 by id; 0: none
	table  []uint32 // number+1 by hash; a power of two, at most half full
	hashed int      // entries of table
}

func (d *integerIDs) size() int { return len(d.ids) }

func (d *integerIDs) intern(dst []uint32, _ []byte, list vertices) []uint32 {
	dst = slices.Grow(dst, len(list.ids))
	for _, id := range list.ids {
		if id < uint64(len(d.direct)) {
			if x := d.direct[id]; x != 0 {
				dst = append(dst, x-1)
				continue
			}
		}
		dst = append(dst, d.number(id))
	}
	return dst
}

func (d *integerIDs) merge(dst []uint32, payload []byte) ([]uint32, error) {
	if len(payload)%8 != 0 {
		return nil, fmt.Errorf("vertex ids: %d bytes", len(payload))
	}
	dst = slices.Grow(dst, len(payload)/8)
	for ; len(payload) > 0; payload = payload[8:] {
		dst = append(dst, d.number(binary.LittleEndian.Uint64(payload)))
	}
	return dst, nil
}

// number returns the number of id, a new one if need be.
func (d *integerIDs) number(id uint64) uint32 {
	if id >= uint64(len(d.direct)) {
		if id >= directShare*uint64(len(d.ids)+1024) {
			return d.hashedNumber(id)
		}
		d.extend(id)
	}
	if d.direct[id] == 0 {
		d.direct[id] = d.add(id)
	}
	return d.direct[id] - 1
}

// add returns the new id's number+1.
func (d *integerIDs) add(id uint64) uint32 {
	d.ids = append(d.ids, id)
	return uint32(len(d.ids))
}

// extend makes the array long enough for id and moves ids into it.
func (d *integerIDs) extend(id uint64) {
	before := uint64(len(d.direct))
	grown := make([]uint32, max(8*1024, 1<<bits.Len64(id)))
	copy(grown, d.direct)
	d.direct = grown
	for i, id := range d.ids {
		if id >= before && id < uint64(len(grown)) {
			grown[id] = uint32(i + 1)
		}
	}
}

func (d *integerIDs) hashedNumber(id uint64) uint32 {
	if 2*d.hashed >= len(d.table) {
		d.rehash()
	}
	mask := uint64(len(d.table) - 1)
	at := mix(id) & mask
	for ; d.table[at] != 0; at = (at + 1) & mask {
		if x := d.table[at] - 1; d.ids[x] == id {
			return x
		}
	}
	d.hashed++
	d.table[at] = d.add(id)
	return d.table[at] - 1
}

// rehash makes room in the table and leaves out what the array has by now.
func (d *integerIDs) rehash() {
	d.hashed = 0
	for _, id := range d.ids {
		if id >= uint64(len(d.direct)) {
			d.hashed++
		}
	}
	d.table = make([]uint32, max(1024, 1<<bits.Len(uint(4*d.hashed))))
	mask := uint64(len(d.table) - 1)
	for i, id := range d.ids {
		if id < uint64(len(d.direct)) {
			continue
		}
		at := mix(id) & mask
		for d.table[at] != 0 {
			at = (at + 1) & mask
		}
		d.table[at] = uint32(i + 1)
	}
}

func (d *integerIDs) owners(peers int) []uint32 {
	owners := make([]uint32, len(d.ids))
	if peers == 1 {
		return owners
	}
	for i, id := range d.ids {
		owners[i] = ownerOf(mix(id), peers)
	}
	return owners
}

func (d *integerIDs) appendTo(payload []byte, i int) []byte {
	return binary.LittleEndian.AppendUint64(payload, d.ids[i])
}

// sort reads ids off the array in their order and sorts only the others.
func (d *integerIDs) sort() []uint32 {
	rank := make([]uint32, len(d.ids))
	sorted := make([]uint64, 0, len(d.ids))
	for id, x := range d.direct {
		if x != 0 {
			rank[x-1] = uint32(len(sorted))
			sorted = append(sorted, uint64(id))
		}
	}
	inArray := len(sorted)
	for _, id := range d.ids {
		if id >= uint64(len(d.direct)) {
			sorted = append(sorted, id)
		}
	}
	slices.Sort(sorted[inArray:])
	for i, id := range sorted[inArray:] {
		rank[d.hashedNumber(id)] = uint32(inArray + i)
	}
	*d = integerIDs{ids: sorted}
	return rank
}

func (d *integerIDs) text(dst []byte, i int) []byte { return strconv.AppendUint(dst, d.ids[i], 10) }

func (d *integerIDs) lookup(name string) (uint32, bool) {
	id, end, ok := scan.Number([]byte(name), 0)
	if !ok || end != len(name) {
		return 0, false
	}
	return d.find(id)
}

// find returns the number of an id after sort.
func (d *integerIDs) find(id uint64) (uint32, bool) {
	i, ok := slices.BinarySearch(d.ids, id)
	return uint32(i), ok
}

// maxVertices bounds the vertices of a peer: their numbers and number+1 are uint32.
const maxVertices = math.MaxUint32 - 1
