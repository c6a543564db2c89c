package algo

import (
	"maps"
	"slices"

	"scalar/bsp/graph"
	"scalar/internal/bitset"
)

// hookFrom is the superstep from which on ids no longer go from set to set alone: in most
// graphs they have arrived by then.
const hookFrom = 4

// hook gives own sets the smallest id that theirs leads to. An id that a set had is that of
// a vertex of its component, and so are all that sets with the same id have heard of since:
// it leads to the least of these.
func (c *components) hook(t talk, before ids) error {
	roots := c.met()
	had, heard := make([]uint64, len(roots)), make([]uint64, len(roots))
	for i, r := range roots {
		had[i], heard[i] = before[r], c.least[r]
	}
	_, leads, err := t.agree(had, heard, least)
	if err != nil {
		return err
	}
	from := slices.Sorted(maps.Keys(leads))
	to := make([]uint64, len(from))
	for i, id := range from {
		to[i] = leads[id]
	}
	for more := true; more; {
		if more, err = t.jump(from, to); err != nil {
			return err
		}
	}
	far, err := t.follow(from, to, had)
	for i, r := range roots {
		if err == nil {
			c.least[r] = min(c.least[r], far[i])
		}
	}
	return err
}

// met returns the roots of own sets that meet other peers'.
func (c *components) met() []uint32 {
	roots := bitset.New(c.part.Len())
	for _, list := range c.shown {
		for _, r := range list {
			roots.Add(c.sets[r])
		}
	}
	return roots.Drain()
}

func least(a, b uint64) uint64 { return min(a, b) }

// follow returns where ids lead to, of which this peer owns those of from; NoID where
// nobody knows.
func (t talk) follow(from, to, ids []uint64) ([]uint64, error) {
	values := append(slices.Clone(to), make([]uint64, len(ids))...)
	for i := range ids {
		values[len(to)+i] = graph.NoID
	}
	agreed, _, err := t.agree(append(slices.Clone(from), ids...), values, least)
	if err != nil {
		return nil, err
	}
	return agreed[len(from):], nil
}

// jump makes every id of from lead twice as far, and reports whether that changed anything
// on any peer.
func (t talk) jump(from, to []uint64) (more bool, err error) {
	far, err := t.follow(from, to, to)
	if err != nil {
		return false, err
	}
	moved := uint64(0)
	for i, id := range far {
		if id < to[i] {
			to[i] = id
			moved = 1
		}
	}
	all, err := t.tell(moved, 0)
	for _, said := range all {
		more = more || said[0] != 0
	}
	return more, err
}
