package graph

import (
	"scalar/bsp"
	"scalar/bsp/arena"
	"scalar/bsp/graph/gather"
	"scalar/superstep"
)

// gatherer combines, for every vertex, the values of the sources of its edges.
type gatherer[M superstep.Number] struct {
	pull   *pull
	op     superstep.Op
	mirror *bsp.Mirror[Direct[M], M] // what the sources publish
	hot    []M                       // with a grid: values in its order
	sums   []M                       // and what comes to each row
	along  kernels[M]
}

// newGatherer makes one for a peer with so many vertices.
func newGatherer[M superstep.Number](p *bsp.Peer[Direct[M]], r *pull, op superstep.Op, vertices int) *gatherer[M] {
	g := &gatherer[M]{pull: r, op: op, along: kernelsOf[M](op)}
	if d := r.grid; d != nil {
		g.hot = make([]M, hubs+d.across<<d.shift+gather.Reach)
		g.sums = make([]M, d.height+gather.Reach)
		arena.LargePages(g.hot)
		arena.LargePages(g.sums)
		g.mirror = bsp.NewScattered(p, vertices, r.watches, r.watched, superstep.Scatter[M]{Into: g.hot, Places: d.order[vertices:]})
	} else {
		g.mirror = bsp.NewMirror[Direct[M], M](p, vertices, r.watches, r.watched)
	}
	return g
}

const blockRows = 1 << blockBits

// publish tells the gatherer what own vertices from first on have put into the mirror.
func (g *gatherer[M]) publish(first int, out []M) {
	if g.pull.grid == nil {
		return // it is gathered from the mirror
	}
	hot := g.hot
	for i, at := range g.pull.grid.order[first:][:len(out)] {
		hot[at] = out[i]
	}
}

// combine goes along the edges, once all is published.
func (g *gatherer[M]) combine() {
	d := g.pull.grid
	if d == nil {
		return // take does
	}
	eachRun(d, (*[gather.Reach]M)(g.hot), g.sums, g.along.rows)
	eachCell(d, g.hot, g.sums, g.along.cell)
}

// take puts into inbox what has come to the vertices from first on.
func (g *gatherer[M]) take(first int, inbox []M) {
	d := g.pull.grid
	if d == nil {
		gatherRows(g.pull, g.op, g.mirror.All(), first, inbox)
		return
	}
	sums := g.sums
	for i, row := range d.into[first:][:len(inbox)] {
		inbox[i] = sums[row]
	}
}

// kernels go along edges.
type kernels[M superstep.Number] struct {
	rows func(rows []uint32, sources []uint16, edges int, values *[gather.Reach]M, sums []M) // as gather.Rows
	cell func(edges []uint32, values, sums *[gather.Reach]M, ahead []M)                      // as gather.Cell
}

func kernelsOf[M superstep.Number](op superstep.Op) kernels[M] {
	switch op {
	case superstep.Sum:
		if k, ok := any(kernels[float64]{gather.Rows, gather.Cell}).(kernels[M]); ok {
			return k
		}
		return kernels[M]{gather.PlainRows[M], gather.PlainCell[M]}
	case superstep.Min:
		return kernels[M]{minRows[M], minCell[M]}
	default:
		return kernels[M]{maxRows[M], maxCell[M]}
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

// eachCell calls f for the edges of each cell, with its sources, its rows, and the segment after
// it, which is read next. Some blocks are gathered together, so that values come from memory once
// for all of them, and each along some segments, so that sums come to the core once for these.
// The segments of a row come in their order all the same.
func eachCell[M superstep.Number](d *grid, hot, sums []M, f func(edges []uint32, values, sums *[gather.Reach]M, ahead []M)) {
	blocks := (d.height + blockRows - 1) >> blockBits
	segments := 1 << (max(placesTogether, d.shift) - d.shift)
	for first := 0; first < blocks; first += d.together {
		for left := 0; left < d.across; left += segments {
			for block := first; block < min(first+d.together, blocks); block++ {
				to := (*[gather.Reach]M)(sums[block<<blockBits:])
				for segment := left; segment < min(left+segments, d.across); segment++ {
					i := block*d.across + segment
					if edges := d.far[d.cells[i]:d.cells[i+1]]; len(edges) > 0 {
						from := hot[hubs+segment<<d.shift:]
						next := hot[hubs+(segment+1)%d.across<<d.shift:][:1<<d.shift]
						f(edges, (*[gather.Reach]M)(from), to, next)
					}
				}
			}
		}
	}
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
