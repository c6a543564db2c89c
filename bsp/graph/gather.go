package graph

import (
	"context"

	"scalar/bsp"
	"scalar/bsp/arena"
	"scalar/bsp/graph/gather"
	"scalar/superstep"
)

// gatherer combines, for every vertex, the values of the sources of its edges.
type gatherer[M superstep.Number] struct {
	pull  *pull
	op    superstep.Op
	area  *bsp.Area[Direct[M], M] // what the sources publish: with a grid in its order, else by place
	sums  []M                     // with a grid: what comes to each row
	along kernels[M]
}

// newGatherer makes one for a peer with so many vertices. All peers make theirs at once.
func newGatherer[M superstep.Number](ctx context.Context, p *bsp.Peer[Direct[M]], r *pull, op superstep.Op, vertices int) (g *gatherer[M], err error) {
	g = &gatherer[M]{pull: r, op: op, along: kernelsOf[M](op)}
	cfg := superstep.AreaConfig{Size: vertices, Own: vertices, Watches: r.watches, Watched: r.watched}
	if d := r.grid; d != nil {
		cfg.Size, cfg.Places = hubs+d.across<<d.shift+gather.Reach, d.order[vertices:]
		g.sums = make([]M, d.height+gather.Reach)
		arena.LargePages(g.sums)
	} else {
		for _, list := range r.watches {
			cfg.Size += len(list)
		}
	}
	if g.area, err = bsp.NewArea[Direct[M], M](ctx, p, cfg); err != nil {
		return nil, err
	}
	arena.LargePages(g.area.All())
	arena.LargePages(g.area.Next())
	return g, nil
}

const blockRows = 1 << blockBits

// publish gives what own vertices from first on send to those who gather it, and returns along how many of
// their edges something goes that is not none. What is written as a branch for a vertex is a conditional move: which ones
// have nothing to tell follows no order.
func (g *gatherer[M]) publish(first int, out []M, degrees []uint32, none M) (sent int64) {
	g.area.Put(first, out)
	next := g.area.Next()
	if g.pull.grid == nil {
		copy(next[first:], out)
		return edgesOf(out, degrees, none)
	}
	order := g.pull.grid.order[first:][:len(out)]
	degrees = degrees[:len(out)]
	for i, x := range out {
		next[order[i]] = x
		edges := degrees[i]
		if x == none {
			edges = 0
		}
		sent += int64(edges)
	}
	return sent
}

// edgesOf is what publish returns.
func edgesOf[M superstep.Number](out []M, degrees []uint32, none M) (sent int64) {
	for i, edges := range degrees[:len(out)] {
		if out[i] == none {
			edges = 0
		}
		sent += int64(edges)
	}
	return sent
}

// combine goes along the edges, once all is published.
func (g *gatherer[M]) combine() {
	d := g.pull.grid
	if d == nil {
		return // take does
	}
	hot := g.area.All()
	eachRun(d, (*[gather.Reach]M)(hot), g.sums, g.along.rows)
	g.tiles(d, hot)
}

// take puts into inbox what has come to the vertices from first on.
func (g *gatherer[M]) take(first int, inbox []M) {
	d := g.pull.grid
	if d == nil {
		gatherRows(g.pull, g.op, g.area.All(), first, inbox)
		return
	}
	sums := g.sums
	for i, row := range d.into[first:][:len(inbox)] {
		inbox[i] = sums[row]
	}
}

// kernels go along edges.
type kernels[M superstep.Number] struct {
	rows   func(rows []uint32, sources []uint16, edges int, values *[gather.Reach]M, sums []M) // as gather.Rows
	cell   func(edges []uint32, values, sums *[gather.Reach]M, ahead []M)                      // as gather.Cell
	strips func(strips []uint32, edges int, values, sums *[gather.Reach]M)                     // as gather.Strips
}

func kernelsOf[M superstep.Number](op superstep.Op) kernels[M] {
	switch op {
	case superstep.Sum:
		if k, ok := any(kernels[float64]{gather.Rows, gather.Cell, gather.Strips}).(kernels[M]); ok {
			return k
		}
		return kernels[M]{gather.PlainRows[M], gather.PlainCell[M], gather.PlainStrips[M]}
	case superstep.Min:
		return kernels[M]{minRows[M], minCell[M], minStrips[M]}
	default:
		return kernels[M]{maxRows[M], maxCell[M], maxStrips[M]}
	}
}

// eachRun calls f for each run of rows.
func eachRun[M superstep.Number](d *grid, hot *[gather.Reach]M, sums []M, f func(rows []uint32, sources []uint16, edges int, values *[gather.Reach]M, sums []M)) {
	near, rows := d.near, d.rows
	for _, r := range d.runs {
		edges := int(r.edges)
		f(rows[:r.rows], near[:int(r.rows)*edges], edges, hot, sums)
		rows, near = rows[r.rows:], near[int(r.rows)*edges:]
	}
}

// tiles goes along the edges of all tiles. Some blocks are gathered together, so that values come
// from memory once for all of them, and each along some tiles, so that sums come to the core once for
// these. The tiles of a row come in their order all the same.
func (g *gatherer[M]) tiles(d *grid, hot []M) {
	blocks, wide := (d.height+blockRows-1)>>blockBits, d.wide()
	for first := 0; first < blocks; first += d.together {
		for left := 0; left < wide; left += tilesTogether {
			for block := first; block < min(first+d.together, blocks); block++ {
				for i := left; i < min(left+tilesTogether, wide); i++ {
					if t := d.tiles[block*wide+i]; t != nil {
						g.strips(t, hot[hubs+i<<tileBits:], block)
					} else {
						g.cells(d, hot, block, i)
					}
				}
			}
		}
	}
}

// strips goes along the edges of a tile that has strips.
func (g *gatherer[M]) strips(t *tile, values []M, block int) {
	from, to := (*[gather.Reach]M)(values), g.block(block)
	strips := t.strips
	for _, r := range t.runs {
		n := int(r.rows) / gather.StripRows * gather.StripLen(int(r.edges))
		g.along.strips(strips[:n], int(r.edges), from, to)
		strips = strips[n:]
	}
	g.along.cell(t.rest, from, to, nil)
}

// cells goes along the edges of the cells of a tile. Of each the segment after it is read next.
func (g *gatherer[M]) cells(d *grid, hot []M, block, i int) {
	to, left := g.block(block), i*d.segments()
	for segment := left; segment < min(left+d.segments(), d.across); segment++ {
		cell := block*d.across + segment
		if edges := d.far[d.cells[cell]:d.cells[cell+1]]; len(edges) > 0 {
			from := (*[gather.Reach]M)(hot[hubs+segment<<d.shift:])
			next := hot[hubs+(segment+1)%d.across<<d.shift:][:1<<d.shift]
			g.along.cell(edges, from, to, next)
		}
	}
}

// block returns the sums of a block.
func (g *gatherer[M]) block(i int) *[gather.Reach]M {
	return (*[gather.Reach]M)(g.sums[i<<blockBits:])
}

func minRows[M superstep.Number](rows []uint32, sources []uint16, edges int, values *[gather.Reach]M, sums []M) {
	none := identity[M](superstep.Min)
	for i, v := range rows {
		x := none
		for _, u := range sources[i*edges:][:edges] {
			x = min(x, values[u])
		}
		sums[v] = x
	}
}

func maxRows[M superstep.Number](rows []uint32, sources []uint16, edges int, values *[gather.Reach]M, sums []M) {
	none := identity[M](superstep.Max)
	for i, v := range rows {
		x := none
		for _, u := range sources[i*edges:][:edges] {
			x = max(x, values[u])
		}
		sums[v] = x
	}
}

func minCell[M superstep.Number](edges []uint32, values, sums *[gather.Reach]M, _ []M) {
	for _, e := range edges {
		x := &sums[e%gather.Reach]
		*x = min(*x, values[e>>16])
	}
}

func maxCell[M superstep.Number](edges []uint32, values, sums *[gather.Reach]M, _ []M) {
	for _, e := range edges {
		x := &sums[e%gather.Reach]
		*x = max(*x, values[e>>16])
	}
}

func minStrips[M superstep.Number](strips []uint32, edges int, values, sums *[gather.Reach]M) {
	for size := gather.StripLen(edges); len(strips) > 0; strips = strips[size:] {
		for i := gather.StripRows; i < 2*size; i++ {
			x := &sums[half(strips, i%gather.StripRows)]
			*x = min(*x, values[half(strips, i)])
		}
	}
}

func maxStrips[M superstep.Number](strips []uint32, edges int, values, sums *[gather.Reach]M) {
	for size := gather.StripLen(edges); len(strips) > 0; strips = strips[size:] {
		for i := gather.StripRows; i < 2*size; i++ {
			x := &sums[half(strips, i%gather.StripRows)]
			*x = max(*x, values[half(strips, i)])
		}
	}
}

// half returns 16 bits of numbers, the lower ones of each first.
func half(numbers []uint32, i int) uint16 { return uint16(numbers[i/2] >> (i % 2 * 16)) }

// gatherRows is take without a grid: it goes along the edges of these vertices.
func gatherRows[M superstep.Number](r *pull, op superstep.Op, all []M, first int, inbox []M) {
	none, start := identity[M](op), r.starts[first]
	for v, end := range r.starts[first+1:][:len(inbox)] {
		x := none
		switch op {
		case superstep.Sum:
			for _, u := range r.sources[start:end] {
				x += all[u]
			}
		case superstep.Min:
			for _, u := range r.sources[start:end] {
				x = min(x, all[u])
			}
		default:
			for _, u := range r.sources[start:end] {
				x = max(x, all[u])
			}
		}
		inbox[v] = x
		start = end
	}
}
