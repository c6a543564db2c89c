package graph

import (
	"slices"

	"scalar/internal/bitset"
	"scalar/superstep"
)

// inward is a peer's edges by destination, beside those by source that it pushes along.
type inward struct {
	blocks  []*block   // by the peer of the sources: rows are own vertices, targets the sources of their edges; none: nobody pulls
	places  []rowPlace // by block
	degrees []uint32   // edges to each own vertex
	edges   [][]uint32 // to own vertices, by the vertices of each peer: until index

	// Every vertex has a head: of the sources of its edges one with the most edges to own
	// vertices. Searches reach it early: most vertices are found by it, without a look at
	// their rows, which are far apart in memory.
	heads      []uint32   // by vertex: the number of the head's bit in the frontier
	some, more bitset.Set // vertices with an edge to them, and with several
}

// mostPlaces is how many vertices the graph may have for heads of 32 bits. With more nobody pulls.
const mostPlaces = 1 << 32

// words is how many words a set of so many vertices has.
func words(vertices uint32) int { return int((uint64(vertices) + 63) / 64) }

// turn makes inward. Where each edge goes both ways, its blocks are those of the edges
// from the own vertices. Where edges lie in files it has none: pulls look at edges here and
// there, and no peer pulls then.
func (g *part) turn(in Input, hand handOver) error {
	g.inward = &inward{degrees: g.degrees}
	short, err := g.short(hand)
	if err != nil {
		return err
	}
	all := 0
	for _, n := range g.counts {
		all += 64 * words(n)
	}
	if short || all > mostPlaces {
		g.inward.degrees = make([]uint32, len(g.degrees))
		return nil
	}
	if !in.Undirected {
		return g.transposed(hand)
	}
	g.inward.blocks = g.blocks
	for q, b := range g.blocks {
		g.inward.edges = append(g.inward.edges, b.arriving(g.counts[q]))
	}
	return nil
}

// index makes what is looked up by vertex: heads, and the places of rows. base is where the words of
// each peer's vertices begin in the frontier.
func (in *inward) index(base []int) {
	n := len(in.degrees)
	in.heads, in.some, in.more = make([]uint32, n), bitset.New(n), bitset.New(n)
	for v, d := range in.degrees {
		if d > 0 {
			in.some.Add(uint32(v))
		}
		if d > 1 {
			in.more.Add(uint32(v))
		}
	}
	most := make([]uint32, n) // edges of the head
	for q, b := range in.blocks {
		in.places = append(in.places, b.places(n))
		b.heads(in.edges[q], 64*uint32(base[q]), in.heads, most)
	}
	in.edges = nil
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

// transposed gives every peer the edges to its vertices, and makes inward of those to the own
// ones.
func (g *part) transposed(hand handOver) error {
	out := make([][]byte, len(g.blocks))
	for q, b := range g.blocks {
		if q != g.index {
			out[q] = b.encode()
		}
	}
	columns, err := hand(out)
	if err != nil {
		return err
	}
	n := g.ids.size()
	g.inward.degrees = make([]uint32, n)
	for q, columns := range columns {
		b := g.blocks[q]
		if q != g.index {
			if b, err = decodeBlock(columns, g.counts[q], uint32(n)); err != nil {
				return err
			}
		}
		g.inward.blocks = append(g.inward.blocks, b.transpose(g.inward.degrees))
		g.inward.edges = append(g.inward.edges, b.leaving(g.counts[q]))
	}
	return nil
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

// leaving returns how many edges of the block leave each of so many vertices.
func (b *block) leaving(vertices uint32) []uint32 {
	edges := make([]uint32, vertices)
	for r, v := range b.rows {
		edges[v] = b.starts[r+1] - b.starts[r]
	}
	return edges
}

// arriving returns how many edges of the block arrive at each of so many vertices.
func (b *block) arriving(vertices uint32) []uint32 {
	edges := make([]uint32, vertices)
	for _, t := range b.targets {
		edges[t]++
	}
	return edges
}

// candidates is how many targets of a row are looked at for its head: with more of them pulls are no faster.
const candidates = 32

// heads gives the vertex of each row, of the first targets of the row, the one with the most edges, the first
// of several, if it has more than the vertex's head so far: as its number beyond first, and how many edges it has.
func (b *block) heads(edges []uint32, first uint32, heads, most []uint32) {
	for r, v := range b.rows {
		head, n := heads[v], most[v]
		for _, t := range b.targets[b.starts[r]:min(b.starts[r+1], b.starts[r]+candidates)] {
			if e := edges[t]; e > n {
				head, n = first+t, e
			}
		}
		heads[v], most[v] = head, n
	}
}
