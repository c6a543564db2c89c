package limit

import (
	"math"
	"strconv"
	"sync/atomic"
)

// SSSP finds the shortest paths from a vertex to all others as algo.SSSP does, by
// delta-stepping (Meyer and Sanders, J. Algorithms 2003): vertices settle in buckets of
// Delta each. As in the GAP benchmark suite light and heavy edges are relaxed alike,
// and a vertex that has improved since it was put into a bucket is looked at once.
type SSSP struct {
	Source  uint32  // id
	Delta   float64 // a power of 2, so that no rounding moves a vertex between buckets
	Workers int
}

// Run reads the file input, with weights, and writes "id TAB distance" lines into the
// new folder output.
func (c SSSP) Run(input, output string) (Times, error) {
	return run(input, output, c.Workers, want{out: true, weights: true}, func(g *csr) (line, error) {
		source, err := g.at(c.Source)
		if err != nil {
			return nil, err
		}
		distances := c.distances(g, source)
		return func(dst []byte, v int) []byte {
			if d := math.Float64frombits(distances[v]); !math.IsInf(d, 1) {
				return strconv.AppendFloat(dst, d, 'g', -1, 64)
			}
			return append(dst, "infinity"...)
		}, nil
	})
}

// A relaxer is one worker's part: what it has put into buckets.
type relaxer struct {
	distances []uint64 // shared: bits of float64s, whose order is that of numbers from 0 up
	delta     float64
	buckets   [][]uint32
}

func (r *relaxer) put(v uint32, d float64) {
	for b := int(d / r.delta); ; {
		if b < len(r.buckets) {
			r.buckets[b] = append(r.buckets[b], v)
			return
		}
		r.buckets = append(r.buckets, nil)
	}
}

// relax shortens the paths that lead over a vertex.
func (r *relaxer) relax(g *csr, u uint32) {
	base := math.Float64frombits(atomic.LoadUint64(&r.distances[u]))
	lo, hi := g.out.offsets[u], g.out.offsets[u+1]
	weights := g.out.weights[lo:hi]
	for i, v := range g.out.ends[lo:hi] {
		d := base + weights[i]
		to := math.Float64bits(d)
		for old := atomic.LoadUint64(&r.distances[v]); to < old; old = atomic.LoadUint64(&r.distances[v]) {
			if atomic.CompareAndSwapUint64(&r.distances[v], old, to) {
				r.put(v, d)
				break
			}
		}
	}
}

// fused is the most that a worker's own bucket holds to be worked off at once,
// without a barrier (Zhang et al., CGO 2020; GAP's choice).
const fused = 1000

// distances returns the bits of the distance of every vertex.
func (c SSSP) distances(g *csr, source uint32) []uint64 {
	distances := make([]uint64, len(g.ids))
	for v := range distances {
		distances[v] = math.Float64bits(math.Inf(1))
	}
	distances[source] = 0
	relaxers := make([]*relaxer, c.Workers)
	for w := range relaxers {
		relaxers[w] = &relaxer{distances: distances, delta: c.Delta}
	}
	front := []uint32{source}
	for b := 0; b >= 0; {
		least := math.Float64bits(c.Delta * float64(b))
		inChunks(c.Workers, len(front), frontChunk, func(w, lo, hi int) {
			for _, u := range front[lo:hi] {
				if atomic.LoadUint64(&distances[u]) >= least {
					relaxers[w].relax(g, u)
				}
			}
		})
		parallel(c.Workers, func(w int) { relaxers[w].fuse(g, b) })
		front, b = gather(relaxers, front[:0], b)
	}
	return distances
}

// fuse works off the own bucket b while it is small.
func (r *relaxer) fuse(g *csr, b int) {
	for b < len(r.buckets) && len(r.buckets[b]) > 0 && len(r.buckets[b]) < fused {
		mine := r.buckets[b]
		r.buckets[b] = nil
		for _, u := range mine {
			r.relax(g, u)
		}
	}
}

// gather moves the first bucket that is not empty, from b on, into front; -1 if all are.
func gather(relaxers []*relaxer, front []uint32, b int) (next []uint32, bucket int) {
	for more := true; more; b++ {
		more = false
		for _, r := range relaxers {
			if b < len(r.buckets) {
				more = true
				front = append(front, r.buckets[b]...)
				r.buckets[b] = nil
			}
		}
		if len(front) > 0 {
			return front, b
		}
	}
	return front, -1
}
