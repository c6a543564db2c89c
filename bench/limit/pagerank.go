package limit

import (
	"math"
	"strconv"

	"scalar/bsp/arena"
)

// PageRank ranks the vertices of an edge list as algo.PageRank does: float64,
// Jacobi, dangling mass spread evenly, distinct ids found in the text. It pulls
// along one grid in shared memory. It takes lines "src dst" only, ids below 2^32
// and not much sparser than the edges, and checks little else.
type PageRank struct {
	Iterations int
	Damping    float64
	Workers    int
}

// Run reads the file input and writes "id TAB rank" lines into the new folder output,
// a file a worker.
func (c PageRank) Run(input, output string) (Times, error) {
	return run(input, output, c.Workers, want{in: true, grid: true}, func(g *csr) (line, error) {
		ranks := c.rank(g)
		return func(dst []byte, v int) []byte { return strconv.AppendFloat(dst, ranks[v], 'g', -1, 64) }, nil
	})
}

// rank runs the iterations. Each reads the shares of the last and writes those of the
// next, by place of the grid.
func (c PageRank) rank(g *csr) []float64 {
	n, d := len(g.ids), g.edges
	ranks, sums := make([]float64, n), make([]float64, (n+1<<blockBits-1)&^(1<<blockBits-1))
	var shares, next []float64
	for _, s := range []*[]float64{&shares, &next} {
		*s = make([]float64, hubs+d.across<<segmentBits+reach)
		arena.LargePages(*s)
	}
	arena.LargePages(sums)
	dangling := 0.0
	for v := range ranks {
		ranks[v] = 1 / float64(n)
		dangling += spread(ranks[v], g.degrees[v], &shares[d.order[v]])
	}
	for range c.Iterations {
		base := (1 - c.Damping + c.Damping*dangling) / float64(n)
		inChunks(c.Workers, n, 1<<blockBits, func(_, lo, hi int) {
			d.gatherNear(lo, hi, (*[reach]float64)(shares), sums)
			d.gatherFar(lo>>blockBits, shares, (*[1 << blockBits]float64)(sums[lo:]))
		})
		lost := make([]float64, c.Workers)
		inChunks(c.Workers, n, rowChunk, func(w, lo, hi int) {
			mass := 0.0
			for v := lo; v < hi; v++ {
				ranks[v] = base + c.Damping*sums[d.into[v]]
				mass += spread(ranks[v], g.degrees[v], &next[d.order[v]])
			}
			lost[w] += mass
		})
		dangling = 0
		for _, x := range lost {
			dangling += x
		}
		shares, next = next, shares
	}
	return ranks
}

// spread puts what goes along each of so many edges into part, and returns what is lost
// where there is none. It has no branch, which would often be foreseen wrongly.
func spread(rank float64, degree uint32, part *float64) float64 {
	none := uint64(int64(uint64(degree)-1) >> 63)
	*part = math.Float64frombits(math.Float64bits(rank/float64(degree|uint32(none&1))) &^ none)
	return math.Float64frombits(math.Float64bits(rank) & none)
}
