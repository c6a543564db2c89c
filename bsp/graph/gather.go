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
	sums []M // and what comes to each row
}

func newGatherer[M superstep.Number](r *pull, op superstep.Op) *gatherer[M] {
	g := &gatherer[M]{pull: r, op: op}
	if d := r.grid; d != nil {
		g.hot = make([]M, hubs+d.across<<d.shift+reach)
		g.sums = make([]M, (len(d.into)+blockRows-1)&^(blockRows-1))
		arena.LargePages(g.hot)
		arena.LargePages(g.sums)
	}
	return g
}

const (
	reach     = 1 << 16 // what a number of 16 bits leads to
	blockRows = 1 << blockBits
)

// gather puts into inbox the combination of all, the values by place.
func (g *gatherer[M]) gather(all, inbox []M) {
	d, none := g.pull.grid, identity[M](g.op)
	if d == nil {
		gatherRows(g.pull, g.op, none, all, inbox)
		return
	}
	for place, at := range d.order {
		g.hot[at] = all[place]
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
	for v, row := range d.into {
		inbox[v] = g.sums[row]
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
