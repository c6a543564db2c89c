package graph

import (
	"encoding/binary"
	"math"
	"math/bits"

	"scalar/bsp/graph/idtable"
	"scalar/internal/splitmix"
)

// While ids are small for the number of them that there may be, a census keeps no codes:
// it notes in a bitmap which ids have come, and the code of an id is the id. Who owns it
// follows from its hash, and its number there from the owner's bitmap.
const (
	seenShare = 16 // ids below one in so many bytes of the peer's input are small in any case
	seenPeers = 16 // with more peers the bitmaps of all owners would be large
	seenFirst = 64 << 10
	seenLimit = math.MaxUint32 // ids are codes
)

// keepSeen begins with ids for codes if ids are whole numbers, of an input of so many bytes.
func (l *edgeList) keepSeen(size int64) error {
	d, ok := l.ids.(*integerCensus)
	if !ok || l.peers > seenPeers {
		return nil
	}
	d.small, d.seen = min(max(uint64(size)/seenShare, seenFirst), seenLimit), make([]uint64, seenFirst/64)
	l.byID, l.level = true, rangeBits+uint8(l.shift)
	return l.makeRoom(d.bound())
}

// note notes ids and appends them as codes; ok is false if one is too large.
func (d *integerCensus) note(dst []uint32, ids []uint64) (codes []uint32, ok bool) {
	most := uint64(0)
	for _, id := range ids {
		most = max(most, id)
	}
	if len(ids) > 0 && !d.reach(most) {
		return dst, false
	}
	lo := len(dst)
	dst = append(dst, make([]uint32, len(ids))...)
	codes, seen := dst[lo:], d.seen
	for i, id := range ids {
		codes[i] = uint32(id)
		if word, bit := &seen[id/64], uint64(1)<<(id%64); *word&bit == 0 {
			*word |= bit
		}
	}
	return dst, true
}

// reach makes the bitmap long enough for an id, if it is small.
func (d *integerCensus) reach(id uint64) bool {
	if id < 64*uint64(len(d.seen)) {
		return true
	}
	if id >= seenLimit || id >= d.small && id >= idtable.DirectShare*uint64(d.size()+1024) {
		return false
	}
	d.seen = append(d.seen, make([]uint64, id/64+1-uint64(len(d.seen)))...)
	return true
}

// eachSeen calls f for the ids in the bitmap, in ascending order.
func (d *integerCensus) eachSeen(f func(id uint64)) {
	for i, word := range d.seen {
		for ; word != 0; word &= word - 1 {
			f(uint64(64*i + bits.TrailingZeros64(word)))
		}
	}
}

// leaveSeen gives the ids in the bitmap codes in their order, and those that come from now
// on too. It returns ranks of each owner's.
func (d *integerCensus) leaveSeen() [][]uint64 {
	seen := d.seen
	all := &integerCensus{seen: seen}
	d.seen = nil
	all.eachSeen(func(id uint64) { d.Code(id) })
	ranks := make([][]uint64, len(d.IDs))
	for owner, ids := range d.IDs {
		ranks[owner] = ranksOf(ids, 64*uint64(len(seen)))
	}
	return ranks
}

// ranksOf makes a table of the ranks of those among ascending ids that are below a bound:
// an entry for 32 ids, with a bit for each in the lower half and above it how many there
// are before.
func ranksOf(ids []uint64, bound uint64) []uint64 {
	ranks := make([]uint64, (bound+31)/32)
	for _, id := range ids {
		if id >= bound {
			break
		}
		ranks[id/32] |= 1 << (id % 32)
	}
	before := uint64(0)
	for i, x := range ranks {
		ranks[i] = before<<32 | x
		before += uint64(bits.OnesCount64(x))
	}
	return ranks
}

// Payloads of ids are u8 kind, then u64: ids, or words of a bitmap.
const (
	listedIDs = 0
	mappedIDs = 1
)

// mapped returns an owner's part of the bitmap as a payload.
func (d *integerCensus) mapped(owner int) []byte {
	if d.maps == nil {
		d.maps = make([][]byte, d.peers)
		for i := range d.maps {
			d.maps[i] = make([]byte, 1+8*len(d.seen))
			d.maps[i][0] = mappedIDs
		}
		for i, word := range d.seen {
			var words [seenPeers]uint64 // by owner
			for ; word != 0; word &= word - 1 {
				at := bits.TrailingZeros64(word)
				words[ownerOf(splitmix.Mix(uint64(64*i+at)), d.peers)%seenPeers] |= 1 << at
			}
			for owner, b := range d.maps {
				binary.LittleEndian.PutUint64(b[1+8*i:], words[owner])
			}
		}
	}
	b := d.maps[owner]
	d.maps[owner] = nil
	return b
}
