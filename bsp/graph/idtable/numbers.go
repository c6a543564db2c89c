package idtable

import (
	"math/bits"

	"scalar/internal/splitmix"
)

// DirectShare bounds the array indexed by id: it has at most this many entries of
// four bytes for each distinct id (and for directMore more).
const (
	DirectShare = 8
	directMore  = 1024
)

// Numbers gives ids numbers, those of each owner apart, in the order in which they come. The
// code of an id is its number with its owner in the lowest bits. Ids that are not much larger
// than their number lie in an array, one access away; the others in a Table. An id moves to
// the array when it has grown over it.
//
// Who owns an id is the upper half of splitmix.Mix of it, times the owners, by 2^32.
type Numbers struct {
	IDs    [][]uint64 // by owner and number
	shift  uint64     // bits of an owner
	count  int        // of all owners
	direct []uint32   // code+1 by id; 0: none
	table  Table      // of ids that were beyond the array when they came
}

// NewNumbers returns Numbers of so many owners.
func NewNumbers(owners int) *Numbers {
	return &Numbers{IDs: make([][]uint64, owners), shift: uint64(bits.Len(uint(owners - 1)))}
}

// Len returns the number of distinct ids.
func (n *Numbers) Len() int { return n.count }

// Intern puts the codes of ids into codes, which is as long, and gives codes to those that
// have none. It costs a look into memory for each that differs from the one two places before,
// of which many are under way at once.
func (n *Numbers) Intern(codes []uint32, ids []uint64) {
	codes = codes[:len(ids)]
	if !hasFast {
		n.plain(codes, ids)
		return
	}
	for i := 0; i < len(ids); i++ {
		if len(n.table.lines) == 0 {
			n.table.grow()
		}
		if even := len(ids) &^ 1; i < even {
			i = intern(codes[:even], ids, n, i, uint64(n.table.shift()))
		}
		if i < len(ids) { // no room for it, or the last one
			codes[i] = n.Code(ids[i])
		}
	}
}

// plain is Intern without assembly.
func (n *Numbers) plain(codes []uint32, ids []uint64) {
	for len(ids) > 0 {
		k := min(plainBatch, len(ids))
		n.glance(codes[:k], ids[:k])
		for i, code := range codes[:k] { // while what was looked at is in the cache
			if code == Unknown {
				codes[i] = n.Code(ids[i])
			}
		}
		codes, ids = codes[k:], ids[k:]
	}
}

// glance finds the codes of ids that have one, and Unknown for others.
func (n *Numbers) glance(codes []uint32, ids []uint64) {
	n.table.glance(codes, ids)
	direct := n.direct
	if len(direct) == 0 {
		return
	}
	for i, id := range ids { // nothing but looks into memory, so that many are under way at once
		if id < uint64(len(direct)) {
			codes[i] = direct[id] - 1
		}
	}
}

// Code returns the code of id, a new one if need be.
func (n *Numbers) Code(id uint64) uint32 {
	if id >= uint64(len(n.direct)) {
		if id >= DirectShare*uint64(n.count+directMore) {
			return n.hashed(id)
		}
		n.extend(id)
	}
	if n.direct[id] == 0 {
		n.direct[id] = n.add(id) + 1
	}
	return n.direct[id] - 1
}

// hashed is Code of an id that is to lie in the table.
func (n *Numbers) hashed(id uint64) uint32 {
	code := n.table.Code(id)
	if code == Unknown {
		code = n.add(id)
		n.table.Put(id, code)
	}
	return code
}

// add returns the new id's code.
func (n *Numbers) add(id uint64) uint32 {
	owner := splitmix.Mix(id) >> 32 * uint64(len(n.IDs)) >> 32
	number := len(n.IDs[owner])
	n.IDs[owner] = append(n.IDs[owner], id)
	n.count++
	return uint32(number)<<n.shift | uint32(owner)
}

// extend makes the array long enough for id and moves ids into it.
func (n *Numbers) extend(id uint64) {
	before := uint64(len(n.direct))
	grown := make([]uint32, max(DirectShare*directMore, 1<<bits.Len64(id)))
	copy(grown, n.direct)
	n.direct = grown
	if n.table.Len() == 0 {
		return
	}
	for owner, ids := range n.IDs {
		for i, id := range ids {
			if id >= before && id < uint64(len(grown)) {
				grown[id] = uint32(i)<<n.shift | uint32(owner) + 1
			}
		}
	}
}
