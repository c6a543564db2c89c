package graph

import (
	"slices"

	"scalar/bsp/arena"
)

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
	arena *arena.Arena
	spare [][]byte // to be used next
	full  [][]byte
	left  []byte // what is not yet given of the last one
	size  int    // of all
}

// newSlabs returns those of each of so many owners.
func newSlabs(owners int, a *arena.Arena) []slabs {
	all := make([]slabs, owners)
	for i := range all {
		all[i].arena = a
	}
	return all
}

// chunk returns memory for a chunk of about so many bytes. Where the arena has none it is
// the heap's all the same.
func (s *slabs) chunk(want int) (chunk []byte, err error) {
	if len(s.left) == 0 {
		err = s.next()
		s.full = append(s.full, s.left)
		s.size += len(s.left)
	}
	n := min(want, len(s.left))
	if len(s.left)-n < chunkFirst {
		n = len(s.left)
	}
	chunk = s.left[:n:n]
	s.left = s.left[n:]
	return chunk, err
}

// next makes room for chunks.
func (s *slabs) next() (err error) {
	if last := len(s.spare) - 1; last >= 0 {
		s.left, s.spare = s.spare[last], s.spare[:last]
		return nil
	}
	n := min(max(s.size, slabFirst), slabBytes)
	if s.left, err = arena.Make[uint8](s.arena, n); err != nil {
		s.left = make([]byte, n)
	}
	if n == slabBytes && !arena.Mapped(s.arena, s.left) { // chunks are written here and there
		arena.LargePagesAround(s.left)
	}
	return err
}

// given returns all slabs, the last one without what was not given.
func (s *slabs) given() [][]byte {
	given := slices.Clone(s.full)
	if last := len(given) - 1; last >= 0 {
		given[last] = given[last][:len(given[last])-len(s.left)]
	}
	return given
}

// free gives the memory of all slabs back to the arena.
func (s *slabs) free() {
	for _, slab := range s.full {
		s.arena.Free(slab)
	}
	for _, slab := range s.spare {
		s.arena.Free(slab)
	}
	*s = slabs{arena: s.arena}
}
