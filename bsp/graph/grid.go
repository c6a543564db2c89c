package graph

import (
	"math/bits"
	"slices"

	"scalar/bsp/arena"
	"scalar/bsp/graph/deal"
)

// A grid is a peer's edges by destination as gather likes them: so that what it reads and
// writes at random stays in the second-level cache. Values are gathered from an array of
// places in which the hubs are first, by how many edges of the peer's come from them
// (Zhang et al., Making caches work for graph analytics, 2017; Faldu et al., A closer look at
// lightweight graph reordering, 2019). Rows have places of the same kind, by how many edges
// lead to them. Edges from the first 32,768 places, which in common graphs are most, lie as rows
// of 16 bits each. The others lie in cells, one a block of 32,768 rows and a segment of places:
// both sides of a cell fit the cache. Where they are many they lie in strips: see tile.
type grid struct {
	order  []uint32 // by place of the mirror: where its value is gathered from
	into   []uint32 // by vertex: its row
	height int      // how many rows there are
	rows   []uint32 // those by their edges from hubs, most first
	runs   []run    // of those, with as many edges each
	near   []uint16 // sources of those edges
	shift  uint     // a segment has so many bits
	across int      // segments of a block
	cells  []uint32 // starts in far, by block and segment, and the end
	far    []uint32 // u16 source in its segment, u16 row in its block
	tiles  []*tile  // by block and 65,536 places; nil: its edges are in cells

	together int // blocks that are gathered together
}

// A run is rows one after the other that have as many edges from hubs: loops over their
// edges end where the processor expects it, and those of few edges are none.
type run struct{ rows, edges uint32 }

const (
	hubs           = 1 << 15 // places that rows of 16 bits have: 256 KiB of 8 bytes each
	blockBits      = 15      // rows of a block
	blocksTogether = 16      // that are gathered together: 4 MiB of sums, a share of a third-level cache
	tilesTogether  = 2       // that a block is gathered from before the next one: 1 MiB of values
	segmentBits    = 14      // places of a segment: 128 KiB; in large graphs up to 16 bits
	farRows        = 1 << 13 // rows that get places and order among themselves where edges lie in a file, to be written one part after the other
	noEdges        = 32      // class of what has none
	evenRows       = 1 << 10 // rows of this many edges from hubs or more are left in their order
)

// orderOf returns the order of places: by classes of how often they are a source, each a
// power of two, and in a class as they are in the mirror, so that values are copied in a few
// streams. own are the counts of own vertices, others of those of other peers: only those
// with a count have a place. The own ones without share the last, so that what nobody reads
// takes no memory. used is how many there are.
func orderOf(own []uint32, others [][]uint32) (order []uint32, used int) {
	var starts [noEdges + 2]uint32
	places := len(own)
	class := func(count uint32) int { return noEdges - bits.Len32(count) }
	for _, count := range own {
		starts[class(count)+1]++
	}
	for _, counts := range others {
		for _, count := range counts {
			if count > 0 {
				starts[class(count)+1]++
				places++
			}
		}
	}
	shared := min(starts[noEdges+1], 1)
	for i := range starts[1:] {
		starts[i+1] += starts[i]
	}
	used = int(starts[noEdges] + shared)
	order = make([]uint32, 0, places)
	next := func(count uint32) {
		to := &starts[class(count)]
		order = append(order, *to)
		*to += min(count, 1)
	}
	for _, count := range own {
		next(count)
	}
	for _, counts := range others {
		for _, count := range counts {
			if count > 0 {
				next(count)
			}
		}
	}
	return order, used
}

// newGrid makes an empty grid of so many places, for so many rows and edges; nil if cells would
// be many for so few edges.
func newGrid(order []uint32, places, rows int, edges uint64) *grid {
	g := &grid{order: order, shift: segmentBits}
	for g.shape(places, rows); uint64(len(g.cells)) > edges/16+1024; g.shape(places, rows) {
		if g.shift++; g.shift > 16 {
			return nil
		}
	}
	return g
}

// shape lays out the cells.
func (g *grid) shape(places, rows int) {
	blocks := (rows + 1<<blockBits - 1) >> blockBits
	g.across = (max(places-hubs, 0) + 1<<g.shift - 1) >> g.shift
	g.cells = make([]uint32, blocks*g.across+1)
}

// fill makes the grid of segments, whose numbers are in range. ranks are by owner where
// values of sources are gathered from; windows divide what lies in a file.
func (g *grid) fill(segments [][]segment, ranks [][]uint32, r *pull, a *arena.Arena) error {
	rows := r.starts[:len(r.starts)-1]
	among := max(len(rows), 1) // rows that are put in order together
	if total := sumOf(rows); !a.Fits(4 * int64(total)) {
		among = farRows
	}
	g.settle(rows, among)
	looked := &deal.Looked{Hubs: hubs}
	lens := make([]uint32, g.height) // by row: edges from hubs; then where its next one goes
	err := byRange(segments, func(owner int, s segment) error {
		g.count(looked, s, ranks[owner], lens)
		return nil
	})
	if err != nil {
		return err
	}
	if g.far, err = arena.Make[uint32](a, int(sumUp(g.cells))); err != nil {
		return err
	}
	if g.near, err = arena.Make[uint16](a, int(sumOf(lens))); err != nil {
		return err
	}
	if g.together = blocksTogether; arena.Mapped(a, g.far) {
		g.together = 1 // a file is read from one end to the other
	}
	arena.LargePages(g.near)
	arena.LargePages(g.far)
	part := sieve{all: uint32(len(rows))}
	to := rowStore{arena: a}
	g.arrange(lens, among)
	sumUp(r.starts)
	for part.lo, part.hi = range windows(r.starts, to.room(arena.Mapped(a, g.near) || arena.Mapped(a, g.far))) {
		err := byRange(segments, func(owner int, s segment) error {
			g.scatter(looked, part.pass(s), ranks[owner], lens)
			return nil
		})
		if err != nil {
			return err
		}
	}
	copy(g.cells[1:], g.cells) // scatter has moved every start to the end of its cell
	g.cells[0] = 0
	return nil
}

func sumOf(counts []uint32) (sum uint32) {
	for _, n := range counts {
		sum += n
	}
	return sum
}

// sumUp puts in the place of each number the sum of those before, and returns that of all.
func sumUp(counts []uint32) (sum uint32) {
	for i, n := range counts {
		counts[i], sum = sum, sum+n
	}
	return sum
}

// settle gives vertices their rows, of so many edges each: by classes as orderOf does, of so
// many vertices at a time. Those without edges have one row together.
func (g *grid) settle(edges []uint32, among int) {
	g.into = make([]uint32, 0, len(edges))
	for lo := 0; lo < len(edges); lo += among {
		order, used := orderOf(edges[lo:min(lo+among, len(edges))], nil)
		g.height = lo + used
		for _, at := range order {
			g.into = append(g.into, uint32(lo)+at)
		}
	}
}

// arrange decides where the edges from hubs lie, of so many of each row, and puts their
// starts in the place of these.
func (g *grid) arrange(lens []uint32, among int) {
	g.rows = make([]uint32, len(lens))
	at := uint32(0)
	for lo := 0; lo < len(lens); lo += among {
		rows := g.rows[lo:min(lo+among, len(lens))]
		longestFirst(rows, uint32(lo), lens)
		for _, v := range rows {
			n := lens[v]
			lens[v], at = at, at+n
			if last := len(g.runs) - 1; last >= 0 && g.runs[last].edges == n {
				g.runs[last].rows++
			} else {
				g.runs = append(g.runs, run{1, n})
			}
		}
	}
}

// longestFirst puts the rows from lo on, of so many edges each, in order by these.
func longestFirst(rows []uint32, lo uint32, lens []uint32) {
	var starts [evenRows + 1]uint32
	class := func(n uint32) uint32 { return evenRows - 1 - min(n, evenRows-1) }
	for _, n := range lens[lo:][:len(rows)] {
		starts[class(n)+1]++
	}
	for i := range starts[1:] {
		starts[i+1] += starts[i]
	}
	for i, n := range lens[lo:][:len(rows)] {
		rows[starts[class(n)]] = lo + uint32(i)
		starts[class(n)]++
	}
}

// cell returns the cell of an edge that is not from a hub.
func (g *grid) cell(e uint64) int {
	return int(e>>32>>blockBits)*g.across + int((uint32(e)-hubs)>>(g.shift&31))
}

// count counts the edges from hubs of each row, and those of each cell.
func (g *grid) count(l *deal.Looked, s segment, rank, lens []uint32) {
	ends := s.where()
	for edges := s.edges[:s.end()]; len(edges) > 0; {
		near, far, n := ends.Look(l, g.into, rank, edges)
		edges = edges[n:]
		for _, e := range l.Near[:near] {
			lens[e>>32]++
		}
		for _, e := range l.Far[:far] {
			g.cells[g.cell(e)]++
		}
	}
}

// scatter puts edges into their rows and cells. next is where those of each row go.
func (g *grid) scatter(l *deal.Looked, s segment, rank, next []uint32) {
	within, ends := uint32(1)<<(g.shift&31)-1, s.where()
	for edges := s.edges[:s.end()]; len(edges) > 0; {
		near, far, n := ends.Look(l, g.into, rank, edges)
		edges = edges[n:]
		for _, e := range l.Near[:near] {
			to := &next[e>>32]
			g.near[*to] = uint16(e)
			*to++
		}
		for _, e := range l.Far[:far] {
			to := &g.cells[g.cell(e)]
			g.far[*to] = (uint32(e)-hubs)&within<<16 | uint32(e>>32)&(1<<blockBits-1)
			*to++
		}
	}
}

// buildGrid makes a grid in the place of rows, if it is worth it, once edges are counted:
// those of rows in starts, those of sources in counts and, of the own ones, in degrees. It
// returns what number does.
func (g *part) buildGrid(segments [][]segment, counts [][]uint32, edges uint64) (telling [][]byte, made bool, err error) {
	r := g.pull
	order, places := orderOf(g.degrees, counts)
	grid := newGrid(order, places, len(g.degrees), edges)
	if grid == nil {
		return nil, false, nil
	}
	telling = r.number(counts, g.index, g.counts[g.index])
	ranks := slices.Clone(counts)
	ranks[g.index] = grid.order[:len(g.degrees)]
	for owner, watched := range r.watches {
		for _, u := range watched {
			ranks[owner][u] = grid.order[ranks[owner][u]]
		}
	}
	if err := grid.fill(segments, ranks, r, g.arena); err != nil {
		return nil, false, err
	}
	r.grid, r.starts = grid, nil
	return telling, true, nil
}
