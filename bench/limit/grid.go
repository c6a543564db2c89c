package limit

import (
	"math/bits"

	"scalar/bsp/arena"
)

// Sizes of a grid: 32,768 hubs of 8 bytes are half of a small second-level cache, a segment of
// the other vertices' values is 128 KiB. The rows of a block are as many as workers share
// well: the first ones have most edges.
const (
	hubs        = 1 << 15
	blockBits   = 12
	segmentBits = 14
	reach       = 1 << 16 // what a number of 16 bits leads to
)

// A grid is the edges by destination as they are gathered best: places of values by how
// often they are a source, edges from the first 32,768 as rows of 16 bits each, the others
// by blocks of rows and segments of places, so that what is read and written at random stays
// in the second-level cache. Rows have places by edges from hubs, most first.
type grid struct {
	order  []uint32 // by vertex: the place of its value
	into   []uint32 // by vertex: its row
	ends   []uint32 // of rows in near
	near   []uint16
	across int      // segments of a block
	cells  []uint32 // starts in far, by block and segment, and the end
	far    []uint32 // u16 source in its segment, u16 row in its block
}

func (g *csr) grid(workers int) *grid {
	n := len(g.ids)
	d := &grid{order: order(g.degrees)}
	blocks := (n + 1<<blockBits - 1) >> blockBits
	d.across = (max(n-hubs, 0) + 1<<segmentBits - 1) >> segmentBits
	d.cells = make([]uint32, blocks*d.across+1)
	lens := g.fromHubs(d.order, workers)
	rows := longestFirst(lens)
	d.into, d.ends = make([]uint32, n), make([]uint32, n)
	near := uint32(0)
	for at, v := range rows {
		d.into[v], near = uint32(at), near+lens[v]
		d.ends[at] = near
	}
	inChunks(workers, n, 1<<blockBits, func(_, lo, hi int) {
		cells := d.cells[lo>>blockBits*d.across:]
		for _, v := range rows[lo:hi] {
			for _, u := range g.in.of(v) {
				if at := d.order[u]; at >= hubs {
					cells[(at-hubs)>>segmentBits]++
				}
			}
		}
	})
	d.far, d.near = make([]uint32, sumUp(d.cells)), make([]uint16, near)
	arena.LargePages(d.far)
	arena.LargePages(d.near)
	inChunks(workers, n, 1<<blockBits, func(_, lo, hi int) {
		cells := d.cells[lo>>blockBits*d.across:]
		for row := lo; row < hi; row++ {
			v := rows[row]
			next := d.ends[row] - lens[v]
			for _, u := range g.in.of(v) {
				at := d.order[u]
				if at < hubs {
					d.near[next] = uint16(at)
					next++
					continue
				}
				at -= hubs
				cell := &cells[at>>segmentBits]
				d.far[*cell] = at%(1<<segmentBits)<<16 | uint32(row)%(1<<blockBits)
				*cell++
			}
		}
	})
	copy(d.cells[1:], d.cells)
	d.cells[0] = 0
	return d
}

// fromHubs counts, by vertex, the edges from hubs.
func (g *csr) fromHubs(order []uint32, workers int) []uint32 {
	lens := make([]uint32, len(g.ids))
	inChunks(workers, len(lens), rowChunk, func(_, lo, hi int) {
		for v := lo; v < hi; v++ {
			for _, u := range g.in.of(uint32(v)) {
				if order[u] < hubs {
					lens[v]++
				}
			}
		}
	})
	return lens
}

// order places vertices by classes of degrees, each a power of two.
func order(degrees []uint32) []uint32 {
	var next [34]uint32
	for _, d := range degrees {
		next[33-bits.Len32(d)]++
	}
	sumUp(next[:])
	places := make([]uint32, len(degrees))
	for v, d := range degrees {
		at := &next[33-bits.Len32(d)]
		places[v], *at = *at, *at+1
	}
	return places
}

// longestFirst returns the rows by length, those of 1023 and more as one.
func longestFirst(lens []uint32) []uint32 {
	const most = 1023
	var next [most + 1]uint32
	for _, n := range lens {
		next[most-min(n, most)]++
	}
	sumUp(next[:])
	rows := make([]uint32, len(lens))
	for v, n := range lens {
		at := &next[most-min(n, most)]
		rows[*at] = uint32(v)
		*at++
	}
	return rows
}

// sumUp puts in the place of each number the sum of those before, and returns that of all.
func sumUp(counts []uint32) (sum uint32) {
	for i, n := range counts {
		counts[i], sum = sum, sum+n
	}
	return sum
}

// gatherNear adds up for rows from lo to hi what comes from hubs, in four chains.
func (d *grid) gatherNear(lo, hi int, values *[reach]float64, sums []float64) {
	start := uint32(0)
	if lo > 0 {
		start = d.ends[lo-1]
	}
	ends := d.ends[lo:hi]
	sums = sums[lo:hi]
	for len(ends) > 0 {
		edges, rows := ends[0]-start, 1 // that have as many
		for rows < len(ends) && ends[rows]-ends[rows-1] == edges {
			rows++
		}
		to := sums[:rows]
		near := d.near[start:ends[rows-1]]
		start, sums, ends = ends[rows-1], sums[rows:], ends[rows:]
		switch edges {
		case 0:
			clear(to)
		case 1:
			for i, u := range near[:len(to)] {
				to[i] = values[u]
			}
		case 2:
			for i := range to {
				row := (*[2]uint16)(near[2*i:])
				to[i] = values[row[0]] + values[row[1]]
			}
		case 3:
			for i := range to {
				row := (*[3]uint16)(near[3*i:])
				to[i] = values[row[0]] + values[row[1]] + values[row[2]]
			}
		default:
			for i := range to {
				to[i] = sumRow(near[i*int(edges):][:edges], values)
			}
		}
	}
}

// sumRow adds up what comes along four edges or more.
func sumRow(row []uint16, values *[reach]float64) float64 {
	var a, b, c, e float64
	for len(row) >= 8 {
		a += values[row[0]]
		b += values[row[1]]
		c += values[row[2]]
		e += values[row[3]]
		a += values[row[4]]
		b += values[row[5]]
		c += values[row[6]]
		e += values[row[7]]
		row = row[8:]
	}
	if len(row) >= 4 {
		a += values[row[0]]
		b += values[row[1]]
		c += values[row[2]]
		e += values[row[3]]
		row = row[4:]
	}
	for _, u := range row {
		a += values[u]
	}
	return (a + b) + (c + e)
}

// gatherFar adds to the rows of a block what comes from others.
func (d *grid) gatherFar(block int, values []float64, sums *[1 << blockBits]float64) {
	for s := range d.across {
		i := block*d.across + s
		from := (*[reach]float64)(values[hubs+s<<segmentBits:])
		for _, e := range d.far[d.cells[i]:d.cells[i+1]] {
			sums[e%(1<<blockBits)] += from[e>>16]
		}
	}
}
