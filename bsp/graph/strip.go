package graph

import (
	"cmp"
	"slices"

	"scalar/bsp/graph/gather"
)

// A tile is a block's edges from 65,536 places, most of which lie in strips: of a row that has several
// edges there, only these are read then, and not the sum for each of them.
type tile struct {
	runs   []run    // of rows in strips, with as many edges each
	strips []uint32 // as gather.Strips reads them
	rest   []uint32 // the other edges, as gather.Cell reads them: the last ones of rows
}

const (
	tileBits   = 16      // places of a tile
	denseEdges = 1 << 17 // edges that make strips worth while: four a row
	mostEdges  = 1 << 31 // of a tile, so that a spot is in 32 bits
	leastEdges = 2       // of each row of a strip
)

// segments returns how many segments a tile has.
func (g *grid) segments() int { return 1 << (tileBits - g.shift) }

// pack puts dense cells into strips, in the place of their edges. The edges of a row stay in their order.
// It does nothing where edges lie in a file.
func (g *grid) pack() {
	g.tiles = make([]*tile, (g.height+blockRows-1)>>blockBits*g.wide())
	if g.together == 1 {
		return
	}
	var p *packer
	for i := range g.tiles {
		block, left := i/g.wide(), i%g.wide()*g.segments()
		lo := block*g.across + left
		hi := lo + min(g.segments(), g.across-left)
		if n := g.cells[hi] - g.cells[lo]; n < denseEdges || n > mostEdges {
			continue
		}
		if p == nil { // small graphs do without
			p = &packer{grid: g}
		}
		g.tiles[i] = p.pack(lo, hi)
	}
}

// wide returns how many tiles a block has.
func (g *grid) wide() int { return (g.across + g.segments() - 1) / g.segments() }

// packer is what packing needs.
type packer struct {
	*grid
	counts [blockRows]uint32 // edges of each row
	order  [blockRows]uint32 // rows, most edges first
	next   [blockRows]spot   // by row
	strips []uint32
}

// A spot is where the next edge of a row goes, in halves of a number, and how many go there.
type spot struct{ at, left uint32 }

// pack packs the cells from lo to hi.
func (p *packer) pack(lo, hi int) *tile {
	from := p.cells[lo]
	edges := p.far[from:p.cells[hi]]
	clear(p.counts[:])
	for _, e := range edges {
		p.counts[e%blockRows]++
	}
	t := &tile{}
	p.layOut(t)
	rest := edges[:0] // what is overwritten has been read
	for cell := lo; cell < hi; cell++ {
		first := uint32(cell-lo) << (p.shift & 31)
		for _, e := range p.far[p.cells[cell]:p.cells[cell+1]] {
			row, source := e%blockRows, e>>16+first
			if to := &p.next[row]; to.left > 0 {
				p.put(to, source)
				to.left--
			} else {
				rest = append(rest, source<<16|row)
			}
		}
	}
	even := (int(from) + len(rest)) % 2 // strips are read by eight bytes
	t.rest, t.strips = rest, edges[len(rest)+even:][:len(p.strips)]
	copy(t.strips, p.strips)
	return t
}

// put writes the next half of a number of a row.
func (p *packer) put(to *spot, x uint32) {
	p.strips[to.at/2] |= x << (to.at % 2 * 16)
	to.at += gather.StripRows
}

// layOut decides which rows have strips, and begins these.
func (p *packer) layOut(t *tile) {
	longestFirst(p.order[:], 0, p.counts[:])
	long := p.order[:]
	if i := slices.IndexFunc(long, func(row uint32) bool { return p.counts[row] < evenRows-1 }); i >= 0 {
		long = long[:i]
	}
	slices.SortStableFunc(long, func(a, b uint32) int { return cmp.Compare(p.counts[b], p.counts[a]) })
	clear(p.next[:])
	size, rows := 0, 0
	for ; rows < blockRows; rows += gather.StripRows {
		four := p.order[rows:][:gather.StripRows]
		edges := p.counts[four[gather.StripRows-1]]
		if edges < leastEdges {
			break
		}
		for i, row := range four {
			p.next[row] = spot{uint32(2*size + i), edges}
		}
		if last := len(t.runs) - 1; last >= 0 && t.runs[last].edges == edges {
			t.runs[last].rows += gather.StripRows
		} else {
			t.runs = append(t.runs, run{gather.StripRows, edges})
		}
		size += gather.StripLen(int(edges))
	}
	p.strips = slices.Grow(p.strips[:0], size)[:size]
	clear(p.strips)
	for _, row := range p.order[:rows] {
		p.put(&p.next[row], row)
	}
}
