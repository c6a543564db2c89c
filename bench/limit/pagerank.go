package limit

import (
	"strconv"
	"sync/atomic"
)

// PageRank ranks the vertices of an edge list as algo.PageRank does: float64,
// Jacobi, dangling mass spread evenly, distinct ids found in the text. It pulls
// along one CSR in shared memory. It takes lines "src dst" only, ids below 2^32
// and not much sparser than the edges, and checks little else.
type PageRank struct {
	Iterations int
	Damping    float64
	Workers    int
}

// Run reads the file input and writes "id TAB rank" lines into the new folder output,
// a file a worker.
func (c PageRank) Run(input, output string) (Times, error) {
	return run(input, output, c.Workers, want{in: true}, func(g *csr) (line, error) {
		ranks := c.rank(g)
		return func(dst []byte, v int) []byte { return strconv.AppendFloat(dst, ranks[v], 'g', -1, 64) }, nil
	})
}

// rank runs the iterations. One pass an iteration reads the shares of the last and
// writes those of the next.
func (c PageRank) rank(g *csr) []float64 {
	n := len(g.ids)
	ranks, shares, next := make([]float64, n), make([]float64, n), make([]float64, n)
	dangling := 0.0
	for v := range ranks {
		ranks[v] = 1 / float64(n)
		if d := g.degrees[v]; d > 0 {
			shares[v] = ranks[v] / float64(d)
		} else {
			dangling += ranks[v]
		}
	}
	offsets, sources := g.in.offsets, g.in.ends
	for range c.Iterations {
		base := (1 - c.Damping + c.Damping*dangling) / float64(n)
		lost := make([]float64, c.Workers)
		var chunks atomic.Int64
		parallel(c.Workers, func(w int) {
			const chunk = 4096
			mass := 0.0
			for lo := int(chunks.Add(chunk)) - chunk; lo < n; lo = int(chunks.Add(chunk)) - chunk {
				for v := lo; v < min(lo+chunk, n); v++ {
					sum := 0.0
					for _, u := range sources[offsets[v]:offsets[v+1]] {
						sum += shares[u]
					}
					r := base + c.Damping*sum
					ranks[v] = r
					if d := g.degrees[v]; d > 0 {
						next[v] = r / float64(d)
					} else {
						mass += r
					}
				}
			}
			lost[w] = mass
		})
		dangling = 0
		for _, x := range lost {
			dangling += x
		}
		shares, next = next, shares
	}
	return ranks
}
