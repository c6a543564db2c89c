package limit

import "math/bits"

// Sizes of a grid: 65,536 hubs of 8 bytes are half of a second-level cache, and so are the
// rows of a block; a segment of the other vertices' values is 128 KiB.
const (
	hubs        = 1 << 16
	blockBits   = 15
	segmentBits = 14
)

// A grid is the edges by destination as they are gathered best: places of values by how
// often they are a source, edges from the first 65,536 as rows of 16 bits each, the others
// by blocks of rows and segments of places, so that what is read and written at random stays
// in the second-level cache.
type grid struct {
	order  []uint32 // by vertex: the place of its value
	rows   []uint32 // vertices by edges from hubs, most first
	starts []uint32 // of rows in near, and the end
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
	lens := make([]uint32, n)
	inChunks(workers, n, 1<<blockBits, func(_, lo, hi int) {
		cells := d.cells[lo>>blockBits*d.across:]
		for v := lo; v < hi; v++ {
			for _, u := range g.in.of(uint32(v)) {
				if at := d.order[u]; at < hubs {
					lens[v]++
				} else {
					cells[(at-hubs)>>segmentBits]++
				}
			}
		}
	})
	d.far = make([]uint32, sumUp(d.cells))
	d.rows = longestFirst(lens)
	d.starts = make([]uint32, n+1)
	sum := uint32(0)
	for i, v := range d.rows {
		d.starts[i] = sum
		lens[v], sum = sum, sum+lens[v]
	}
	d.starts[n], d.near = sum, make([]uint16, sum)
	inChunks(workers, n, 1<<blockBits, func(_, lo, hi int) {
		cells := d.cells[lo>>blockBits*d.across:]
		for v := lo; v < hi; v++ {
			next := lens[v]
			for _, u := range g.in.of(uint32(v)) {
				at := d.order[u]
				if at < hubs {
					d.near[next] = uint16(at)
					next++
					continue
				}
				at -= hubs
				cell := &cells[at>>segmentBits]
				d.far[*cell] = at%(1<<segmentBits)<<16 | uint32(v)%(1<<blockBits)
				*cell++
			}
		}
	})
	copy(d.cells[1:], d.cells)
	d.cells[0] = 0
	return d
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

// gatherNear adds up for rows[lo:hi] what comes from hubs, in four chains.
func (d *grid) gatherNear(lo, hi int, values *[hubs]float64, sums []float64) {
	start := d.starts[lo]
	for i, v := range d.rows[lo:hi] {
		end := d.starts[lo+i+1]
		row := d.near[start:end]
		start = end
		var a, b, c, e float64
		for len(row) >= 4 {
			a += values[row[0]]
			b += values[row[1]]
			c += values[row[2]]
			e += values[row[3]]
			row = row[4:]
		}
		for _, u := range row {
			a += values[u]
		}
		sums[v] = (a + b) + (c + e)
	}
}

// gatherFar adds to the rows of a block what comes from others.
func (d *grid) gatherFar(block int, values, sums []float64) {
	for s := range d.across {
		i := block*d.across + s
		from := values[hubs+s<<segmentBits:]
		for _, e := range d.far[d.cells[i]:d.cells[i+1]] {
			sums[e%(1<<blockBits)] += from[e>>16]
		}
	}
}
