package algo

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"scalar/bsp"
	"scalar/bsp/graph"
)

// Components returns the bsp program that gives every vertex the smallest id in its weak
// component: edges count both ways, and each is kept once. Every peer joins what its own
// edges connect, the large set first (as Afforest: Sutton, Ben-Nun and Barak, IPDPS 2018). Any two
// peers tell each other in which set each has their common vertices, and join their sets
// over those of the other. Then the peers tell each other of smaller ids until there is no
// news; with two peers that is once. Where it takes long, ids lead to smaller ids and a set
// goes all of that way at once (hooking and jumping: Shiloach and Vishkin, J. Algorithms
// 1982).
func Components(in graph.Input) bsp.Program[uint64] {
	in.Undirected, in.Order, in.AsRead = false, true, true
	return func(ctx context.Context, p *bsp.Peer[uint64]) error {
		part, err := graph.LoadOut(ctx, p, in)
		if err != nil {
			return err
		}
		c := newComponents(part)
		c.join()
		if p.N() > 1 {
			if err := c.meet(ctx, p); err != nil {
				return err
			}
		}
		c.lower()
		if p.N() > 1 {
			if err := c.agree(ctx, p); err != nil {
				return err
			}
		}
		values := make([]uint64, part.Len())
		for v := range values {
			values[v] = c.least[c.sets[v]]
		}
		return graph.Write(ctx, p, part, values, func(dst []byte, v int, name func([]byte, uint64) []byte) []byte {
			return name(dst, values[v])
		})
	}
}

// components are what one peer knows to be connected: of the places of its part, and
// behind them of sets of other peers.
type components struct {
	part         *graph.Part
	starts, ends []uint32
	sets         []uint32 // the root of its set, which is its smallest number: an own vertex, but while sets are made
	least        ids      // by root: the smallest id known

	roots [][]uint32 // by peer: those of its sets that meet own ones, ascending
	base  []uint32   // by peer: the number of the first of them in sets
	shown [][]uint32 // by peer: roots of own sets that meet its ones, ascending
}

// ids is the state of a checkpoint: all else is made again.
type ids []uint64

// AppendBinary encodes the ids, 8 bytes each.
func (s *ids) AppendBinary(b []byte) ([]byte, error) {
	for _, id := range *s {
		b = binary.LittleEndian.AppendUint64(b, id)
	}
	return b, nil
}

// UnmarshalBinary restores as many ids as there are.
func (s *ids) UnmarshalBinary(b []byte) error {
	if len(b) != 8*len(*s) {
		return fmt.Errorf("state of components: %d bytes for %d vertices: did the input change?", len(b), len(*s))
	}
	for i := range *s {
		(*s)[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
	return nil
}

func newComponents(part *graph.Part) *components {
	c := &components{part: part, sets: make([]uint32, part.Places())}
	c.starts, c.ends, _ = part.Rows()
	for i := range c.sets {
		c.sets[i] = uint32(i)
	}
	c.least = append(ids{}, part.IDs()...)
	return c
}

// lower tells every root of the smallest id in its set, which is its own where vertices are in the order of ids.
func (c *components) lower() {
	if slices.IsSorted(c.least) {
		return
	}
	for v, id := range c.part.IDs() {
		root := c.sets[v]
		c.least[root] = min(c.least[root], id)
	}
}

// agree finds the smallest id of every set, in supersteps.
func (c *components) agree(ctx context.Context, p *bsp.Peer[uint64]) error {
	m := bsp.NewMirror[uint64, uint64](p, c.part.Len(), c.roots, c.shown)
	resumed, err := p.State(&c.least)
	if err != nil {
		return err
	}
	if resumed {
		c.publish(m.Next())
		if err := m.Refresh(ctx); err != nil {
			return err
		}
	}
	t := talk{p.N(), p.Index(), func(out [][]byte) ([][]byte, error) { return bsp.HandOver(ctx, p, out) }}
	for {
		news := uint64(1) // superstep 0: nobody knows
		if p.Superstep() > 0 {
			if over, err := noNews(p.Values()); over || err != nil {
				return err
			}
			before := append(ids{}, c.least...)
			news = c.take(m, before)
			if p.Superstep() >= hookFrom {
				if err := c.hook(t, before); err != nil {
					return err
				}
			}
		}
		p.Active(int64(c.part.Len()))
		c.publish(m.Next())
		p.SetValues(binary.LittleEndian.AppendUint64(nil, news))
		sent := 0
		for _, list := range c.shown {
			sent += len(list)
		}
		if err := m.Exchange(ctx, int64(sent), nil); err != nil {
			return err
		}
	}
}

func noNews(by [][]byte) (bool, error) {
	news := uint64(0)
	for _, b := range by {
		if len(b) != 8 {
			return false, errTalk
		}
		news |= binary.LittleEndian.Uint64(b)
	}
	return news == 0, nil
}

// publish writes what the other peers are to know of own sets.
func (c *components) publish(next []uint64) {
	for _, list := range c.shown {
		for _, r := range list {
			next[r] = c.least[c.sets[r]]
		}
	}
}

// take takes what the other peers know of their sets, and returns for how many of these
// that brings something that they do not hear from this peer at the same time. before are
// the smallest ids that were known.
func (c *components) take(m *bsp.Mirror[uint64, uint64], before ids) (news uint64) {
	all := m.All()
	heard := func(do func(root uint32, id uint64)) {
		for q, list := range c.roots {
			of := c.sets[c.base[q]:][:len(list)]
			for i, id := range all[m.Base(q):m.Base(q+1)] {
				do(of[i], id)
			}
		}
	}
	heard(func(root uint32, id uint64) { c.least[root] = min(c.least[root], id) })
	heard(func(root uint32, id uint64) {
		if c.least[root] < min(id, before[root]) {
			news++
		}
	})
	return news
}
