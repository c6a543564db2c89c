package graph

import (
	"encoding/binary"
	"slices"

	"scalar/bsp/arena"
	"scalar/internal/splitmix"
)

// nameCensus is the census of names.
type nameCensus struct {
	coding
	names []stringIDs // by owner, in the order of arrival
	count int         // of all owners
	table []nameLine  // by hash of the key; a power of two

	touched uint32 // what touch read
}

// A nameKey is a name of up to 15 bytes with its length behind them, so that one look
// into memory tells that it is known; of a longer one it is the hash.
type nameKey struct{ lo, hi uint64 }

// longName is the high part of the keys of names over 15 bytes.
const longName = 0xff << 56

// A nameLine of a table is a line of a cache. It has keys of names and their codes+1 from the front; 0: nothing, as the last one always is. A full
// one may have others in those that follow it.
type nameLine struct {
	keys  [lineNames]nameKey
	codes [lineNames + 1]uint32
}

const (
	lineNames  = 3
	leastLines = 256
)

// place returns where a key is, the first of several, and lineNames if it is not there. No branch tells where, which follows no order.
func (l *nameLine) place(k nameKey) uint64 {
	first := l.keys[0].differs(k)
	second := first & l.keys[1].differs(k)
	return first + second + second&l.keys[2].differs(k)
}

// differs returns 1 where keys do, and else 0.
func (k nameKey) differs(from nameKey) uint64 {
	x := (k.lo ^ from.lo) | (k.hi ^ from.hi)
	return (x | -x) >> 63
}

// full reports whether others may be in the lines that follow.
func (l *nameLine) full() bool { return l.codes[lineNames-1] != 0 }

// put puts a key and its code+1 into the first free place of a line that is not full.
func (l *nameLine) put(k nameKey, code uint32) {
	i := 0
	for l.codes[i] != 0 {
		i++
	}
	l.keys[i], l.codes[i] = k, code
}

// keyOf returns the key of a name that lies in a text.
func keyOf(text []byte, s span) nameKey {
	n := uint(s.hi - s.lo)
	if n > 15 {
		return nameKey{hash(text[s.lo:s.hi]), longName}
	}
	var whole [16]byte
	b := text[s.lo:]
	if len(b) < 16 {
		copy(whole[:], b)
		b = whole[:]
	}
	return nameKey{
		binary.LittleEndian.Uint64(b) & (1<<(8*n) - 1), // shifts of 64 and more leave nothing
		binary.LittleEndian.Uint64(b[8:])&(^uint64(0)>>(128-8*n)) | uint64(n)<<56,
	}
}

// hash spreads keys over a table.
func (k nameKey) hash() uint64 { return splitmix.Mix(k.lo ^ k.hi*splitmix.Gamma) }

func newNameCensus(peers int) *nameCensus {
	return &nameCensus{coding: codingOf(peers), names: make([]stringIDs, peers), table: make([]nameLine, leastLines)}
}

func (d *nameCensus) size() int { return d.count }

func (d *nameCensus) bound() uint64 {
	most := 0
	for i := range d.names {
		most = max(most, d.names[i].size())
	}
	return d.coding.bound(most)
}

// glanceBatch is how many names are looked for before new ones among them get codes: what was
// looked at is in the cache then.
const glanceBatch = 256

func (d *nameCensus) intern(dst []uint32, text []byte, list vertices) []uint32 {
	dst = slices.Grow(dst, len(list.spans))
	var batch [glanceBatch]nameKnown
	for spans := list.spans; len(spans) > 0; {
		n := min(glanceBatch, len(spans))
		d.touch(batch[:n], text, spans)
		for i, k := range batch[:n] {
			if i >= 2 && k.nameKey == batch[i-2].nameKey && k.hi != longName { // lines are often sorted by source
				dst = append(dst, dst[len(dst)-2])
				continue
			}
			dst = append(dst, d.find(text, spans[i], k))
		}
		spans = spans[n:]
	}
	return dst
}

// A nameKnown is the key of a name and its hash.
type nameKnown struct {
	nameKey
	spread uint64
}

func known(text []byte, s span) nameKnown {
	k := keyOf(text, s)
	return nameKnown{k, k.hash()}
}

// touch computes the keys of names and brings the slots where they lie at the earliest into
// the cache: in a loop of nothing else, many are under way at once.
func (d *nameCensus) touch(keys []nameKnown, text []byte, spans []span) {
	for i := range keys {
		keys[i] = known(text, spans[i])
	}
	table, mask, sum := d.table, uint64(len(d.table)-1), uint32(0)
	for i := range keys {
		sum += table[keys[i].spread&mask].codes[0]
	}
	d.touched = sum
}

// find returns the code of a name, a new one if need be.
func (d *nameCensus) find(text []byte, s span, k nameKnown) uint32 {
	at, mask := k.spread, uint64(len(d.table)-1)
	l := &d.table[at&mask]
	for {
		if code := l.codes[l.place(k.nameKey)]; code != 0 {
			if k.hi != longName {
				return code - 1
			}
			if code, ok := d.findLong(l, text[s.lo:s.hi], k.nameKey); ok {
				return code
			}
		}
		if !l.full() {
			break
		}
		at++
		l = &d.table[at&mask]
	}
	name := text[s.lo:s.hi]
	owner := ownerOf(hash(name), d.peers)
	d.names[owner].add(name)
	d.count++
	code := d.code(owner, uint32(d.names[owner].size()-1))
	l.put(k.nameKey, code+1)
	if 10*d.count >= 7*lineNames*len(d.table) { // at seven tenths few lines have more than their names
		d.rehash()
	}
	return code
}

// findLong returns the code of a long name, of those in a line with its key.
func (d *nameCensus) findLong(l *nameLine, name []byte, k nameKey) (uint32, bool) {
	for i, code := range l.codes[:lineNames] {
		if code != 0 && l.keys[i] == k && string(d.name(code-1)) == string(name) {
			return code - 1, true
		}
	}
	return 0, false
}

// name returns the name of a code.
func (d *nameCensus) name(code uint32) []byte {
	return d.names[d.owner(code)].name(int(d.number(code)))
}

func (d *nameCensus) rehash() {
	old := d.table
	d.table = make([]nameLine, 2*len(old))
	arena.LargePages(d.table)
	mask := uint64(len(d.table) - 1)
	for i := range old {
		for j, code := range old[i].codes[:lineNames] {
			if code == 0 {
				break
			}
			at := old[i].keys[j].hash() & mask
			for d.table[at].full() {
				at = (at + 1) & mask
			}
			d.table[at].put(old[i].keys[j], code)
		}
	}
}

func (d *nameCensus) payload(owner int) (b []byte, answer int) {
	names := &d.names[owner]
	b = make([]byte, 0, len(names.arena)+2*names.size())
	for i := range names.size() {
		b = names.appendTo(b, i)
	}
	return b, 4 * names.size()
}
