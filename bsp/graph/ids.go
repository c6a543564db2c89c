package graph

import (
	"cmp"
	"encoding/binary"
	"math"
	"slices"
	"strconv"

	"scalar/bsp/graph/idtable"
	"scalar/bsp/scan"
)

// A dictionary has distinct ids by number.
type dictionary interface {
	// inOrder returns the number of the k-th of the ids in their order.
	inOrder(k int) int
	// appendTo adds id i to a payload.
	appendTo(payload []byte, i int) []byte
	// size returns the number of ids.
	size() int
	// lookup returns the number of the id that people write as name.
	lookup(name string) (uint32, bool)
	// text appends id i as people write it.
	text(dst []byte, i int) []byte
}

// ownerOf returns which of n peers a hash belongs to.
func ownerOf(hash uint64, n int) uint32 { return uint32(hash >> 32 * uint64(n) >> 32) }

// integerIDs is the dictionary of whole numbers.
type integerIDs struct {
	ids    []uint64
	sorted []uint32      // numbers in the order of ids; nil: 0, 1, 2 and so on
	table  idtable.Table // of all ids, once many were sought that are not sorted
	sought int
}

// manySought are one in so many of the ids: a table of 32 bytes an id is worth it then.
const manySought = 16

func (d *integerIDs) size() int { return len(d.ids) }

func (d *integerIDs) inOrder(k int) int {
	if d.sorted == nil {
		return k
	}
	return int(d.sorted[k])
}

func (d *integerIDs) appendTo(payload []byte, i int) []byte {
	return binary.LittleEndian.AppendUint64(payload, d.ids[i])
}

func (d *integerIDs) text(dst []byte, i int) []byte { return strconv.AppendUint(dst, d.ids[i], 10) }

func (d *integerIDs) lookup(name string) (uint32, bool) {
	id, end, ok := scan.Number([]byte(name), 0)
	if !ok || end != len(name) {
		return 0, false
	}
	return d.find(id)
}

// find returns the number of an id.
func (d *integerIDs) find(id uint64) (uint32, bool) {
	if d.sorted == nil {
		i, ok := slices.BinarySearch(d.ids, id)
		return uint32(i), ok
	}
	if d.sought++; d.sought == len(d.ids)/manySought+1 {
		for number, id := range d.ids {
			d.table.Put(id, uint32(number))
		}
	}
	if d.table.Len() > 0 {
		number := d.table.Code(id)
		return number, number != idtable.Unknown
	}
	k, ok := slices.BinarySearchFunc(d.sorted, id, func(number uint32, id uint64) int { return cmp.Compare(d.ids[number], id) })
	if !ok {
		return 0, false
	}
	return d.sorted[k], true
}

// maxVertices bounds the vertices of a peer: their numbers and number+1 are uint32.
const maxVertices = math.MaxUint32 - 1
