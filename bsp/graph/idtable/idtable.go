// Package idtable gives whole numbers codes and finds them, most of them known, as fast as memory
// answers: what loading a graph spends most on if its ids are large.
//
// Ids lie with their codes in lines of a cache, and nearly every look is at one line. On an
// amd64 with AVX2 it is assembly, which asks memory for lines long before it looks at them, and
// compares the ids of a line at once. Elsewhere it is plain Go, with the same results.
package idtable

import (
	"math"
	"math/bits"

	"scalar/bsp/arena"
	"scalar/internal/splitmix"
)

// Unknown is the code of an id that has none.
const Unknown = math.MaxUint32

// A Table has codes of ids. The zero Table is empty. It must not be used by several goroutines.
type Table struct {
	lines []line // none, or a power of two; where an id lies at the earliest is its home
	count int

	touched uint32 // what glance read ahead
}

// A line has ids from the front. A full one may have others in those that follow it.
type line struct {
	ids   [lineIDs]uint64
	codes [lineIDs + 1]uint32 // code+1; 0: nothing, as the last one always is
}

const (
	lineIDs    = 5
	leastLines = 256
)

// Len returns the number of ids.
func (t *Table) Len() int { return t.count }

// plainBatch is how many lines are touched before any is looked at: as many stay in the
// first-level cache.
const plainBatch = 256

// glance puts the codes of ids into codes, which is as long, and Unknown for those that have none.
func (t *Table) glance(codes []uint32, ids []uint64) {
	if len(t.lines) == 0 {
		for i := range codes {
			codes[i] = Unknown
		}
		return
	}
	sum := uint32(0)
	for i, id := range ids {
		codes[i] = uint32(home(id, t.shift()))
	}
	for _, at := range codes { // nothing but looks into memory
		sum += t.lines[at].codes[0]
	}
	t.touched = sum
	for i, id := range ids {
		codes[i] = t.look(uint64(codes[i]), id)
	}
}

// Code returns the code of an id.
func (t *Table) Code(id uint64) uint32 {
	if len(t.lines) == 0 {
		return Unknown
	}
	return t.look(home(id, t.shift()), id)
}

// Put gives a code below Unknown to an id that has none.
func (t *Table) Put(id uint64, code uint32) {
	if t.count >= t.room() {
		t.grow()
	}
	t.put(id, code+1)
	t.count++
}

// room returns how many ids there are before the table grows: at seven tenths few lines have more than their ids.
func (t *Table) room() int { return 7 * len(t.lines) / 2 }

// home returns where an id lies at the earliest among 2^(64-shift) lines.
// The assembly has the factor too.
func home(id uint64, shift uint) uint64 { return (id ^ id>>32) * splitmix.Gamma >> (shift & 63) }

// shift returns what home takes.
func (t *Table) shift() uint { return uint(bits.LeadingZeros64(uint64(len(t.lines) - 1))) }

// look returns the code of an id whose home is at.
func (t *Table) look(at, id uint64) uint32 {
	for mask := uint64(len(t.lines) - 1); ; at++ {
		l := &t.lines[at&mask]
		for i := range l.ids {
			if l.ids[i] == id || l.codes[i] == 0 {
				return l.codes[i] - 1
			}
		}
	}
}

// put puts an id that is not there and its code+1 into the first free place.
func (t *Table) put(id uint64, code uint32) {
	for at, mask := home(id, t.shift()), uint64(len(t.lines)-1); ; at++ {
		l := &t.lines[at&mask]
		if l.codes[lineIDs-1] != 0 {
			continue
		}
		free := uint64(0) // counted, as the processor foresees it seldom
		for _, code := range l.codes[:lineIDs-1] {
			free += (uint64(code) + math.MaxUint32) >> 32
		}
		l.ids[free], l.codes[free] = id, code
		return
	}
}

// grow doubles the table.
func (t *Table) grow() {
	old := t.lines
	t.lines = make([]line, max(leastLines, 2*len(old)))
	arena.LargePages(t.lines)
	arena.Touch(t.lines)
	for i := range old {
		for k, code := range old[i].codes {
			if code != 0 {
				t.put(old[i].ids[k], code)
			}
		}
	}
}
