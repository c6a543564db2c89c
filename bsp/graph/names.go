package graph

import (
	"encoding/binary"
	"errors"
	"sort"
	"strings"
)

// stringIDs is the dictionary of names: one array of bytes, no pointer a name.
type stringIDs struct {
	arena []byte
	ends  []uint64 // of name i in arena; it starts where name i-1 ends
}

func (d *stringIDs) size() int { return len(d.ends) }

func (d *stringIDs) name(i int) []byte {
	var lo uint64
	if i > 0 {
		lo = d.ends[i-1]
	}
	return d.arena[lo:d.ends[i]]
}

func (d *stringIDs) add(name []byte) {
	d.arena = append(d.arena, name...)
	d.ends = append(d.ends, uint64(len(d.arena)))
}

var errNames = errors.New("vertex ids: malformed names")

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

func (d *stringIDs) appendTo(payload []byte, i int) []byte {
	name := d.name(i)
	return append(binary.AppendUvarint(payload, uint64(len(name))), name...)
}

func (d *stringIDs) text(dst []byte, i int) []byte { return append(dst, d.name(i)...) }

func (d *stringIDs) lookup(name string) (uint32, bool) {
	i, ok := sort.Find(d.size(), func(i int) int { return strings.Compare(name, string(d.name(i))) })
	return uint32(i), ok
}

// nameCensus is the census of names.
type nameCensus struct {
	coding
	names []stringIDs // by owner, in the order of arrival
	count int         // of all owners
	table []nameSlot  // by hash; a power of two, at most half full
}

// A nameSlot of a table has the hash of a name and its code+1; 0: nothing.
type nameSlot struct {
	hash uint64
	code uint32
}

func newNameCensus(peers int) *nameCensus {
	return &nameCensus{coding: codingOf(peers), names: make([]stringIDs, peers), table: make([]nameSlot, 1024)}
}

func (d *nameCensus) size() int { return d.count }

func (d *nameCensus) bound() uint64 {
	most := 0
	for i := range d.names {
		most = max(most, d.names[i].size())
	}
	return d.coding.bound(most)
}

func (d *nameCensus) intern(dst []uint32, text []byte, list vertices) []uint32 {
	for _, s := range list.spans {
		dst = append(dst, d.find(text[s.lo:s.hi]))
	}
	return dst
}

// find returns the code of a name, a new one if need be.
func (d *nameCensus) find(name []byte) uint32 {
	if 2*d.count >= len(d.table) {
		d.rehash()
	}
	h := hash(name)
	mask := uint64(len(d.table) - 1)
	at := h & mask
	for ; d.table[at].code != 0; at = (at + 1) & mask {
		if s := d.table[at]; s.hash == h && string(d.name(s.code-1)) == string(name) {
			return s.code - 1
		}
	}
	owner := ownerOf(h, d.peers)
	d.names[owner].add(name)
	d.count++
	code := d.code(owner, uint32(d.names[owner].size()-1))
	d.table[at] = nameSlot{h, code + 1}
	return code
}

// name returns the name of a code.
func (d *nameCensus) name(code uint32) []byte {
	return d.names[d.owner(code)].name(int(d.number(code)))
}

func (d *nameCensus) rehash() {
	old := d.table
	d.table = make([]nameSlot, 4*len(old))
	mask := uint64(len(d.table) - 1)
	for _, s := range old {
		if s.code == 0 {
			continue
		}
		at := s.hash & mask
		for d.table[at].code != 0 {
			at = (at + 1) & mask
		}
		d.table[at] = s
	}
}

func (d *nameCensus) payload(owner int) (b []byte, n int) {
	names := &d.names[owner]
	b = make([]byte, 0, len(names.arena)+2*names.size())
	for i := range names.size() {
		b = names.appendTo(b, i)
	}
	return b, names.size()
}
