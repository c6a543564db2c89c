package algo

import (
	"context"
	"encoding/binary"

	"scalar/bsp"
	"scalar/internal/bitset"
)

// meet joins own sets over those of other peers. A vertex that two peers have edges of is
// in a set of each: its owner's, and the other's. Both tell the roots of all of those, the
// owner's vertices first.
func (c *components) meet(ctx context.Context, p *bsp.Peer[uint64]) error {
	out := make([][]byte, p.N())
	place := c.part.Len()
	own := bitset.New(c.part.Len())
	for q := range out {
		watches, watched := c.part.Watches(q), c.part.Watched(q)
		b := make([]byte, 0, 4*(len(watches)+len(watched)))
		tell := func(root uint32) {
			b = binary.LittleEndian.AppendUint32(b, root)
			own.Add(root)
		}
		for _, root := range c.sets[place : place+len(watches)] {
			tell(root)
		}
		for _, v := range watched {
			tell(c.sets[v])
		}
		place += len(watches)
		out[q] = b
		c.shown = append(c.shown, own.Drain())
	}
	told, err := bsp.HandOver(ctx, p, out)
	if err != nil {
		return err
	}
	place = c.part.Len()
	for q, b := range told {
		if err := c.meetPeer(q, place, b); err != nil {
			return err
		}
		place += len(c.part.Watches(q))
	}
	c.compress()
	return nil
}

// meetPeer takes the roots that peer q told, whose vertices have places from first on.
func (c *components) meetPeer(q, first int, told []byte) error {
	watches, watched := c.part.Watches(q), c.part.Watched(q)
	count := c.part.Counts()[q]
	if len(told) != 4*(len(watches)+len(watched)) {
		return errTalk
	}
	if len(told) == 0 {
		c.roots, c.base = append(c.roots, nil), append(c.base, uint32(len(c.sets)))
		return nil
	}
	theirs := bitset.New(int(count))
	for b := told; len(b) >= 4; b = b[4:] {
		root := binary.LittleEndian.Uint32(b)
		if root >= count {
			return errTalk
		}
		theirs.Add(root)
	}
	roots := theirs.Drain()
	base := uint32(len(c.sets))
	number := make([]uint32, count)
	for i, root := range roots {
		number[root] = base + uint32(i)
		c.sets = append(c.sets, number[root])
	}
	c.roots, c.base = append(c.roots, roots), append(c.base, base)
	for i, v := range watched {
		c.link(v, number[binary.LittleEndian.Uint32(told[4*i:])])
	}
	told = told[4*len(watched):]
	for i := range watches {
		c.link(uint32(first+i), number[binary.LittleEndian.Uint32(told[4*i:])])
	}
	return nil
}
