package graph

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"sort"
	"strings"
)

// stringIDs is the dictionary of names: one array of bytes, no pointer a name.
type stringIDs struct {
	arena  []byte
	ends   []uint64 // of name i in arena; it starts where name i-1 ends
	hashes []uint64 // by number
	table  []uint32 // number+1 by hash; a power of two, at most half full
}

func (d *stringIDs) size() int { return len(d.ends) }

func (d *stringIDs) name(i int) []byte {
	var lo uint64
	if i > 0 {
		lo = d.ends[i-1]
	}
	return d.arena[lo:d.ends[i]]
}

func (d *stringIDs) intern(dst []uint32, text []byte, list vertices) []uint32 {
	dst = slices.Grow(dst, len(list.spans))
	for _, s := range list.spans {
		dst = append(dst, d.number(text[s.lo:s.hi]))
	}
	return dst
}

var errNames = errors.New("vertex ids: malformed names")

func (d *stringIDs) merge(dst []uint32, payload []byte) ([]uint32, error) {
	for len(payload) > 0 {
		size, n := binary.Uvarint(payload)
		if n <= 0 || size > MaxString || size > uint64(len(payload)-n) {
			return nil, errNames
		}
		dst = append(dst, d.number(payload[n:n+int(size)]))
		payload = payload[n+int(size):]
	}
	return dst, nil
}

func (d *stringIDs) number(name []byte) uint32 {
	if 2*len(d.ends) >= len(d.table) {
		d.rehash(max(1024, 2*len(d.table)))
	}
	h := hash(name)
	mask := uint64(len(d.table) - 1)
	at := h & mask
	for ; d.table[at] != 0; at = (at + 1) & mask {
		if x := d.table[at] - 1; d.hashes[x] == h && bytes.Equal(d.name(int(x)), name) {
			return x
		}
	}
	d.arena = append(d.arena, name...)
	d.ends = append(d.ends, uint64(len(d.arena)))
	d.hashes = append(d.hashes, h)
	d.table[at] = uint32(len(d.ends))
	return d.table[at] - 1
}

func (d *stringIDs) rehash(size int) {
	d.table = make([]uint32, size)
	mask := uint64(size - 1)
	for i, h := range d.hashes {
		at := h & mask
		for d.table[at] != 0 {
			at = (at + 1) & mask
		}
		d.table[at] = uint32(i + 1)
	}
}

// hash is the same in every process: it decides who owns a name.
func hash(b []byte) uint64 {
	h := uint64(len(b)) * 0x9e3779b97f4a7c15
	for ; len(b) >= 8; b = b[8:] {
		h = mix(h ^ binary.LittleEndian.Uint64(b))
	}
	var last [8]byte
	copy(last[:], b)
	return mix(h ^ binary.LittleEndian.Uint64(last[:]))
}

func (d *stringIDs) owners(peers int) []uint32 {
	owners := make([]uint32, len(d.hashes))
	for i, h := range d.hashes {
		owners[i] = ownerOf(h, peers)
	}
	return owners
}

func (d *stringIDs) appendTo(payload []byte, i int) []byte {
	name := d.name(i)
	return append(binary.AppendUvarint(payload, uint64(len(name))), name...)
}

func (d *stringIDs) sort() []uint32 {
	order := make([]uint32, d.size())
	for i := range order {
		order[i] = uint32(i)
	}
	slices.SortFunc(order, func(a, b uint32) int { return bytes.Compare(d.name(int(a)), d.name(int(b))) })
	rank := make([]uint32, len(order))
	sorted := stringIDs{arena: make([]byte, 0, len(d.arena)), ends: make([]uint64, 0, len(order))}
	for i, x := range order {
		rank[x] = uint32(i)
		sorted.arena = append(sorted.arena, d.name(int(x))...)
		sorted.ends = append(sorted.ends, uint64(len(sorted.arena)))
	}
	*d = sorted
	return rank
}

func (d *stringIDs) text(dst []byte, i int) []byte { return append(dst, d.name(i)...) }

func (d *stringIDs) lookup(name string) (uint32, bool) {
	i, ok := sort.Find(d.size(), func(i int) int { return strings.Compare(name, string(d.name(i))) })
	return uint32(i), ok
}
