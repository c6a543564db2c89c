package graph

import (
	"encoding/binary"
	"errors"
	"sort"
	"strings"

	"scalar/internal/splitmix"
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
	h := uint64(len(b)) * splitmix.Gamma
	for ; len(b) >= 8; b = b[8:] {
		h = splitmix.Mix(h ^ binary.LittleEndian.Uint64(b))
	}
	var last [8]byte
	copy(last[:], b)
	return splitmix.Mix(h ^ binary.LittleEndian.Uint64(last[:]))
}

func (d *stringIDs) inOrder(k int) int { return k }

func (d *stringIDs) appendTo(payload []byte, i int) []byte {
	name := d.name(i)
	return append(binary.AppendUvarint(payload, uint64(len(name))), name...)
}

func (d *stringIDs) text(dst []byte, i int) []byte { return append(dst, d.name(i)...) }

func (d *stringIDs) lookup(name string) (uint32, bool) {
	i, ok := sort.Find(d.size(), func(i int) int { return strings.Compare(name, string(d.name(i))) })
	return uint32(i), ok
}
