package limit

import "strconv"

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
	ranks, sums := make([]float64, n), make([]float64, n)
	shares, next := make([]float64, max(n, hubs)), make([]float64, max(n, hubs))
	dangling := 0.0
	for v := range ranks {
		ranks[v] = 1 / float64(n)
		if degree := g.degrees[v]; degree > 0 {
			shares[d.order[v]] = ranks[v] / float64(degree)
		} else {
			dangling += ranks[v]
		}
	}
	for range c.Iterations {
		base := (1 - c.Damping + c.Damping*dangling) / float64(n)
		inChunks(c.Workers, n, rowChunk, func(_, lo, hi int) {
			d.gatherNear(lo, hi, (*[hubs]float64)(shares), sums)
		})
		lost := make([]float64, c.Workers)
		inChunks(c.Workers, n, 1<<blockBits, func(w, lo, hi int) {
			d.gatherFar(lo>>blockBits, shares, sums[lo:hi])
			mass := 0.0
			for v := lo; v < hi; v++ {
				r := base + c.Damping*sums[v]
				ranks[v] = r
				if degree := g.degrees[v]; degree > 0 {
					next[d.order[v]] = r / float64(degree)
				} else {
					mass += r
				}
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
