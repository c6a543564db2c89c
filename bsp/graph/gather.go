package graph

import (
	"scalar/bsp/arena"
	"scalar/superstep"
)

// gatherer combines, for every vertex, the values of the sources of its edges.
type gatherer[M superstep.Number] struct {
	pull *pull
	op   superstep.Op
	hot  []M // with a grid: values in its order
}

func newGatherer[M superstep.Number](r *pull, op superstep.Op) *gatherer[M] {
	g := &gatherer[M]{pull: r, op: op}
	if r.grid != nil {
		g.hot = make([]M, max(hubs, len(r.grid.order)))
		arena.LargePages(g.hot)
	}
	return g
}

// gather puts into inbox the combination of all, the values by place.
func (g *gatherer[M]) gather(all, inbox []M) {
	d, none := g.pull.grid, identity[M](g.op)
	if d == nil {
		gatherRows(g.pull, g.op, none, all, inbox)
		return
	}
	hot := g.hot
	for place, at := range d.order {
		hot[at] = all[place]
	}
	front := (*[hubs]M)(hot)
	switch g.op {
	case superstep.Sum:
		sumNear(d, front, inbox)
		d.eachCell(func(far []uint32, rows, sources int) { sumFar(far, hot[sources:], inbox[rows:]) })
	case superstep.Min:
		minNear(d, front, none, inbox)
		d.eachCell(func(far []uint32, rows, sources int) { minFar(far, hot[sources:], inbox[rows:]) })
	default:
		maxNear(d, front, none, inbox)
		d.eachCell(func(far []uint32, rows, sources int) { maxFar(far, hot[sources:], inbox[rows:]) })
	}
}

// eachCell calls f for the edges of each cell, with its first row and the first place of
// its sources.
func (g *grid) eachCell(f func(far []uint32, rows, sources int)) {
	for i, end := range g.cells[1:] {
		if edges := g.far[g.cells[i]:end]; len(edges) > 0 {
			f(edges, i/g.across<<blockBits, hubs+i%g.across<<g.shift)
		}
	}
}

// sumNear adds up what comes from hubs, in four chains, of which the processor works on
// several at once.
func sumNear[M superstep.Number](d *grid, hot *[hubs]M, inbox []M) {
	start, near := uint32(0), d.near
	for i, end := range d.starts[1:] {
		row := near[start:end]
		start = end
		var a, b, c, e M
		for len(row) >= 4 {
			a += hot[row[0]]
			b += hot[row[1]]
			c += hot[row[2]]
			e += hot[row[3]]
			row = row[4:]
		}
		for _, u := range row {
			a += hot[u]
		}
		inbox[d.rows[i]] = (a + b) + (c + e)
	}
}

func minNear[M superstep.Number](d *grid, hot *[hubs]M, none M, inbox []M) {
	start, near := uint32(0), d.near
	for i, end := range d.starts[1:] {
		x := none
		for _, u := range near[start:end] {
			x = min(x, hot[u])
		}
		start = end
		inbox[d.rows[i]] = x
	}
}

func maxNear[M superstep.Number](d *grid, hot *[hubs]M, none M, inbox []M) {
	start, near := uint32(0), d.near
	for i, end := range d.starts[1:] {
		x := none
		for _, u := range near[start:end] {
			x = max(x, hot[u])
		}
		start = end
		inbox[d.rows[i]] = x
	}
}

// sumFar adds what comes along the edges of a cell.
func sumFar[M superstep.Number](far []uint32, sources, rows []M) {
	for _, e := range far {
		rows[e&(1<<blockBits-1)] += sources[e>>16]
	}
}

func minFar[M superstep.Number](far []uint32, sources, rows []M) {
	for _, e := range far {
		x := &rows[e&(1<<blockBits-1)]
		*x = min(*x, sources[e>>16])
	}
}

func maxFar[M superstep.Number](far []uint32, sources, rows []M) {
	for _, e := range far {
		x := &rows[e&(1<<blockBits-1)]
		*x = max(*x, sources[e>>16])
	}
}

// gatherRows is gather without a grid.
func gatherRows[M superstep.Number](r *pull, op superstep.Op, none M, all, inbox []M) {
	start := uint32(0)
	ends := r.starts[1:]
	inbox = inbox[:len(ends)]
	for v, end := range ends {
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
