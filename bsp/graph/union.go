package graph

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
)

// bitmapShare bounds the bitmap in which ids are put in order: it has at most this many
// bits for each id (and for 1,024 more), the memory of the ids themselves.
const bitmapShare = 64

func (d *integerCensus) union(payloads [][]byte) (dictionary, [][]uint32, error) {
	total, top := 0, uint64(0)
	for _, b := range payloads {
		if len(b)%8 != 0 {
			return nil, nil, fmt.Errorf("vertex ids: %d bytes", len(b))
		}
		for i := 0; i+8 <= len(b); i += 8 {
			top = max(top, binary.LittleEndian.Uint64(b[i:]))
		}
		total += len(b) / 8
	}
	if total > maxVertices {
		return nil, nil, tooManyVertices(total)
	}
	if top < bitmapShare*uint64(total+1024) {
		ids, numbers := denseUnion(payloads, top)
		return ids, numbers, nil
	}
	ids, numbers := sparseUnion(payloads, total)
	return ids, numbers, nil
}

// denseUnion puts ids up to top in order by a bitmap.
func denseUnion(payloads [][]byte, top uint64) (*integerIDs, [][]uint32) {
	set := make([]uint64, top/64+1)
	for _, b := range payloads {
		for i := 0; i+8 <= len(b); i += 8 {
			id := binary.LittleEndian.Uint64(b[i:])
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
	numbers := make([][]uint32, len(payloads))
	for from, b := range payloads {
		numbers[from] = make([]uint32, len(b)/8)
		for i := range numbers[from] {
			id := binary.LittleEndian.Uint64(b[8*i:])
			numbers[from][i] = before[id/64] + uint32(bits.OnesCount64(set[id/64]&(1<<(id%64)-1)))
		}
	}
	return &integerIDs{ids}, numbers
}

// sparseUnion sorts so many ids.
func sparseUnion(payloads [][]byte, total int) (*integerIDs, [][]uint32) {
	all := make([]keyed, 0, total)
	flat := make([]uint32, total)
	numbers := make([][]uint32, len(payloads))
	for from, b := range payloads {
		numbers[from] = flat[len(all) : len(all)+len(b)/8]
		for i := 0; i+8 <= len(b); i += 8 {
			all = append(all, keyed{binary.LittleEndian.Uint64(b[i:]), uint32(len(all))})
		}
	}
	sortKeyed(all, make([]keyed, total))
	var ids []uint64
	for i, x := range all {
		if i == 0 || x.key != all[i-1].key {
			ids = append(ids, x.key)
		}
		flat[x.at] = uint32(len(ids) - 1)
	}
	return &integerIDs{ids}, numbers
}

// keyed is what is at a place, by its key.
type keyed struct {
	key uint64
	at  uint32
}

// sortKeyed sorts by key, equal ones in their order: byte by byte from the lowest, those
// left out that are equal in all keys. spare is as long as all.
func sortKeyed(all, spare []keyed) {
	if len(all) < 256 {
		slices.SortStableFunc(all, func(a, b keyed) int { return cmp.Compare(a.key, b.key) })
		return
	}
	or, and := uint64(0), ^uint64(0)
	for _, x := range all {
		or, and = or|x.key, and&x.key
	}
	from, to := all, spare
	for shift := 0; shift < 64; shift += 8 {
		if (or^and)>>shift&0xff == 0 {
			continue
		}
		var starts [256]int
		for _, x := range from {
			starts[x.key>>shift&0xff]++
		}
		sum := 0
		for i, n := range starts {
			starts[i], sum = sum, sum+n
		}
		for _, x := range from {
			digit := x.key >> shift & 0xff
			to[starts[digit]] = x
			starts[digit]++
		}
		from, to = to, from
	}
	if &from[0] != &all[0] {
		copy(all, from)
	}
}
