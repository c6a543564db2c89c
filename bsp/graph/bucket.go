package graph

import "cmp"

// Buckets have the edges between a range of the rows of one owner and vertices of another
// each: a chunk that is open, and others in the slabs of the owner of the rows. Their number
// is range of rows << 2·shift | owner of the row << shift | owner of the other end.
type buckets struct {
	open  [][]byte // up to where edges lie in it; narrow or wide as the list says
	sizes []int    // bytes of all chunks
}

func newBuckets(n int) buckets { return buckets{make([][]byte, n), make([]int, n)} }

// Ranges of rows are as large that what is done row by row with the edges of one, which
// are some 16 a row, stays in the second-level cache; and larger where there would be too
// many buckets.
const (
	rangeBits   = 13 // of the rows of a range that one peer owns, about
	mostBuckets = 512
)

// reach makes buckets for rows whose keys are below a bound: those of several ranges become
// one where there would be too many. Edges of a row stay in their order.
func (l *edgeList) reach(bound uint64) {
	if bound == 0 || l.level == allRows || (bound-1)>>l.level < uint64(len(l.buckets.open)>>(2*l.shift)) {
		return
	}
	level := l.level
	for (bound-1)>>level >= uint64(max(mostBuckets>>(2*l.shift), 1)) {
		level++
	}
	l.regroup(level, int((bound-1)>>level)+1)
}

// regroup changes to so many ranges of a level that is not below the one before.
func (l *edgeList) regroup(level uint8, ranges int) {
	if level != l.level {
		l.closeAll()
	}
	grown, owners := newBuckets(ranges<<(2*l.shift)), 1<<(2*l.shift)-1
	for i, open := range l.buckets.open {
		to := i>>(2*l.shift)>>(level-l.level)<<(2*l.shift) | i&owners
		grown.open[to] = open
		grown.sizes[to] += l.buckets.sizes[i]
	}
	l.buckets, l.level = grown, level
}

// grow makes room for an edge in bucket i.
func (l *edgeList) grow(i int) {
	b := &l.buckets
	l.close(i)
	chunk, err := l.slabs[i>>l.shift&(1<<l.shift-1)].chunk(min(max(b.sizes[i]/chunkShare, chunkFirst), chunkBytes))
	l.err = cmp.Or(l.err, err)
	b.sizes[i] += len(chunk)
	b.open[i] = chunk[:chunkHead]
}

// close writes the head of bucket i's open chunk.
func (l *edgeList) close(i int) {
	open := l.buckets.open[i]
	if open == nil {
		return
	}
	rows := rowRange{uint16(i >> (2 * l.shift)), l.level}
	n := (len(open) - chunkHead) / formOf(l.wide, rows, l.weights).size
	head{i & (1<<l.shift - 1), l.wide, n, cap(open), rows, l.byID, rows.base()}.put(open)
	l.buckets.open[i] = nil
}

// closeAll closes the chunks of all buckets.
func (l *edgeList) closeAll() {
	for i := range l.buckets.open {
		l.close(i)
	}
}
