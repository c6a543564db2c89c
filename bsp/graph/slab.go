package graph

import "slices"

// Sizes of what edges are kept in, in bytes. A slab goes to an owner as it is, in one
// round; its chunks belong to different buckets.
const (
	slabBytes  = 512 << 10 // of full slabs
	slabFirst  = 4 << 10
	chunkBytes = 16 << 10 // of chunks, at most
	chunkFirst = 256
	chunkShare = 8 // a bucket's next chunk is at most one in so many of all of its bytes
)

// slabs are what one peer keeps of edges for one owner of rows.
type slabs struct {
	full [][]byte
	left []byte // what is not yet given of the last one
	size int    // of all
}

// chunk returns memory for a chunk of about so many bytes.
func (s *slabs) chunk(want int) []byte {
	if len(s.left) == 0 {
		s.left = make([]byte, min(max(s.size, slabFirst), slabBytes))
		s.full = append(s.full, s.left)
		s.size += len(s.left)
	}
	n := min(want, len(s.left))
	if len(s.left)-n < chunkFirst {
		n = len(s.left)
	}
	chunk := s.left[:n:n]
	s.left = s.left[n:]
	return chunk
}

// given returns all slabs, the last one without what was not given.
func (s *slabs) given() [][]byte {
	given := slices.Clone(s.full)
	if last := len(given) - 1; last >= 0 {
		given[last] = given[last][:len(given[last])-len(s.left)]
	}
	return given
}

// A bucket has the edges between rows of one owner and vertices of another: a chunk that
// is open, and others in the slabs of the owner of the rows.
type bucket struct {
	open []byte // up to where edges lie in it; narrow or wide as the list says
	size int    // bytes of all chunks
}

// grow makes room for an edge in bucket i.
func (l *edgeList) grow(i int) {
	b := &l.buckets[i]
	l.close(i)
	chunk := l.slabs[i>>l.shift].chunk(min(max(b.size/chunkShare, chunkFirst), chunkBytes))
	b.size += len(chunk)
	b.open = chunk[:chunkHead]
}

// close writes the head of bucket i's open chunk.
func (l *edgeList) close(i int) {
	b := &l.buckets[i]
	if b.open == nil {
		return
	}
	n := (len(b.open) - chunkHead) / formOf(l.wide, l.weights).size
	head{i & (1<<l.shift - 1), l.wide, n, cap(b.open)}.put(b.open)
	b.open = nil
}

// closeAll closes the chunks of all buckets.
func (l *edgeList) closeAll() {
	for i := range l.buckets {
		l.close(i)
	}
}
