package graph

import (
	"scalar/bsp"
	"scalar/bsp/arena"
	"scalar/superstep"
)

// gatherer combines, for every vertex, the values of the sources of its edges.
type gatherer[M superstep.Number] struct {
	pull   *pull
	op     superstep.Op
	mirror *bsp.Mirror[Direct[M], M] // what the sources publish
	hot    []M                       // with a grid: values in its order
	sums   []M                       // and what comes to each row
}

// newGatherer makes one for a peer with so many vertices.
func newGatherer[M superstep.Number](p *bsp.Peer[Direct[M]], r *pull, op superstep.Op, vertices int) *gatherer[M] {
	g := &gatherer[M]{pull: r, op: op}
	if d := r.grid; d != nil {
		g.hot = make([]M, hubs+d.across<<d.shift+reach)
		g.sums = make([]M, (len(d.into)+blockRows-1)&^(blockRows-1))
		arena.LargePages(g.hot)
		arena.LargePages(g.sums)
		g.mirror = bsp.NewScattered(p, vertices, r.watches, r.watched, superstep.Scatter[M]{Into: g.hot, Places: d.order[vertices:]})
	} else {
		g.mirror = bsp.NewMirror[Direct[M], M](p, vertices, r.watches, r.watched)
	}
	return g
}

const (
	reach     = 1 << 16 // what a number of 16 bits leads to
	blockRows = 1 << blockBits
)

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
	d, none := g.pull.grid, identity[M](g.op)
	if d == nil {
		return // take does
	}
	front := (*[reach]M)(g.hot)
	switch g.op {
	case superstep.Sum:
		sumNear(d, front, g.sums)
		eachCell(d, g.hot, g.sums, sumFar[M])
	case superstep.Min:
		minNear(d, front, none, g.sums)
		eachCell(d, g.hot, g.sums, minFar[M])
	default:
		maxNear(d, front, none, g.sums)
		eachCell(d, g.hot, g.sums, maxFar[M])
	}
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

// eachCell calls f for the edges of each cell, with its sources and its rows. Some blocks
// are gathered together, segment by segment, so that a segment comes into the cache once for
// all of them. The segments of a row come in their order either way.
func eachCell[M superstep.Number](d *grid, hot, sums []M, f func(far []uint32, sources *[reach]M, rows *[blockRows]M)) {
	blocks := len(sums) >> blockBits
	for first := 0; first < blocks; first += d.together {
		for segment := range d.across {
			sources := (*[reach]M)(hot[hubs+segment<<d.shift:])
			for block := first; block < min(first+d.together, blocks); block++ {
				i := block*d.across + segment
				if edges := d.far[d.cells[i]:d.cells[i+1]]; len(edges) > 0 {
					f(edges, sources, (*[blockRows]M)(sums[block<<blockBits:]))
				}
			}
		}
	}
}

// sumNear adds up what comes from hubs, in up to four chains, of which the processor works on
// several at once.
func sumNear[M superstep.Number](d *grid, hot *[reach]M, sums []M) {
	near, rows := d.near, d.rows
	for _, r := range d.runs {
		of := rows[:r.rows]
		rows = rows[r.rows:]
		switch r.edges {
		case 0:
			for _, v := range of {
				sums[v] = 0
			}
		case 1:
			for i, u := range near[:len(of)] {
				sums[of[i]] = hot[u]
			}
		case 2:
			for i, v := range of {
				row := (*[2]uint16)(near[2*i:])
				sums[v] = hot[row[0]] + hot[row[1]]
			}
		case 3:
			for i, v := range of {
				row := (*[3]uint16)(near[3*i:])
				sums[v] = hot[row[0]] + hot[row[1]] + hot[row[2]]
			}
		default:
			for i, v := range of {
				sums[v] = sumRow(near[i*int(r.edges):][:r.edges], hot)
			}
		}
		near = near[int(r.rows)*int(r.edges):]
	}
}

// sumRow adds up what comes along four edges or more.
func sumRow[M superstep.Number](row []uint16, hot *[reach]M) M {
	var a, b, c, e M
	for len(row) >= 8 {
		a += hot[row[0]]
		b += hot[row[1]]
		c += hot[row[2]]
		e += hot[row[3]]
		a += hot[row[4]]
		b += hot[row[5]]
		c += hot[row[6]]
		e += hot[row[7]]
		row = row[8:]
	}
	if len(row) >= 4 {
		a += hot[row[0]]
		b += hot[row[1]]
		c += hot[row[2]]
		e += hot[row[3]]
		row = row[4:]
	}
	if len(row) >= 2 {
		a += hot[row[0]]
		b += hot[row[1]]
		row = row[2:]
	}
	if len(row) == 1 {
		c += hot[row[0]]
	}
	return (a + b) + (c + e)
}

func minNear[M superstep.Number](d *grid, hot *[reach]M, none M, sums []M) {
	near, rows := d.near, d.rows
	for _, r := range d.runs {
		for i, v := range rows[:r.rows] {
			x := none
			for _, u := range near[i*int(r.edges):][:r.edges] {
				x = min(x, hot[u])
			}
			sums[v] = x
		}
		rows, near = rows[r.rows:], near[int(r.rows)*int(r.edges):]
	}
}

func maxNear[M superstep.Number](d *grid, hot *[reach]M, none M, sums []M) {
	near, rows := d.near, d.rows
	for _, r := range d.runs {
		for i, v := range rows[:r.rows] {
			x := none
			for _, u := range near[i*int(r.edges):][:r.edges] {
				x = max(x, hot[u])
			}
			sums[v] = x
		}
		rows, near = rows[r.rows:], near[int(r.rows)*int(r.edges):]
	}
}

// sumFar adds what comes along the edges of a cell.
func sumFar[M superstep.Number](far []uint32, sources *[reach]M, rows *[blockRows]M) {
	for _, e := range far {
		rows[e%blockRows] += sources[e>>16]
	}
}

func minFar[M superstep.Number](far []uint32, sources *[reach]M, rows *[blockRows]M) {
	for _, e := range far {
		x := &rows[e%blockRows]
		*x = min(*x, sources[e>>16])
	}
}

func maxFar[M superstep.Number](far []uint32, sources *[reach]M, rows *[blockRows]M) {
	for _, e := range far {
		x := &rows[e%blockRows]
		*x = max(*x, sources[e>>16])
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
