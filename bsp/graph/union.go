package graph

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
)

// bitmapShare bounds the bitmap in which ids are put in order: it has at most this many
// bits for each id (and for 1,024 more), the memory of the ids themselves.
const bitmapShare = 64

// told are the ids of a payload.
type told struct {
	b    []byte // u64 each
	bits bool   // b is a bitmap
}

func toldBy(payload []byte) (t told, err error) {
	if len(payload)%8 != 1 || payload[0] > mappedIDs {
		return t, fmt.Errorf("vertex ids: %d bytes", len(payload))
	}
	return told{payload[1:], payload[0] == mappedIDs}, nil
}

func (t told) len() int { return len(t.b) / 8 }

func (t told) at(i int) uint64 { return binary.LittleEndian.Uint64(t.b[8*i:]) }

// each calls f for all ids.
func (t told) each(f func(id uint64)) {
	for i := range t.len() {
		x := t.at(i)
		if !t.bits {
			f(x)
			continue
		}
		for ; x != 0; x &= x - 1 {
			f(uint64(64*i + bits.TrailingZeros64(x)))
		}
	}
}

// extent returns how many ids there are, and the largest.
func (t told) extent() (n int, top uint64) {
	for i := range t.len() {
		switch x := t.at(i); {
		case !t.bits:
			n, top = n+1, max(top, x)
		case x != 0:
			n, top = n+bits.OnesCount64(x), uint64(64*i+bits.Len64(x)-1)
		}
	}
	return n, top
}

func (d *integerCensus) union(payloads [][]byte, asRead bool) (dictionary, [][]uint32, error) {
	all := make([]told, len(payloads))
	total, top := 0, uint64(0)
	for from, b := range payloads {
		t, err := toldBy(b)
		if err != nil {
			return nil, nil, err
		}
		all[from] = t
		n, most := t.extent()
		total, top = total+n, max(top, most)
	}
	if total > maxVertices {
		return nil, nil, tooManyVertices(total)
	}
	if top < bitmapShare*uint64(total+1024) {
		ids, numbers := denseUnion(all, top)
		return ids, numbers, nil
	}
	ids, numbers := sparseUnion(all, total, asRead)
	return ids, numbers, nil
}

// denseUnion puts ids up to top in order by a bitmap.
func denseUnion(all []told, top uint64) (*integerIDs, [][]uint32) {
	set := make([]uint64, top/64+1)
	for _, t := range all {
		if t.bits {
			for i := range min(t.len(), len(set)) {
				set[i] |= t.at(i)
			}
			continue
		}
		for i := range t.len() {
			id := t.at(i)
			set[id/64] |= 1 << (id % 64)
		}
	}
	before := make([]uint32, len(set)) // ids in the words before
	n := 0
	for i, word := range set {
		before[i] = uint32(n)
		n += bits.OnesCount64(word)
	}
	ids := make([]uint64, 0, n)
	for i, word := range set {
		for ; word != 0; word &= word - 1 {
			ids = append(ids, uint64(64*i+bits.TrailingZeros64(word)))
		}
	}
	numbers := make([][]uint32, len(all))
	for from, t := range all {
		if t.bits {
			continue
		}
		numbers[from] = make([]uint32, t.len())
		for i := range numbers[from] {
			id := t.at(i)
			numbers[from][i] = before[id/64] + uint32(bits.OnesCount64(set[id/64]&(1<<(id%64)-1)))
		}
	}
	return &integerIDs{ids: ids}, numbers
}

// sparseUnion sorts so many ids. asRead: they are numbered in the order in which they come in the lists, one list after the other,
// unless one of these is a bitmap, whose peer is told of ranks.
func sparseUnion(lists []told, total int, asRead bool) (*integerIDs, [][]uint32) {
	asRead = asRead && !slices.ContainsFunc(lists, func(t told) bool { return t.bits })
	all := make([]keyed, 0, total)
	flat := make([]uint32, total)
	numbers := make([][]uint32, len(lists))
	for from, t := range lists {
		lo := len(all)
		t.each(func(id uint64) { all = append(all, keyed{id, uint32(len(all))}) })
		if !t.bits {
			numbers[from] = flat[lo:len(all)]
		}
	}
	sortKeyed(all, make([]keyed, total))
	distinct := uint32(0)
	for i, x := range all {
		if i == 0 || x.key != all[i-1].key { // equal ones are in the order of the lists
			flat[x.at] = 1
			distinct++
		}
	}
	own := &integerIDs{ids: make([]uint64, distinct)}
	if asRead {
		sumUp(flat)
		own.sorted = make([]uint32, 0, distinct)
	}
	next, number := uint32(0), uint32(0)
	for i, x := range all {
		switch first := i == 0 || x.key != all[i-1].key; {
		case first && asRead:
			number = flat[x.at]
			own.sorted = append(own.sorted, number)
		case first:
			number, next = next, next+1
		}
		own.ids[number], flat[x.at] = x.key, number
	}
	return own, numbers
}

// keyed is what is at a place, by its key.
type keyed struct {
	key uint64
	at  uint32
}

// fewKeyed is how many are sorted one by one.
const fewKeyed = 24

// sortKeyed sorts by key, equal ones in their order. It deals out by the highest bits in which keys differ, and sorts each
// part so, which is soon small enough for the caches. spare is as long as all.
func sortKeyed(all, spare []keyed) {
	if len(all) <= fewKeyed {
		insertKeyed(all)
		return
	}
	or, and := uint64(0), ^uint64(0)
	for _, x := range all {
		or, and = or|x.key, and&x.key
	}
	if or == and {
		return
	}
	digit := min(bits.Len(uint(len(all)))-2, 8) // of so many bits: few parts of few keys
	shift := max(bits.Len64(or^and)-digit, 0) & 63
	var counts [256]uint32
	ends, mask := counts[:1<<digit], uint64(1)<<digit-1
	for _, x := range all {
		ends[x.key>>shift&mask]++
	}
	sumUp(ends)
	spare = spare[:len(all)]
	for _, x := range all {
		end := &ends[x.key>>shift&mask]
		spare[*end] = x
		*end++
	}
	copy(all, spare)
	lo := uint32(0)
	for _, hi := range ends {
		if hi > lo+1 {
			sortKeyed(all[lo:hi], spare[lo:hi])
		}
		lo = hi
	}
}

// insertKeyed is sortKeyed for a few.
func insertKeyed(all []keyed) {
	for i, x := range all {
		for ; i > 0 && all[i-1].key > x.key; i-- {
			all[i] = all[i-1]
		}
		all[i] = x
	}
}
