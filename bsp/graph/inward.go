package graph

import (
	"slices"

	"scalar/internal/bitset"
	"scalar/superstep"
)

// inward is a peer's edges by destination, beside those by source that it pushes along.
type inward struct {
	blocks  []headed // by the peer of the sources: rows are own vertices, targets the sources of their edges
	degrees []uint32 // edges to each own vertex
}

// headed is a block whose rows have a head: of their targets one with the most edges in
// the block. Searches reach it early: most rows end there, without a look at their
// targets, which are far apart in memory.
type headed struct {
	*block
	heads []uint32 // by row
}

// turn makes inward. Where each edge goes both ways, its blocks are those of the edges
// from the own vertices. Where edges lie in files it has none: pulls look at edges here and
// there, and no peer pulls then.
func (g *part) turn(in Input, hand handOver) error {
	g.inward = &inward{degrees: g.degrees}
	short, err := g.short(hand)
	if err != nil {
		return err
	}
	if short {
		g.inward.degrees = make([]uint32, len(g.degrees))
		return nil
	}
	blocks := g.blocks
	if !in.Undirected {
		if blocks, err = g.transposed(hand); err != nil {
			return err
		}
	}
	for q, b := range blocks {
		g.inward.blocks = append(g.inward.blocks, headed{b, b.heads(g.counts[q])})
	}
	return nil
}

// short reports whether the memory of some peer was too short for its edges.
func (g *part) short(hand handOver) (bool, error) {
	own := []byte{0}
	if g.arena.Spilled() > 0 {
		own[0] = 1
	}
	told, err := hand(repeat(own, len(g.counts)))
	return slices.ContainsFunc(told, func(b []byte) bool { return len(b) != 1 || b[0] != 0 }), err
}

// transposed gives every peer the edges to its vertices and returns those to the own
// ones, as blocks by the peer of the sources.
func (g *part) transposed(hand handOver) ([]*block, error) {
	out := make([][]byte, len(g.blocks))
	for q, b := range g.blocks {
		if q != g.index {
			out[q] = b.encode()
		}
	}
	columns, err := hand(out)
	if err != nil {
		return nil, err
	}
	n := g.ids.size()
	g.inward.degrees = make([]uint32, n)
	blocks := make([]*block, len(columns))
	for q, columns := range columns {
		b := g.blocks[q]
		if q != g.index {
			if b, err = decodeBlock(columns, g.counts[q], uint32(n)); err != nil {
				return nil, err
			}
		}
		blocks[q] = b.transpose(g.inward.degrees)
	}
	return blocks, nil
}

// encode returns the block without its weights, all as u32: the number of rows, rows,
// starts, targets.
func (b *block) encode() []byte {
	codec, _ := superstep.FixedCodec[uint32]()
	dst := make([]byte, 0, 4*(1+len(b.rows)+len(b.starts)+len(b.targets)))
	dst = codec.Append(dst, []uint32{uint32(len(b.rows))})
	dst = codec.Append(dst, b.rows)
	dst = codec.Append(dst, b.starts)
	return codec.Append(dst, b.targets)
}

// decodeBlock returns what encode wrote. Rows must be below rows, and targets below
// limit.
func decodeBlock(src []byte, rows, limit uint32) (*block, error) {
	codec, _ := superstep.FixedCodec[uint32]()
	all, err := codec.Decode(nil, src)
	if err != nil || len(all) == 0 || uint64(len(all)) < 2+2*uint64(all[0]) {
		return nil, errSegment
	}
	n := uint64(all[0])
	b := &block{rows: all[1 : 1+n], starts: all[1+n : 2+2*n], targets: all[2+2*n:]}
	if b.starts[0] != 0 || uint64(b.starts[n]) != uint64(len(b.targets)) {
		return nil, errSegment
	}
	least := uint32(0)
	for r, v := range b.rows {
		if v < least || v >= rows || b.starts[r] > b.starts[r+1] {
			return nil, errSegment
		}
		least = v + 1
	}
	for _, t := range b.targets {
		if t >= limit {
			return nil, errSegment
		}
	}
	return b, nil
}

// transpose returns the same edges by target, in each row by source, and adds the length of
// every row to degrees, whose length is the number of targets there can be.
func (b *block) transpose(degrees []uint32) *block {
	next := make([]uint32, len(degrees)) // edges of each target, then where its row goes on
	for _, t := range b.targets {
		next[t]++
	}
	back := &block{starts: []uint32{0}, targets: make([]uint32, len(b.targets))}
	sum := uint32(0)
	for t, n := range next {
		next[t] = sum
		if n > 0 {
			sum += n
			degrees[t] += n
			back.rows, back.starts = append(back.rows, uint32(t)), append(back.starts, sum)
		}
	}
	for r, v := range b.rows {
		for _, t := range b.targets[b.starts[r]:b.starts[r+1]] {
			back.targets[next[t]] = v
			next[t]++
		}
	}
	return back
}

// heads returns of each row the target that has the most edges in the block, the first
// of several. Targets are below limit.
func (b *block) heads(limit uint32) []uint32 {
	edges := make([]uint32, limit)
	for _, t := range b.targets {
		edges[t]++
	}
	heads := make([]uint32, len(b.rows))
	for r := range heads {
		most := uint32(0)
		for _, t := range b.targets[b.starts[r]:b.starts[r+1]] {
			if n := edges[t]; n > most {
				heads[r], most = t, n
			}
		}
	}
	return heads
}

// ahead is how many rows are looked at together: their targets come from memory at once
// then, not one after the other.
const ahead = 256

// sets are what a pull works on.
type sets struct {
	frontier   bitset.Set // of the peer that has the targets
	got, found bitset.Set
}

// set notes that a vertex has got a message.
func (s sets) set(v uint32) {
	s.got.Add(v)
	s.found.Add(v)
}

// pull adds to got and to found the rows that have a target in the frontier, and leaves
// out those in got. It looks at heads, then at the first two targets of the rows that are
// left, both in loops without branches to guess, then at what follows, where it stops at
// the first that it finds.
func (b headed) pull(s sets) {
	var rest [ahead]uint32
	for lo := 0; lo < len(b.rows); lo += ahead {
		n := b.pullHeads(lo, min(lo+ahead, len(b.rows)), s, &rest)
		for _, r := range b.pullFirst(rest[:n], s) {
			if s.frontier.Any(b.targets[b.starts[r]+2 : b.starts[r+1]]) {
				s.set(b.rows[r])
			}
		}
	}
}

// pullHeads looks at the heads of the rows from lo to hi, and lists in rest those that are
// left and have more than one target.
func (b headed) pullHeads(lo, hi int, s sets, rest *[ahead]uint32) (n int) {
	frontier, got, found := s.frontier, s.got, s.found
	rows := b.rows[lo:hi]
	heads, ends, start := b.heads[lo:hi][:len(rows)], b.starts[lo+1 : hi+1][:len(rows)], b.starts[lo]
	word, hits := rows[0]/64, uint64(0) // of the vertices of one word
	seen := got[word]
	for i, v := range rows {
		if v/64 != word {
			got[word] |= hits
			found[word] |= hits
			word, hits = v/64, 0
			seen = got[word]
		}
		head, edges := heads[i], ends[i]-start
		start = ends[i]
		hit := frontier[head/64] >> (head % 64) & 1
		old := seen >> (v % 64) & 1
		hits |= hit &^ old << (v % 64)
		rest[n%ahead] = uint32(lo + i)
		n += int(^(hit | old) & uint64((1-edges)>>31)) // the shift: 1 if there are two or more
	}
	got[word] |= hits
	found[word] |= hits
	return n
}

// pullFirst looks at the first two targets of rows and returns those that are left, in
// the place of rows.
func (b headed) pullFirst(rows []uint32, s sets) []uint32 {
	frontier, got, found := s.frontier, s.got, s.found
	n := 0
	for _, r := range rows {
		at := b.starts[r]
		x, y, v := b.targets[at], b.targets[at+1], b.rows[r]
		hit := (frontier[x/64]>>(x%64) | frontier[y/64]>>(y%64)) & 1
		got[v/64] |= hit << (v % 64)
		found[v/64] |= hit << (v % 64)
		rows[n] = r
		n += int(1 - hit)
	}
	return rows[:n]
}
