package limit

import "sync/atomic"

// Components finds the smallest id in every vertex's weak component as
// algo.Components does, by Afforest (Sutton, Ben-Nun and Barak, IPDPS 2018): a few
// edges of every vertex join most of the largest component, whose vertices then need
// no look at their other edges.
type Components struct{ Workers int }

// sampled is how many edges of a vertex are joined first: the paper's choice.
const sampled = 2

// Run reads the file input and writes "id TAB smallest id" lines into the new folder
// output.
func (c Components) Run(input, output string) (Times, error) {
	return run(input, output, c.Workers, want{in: true, out: true}, func(g *csr) (line, error) {
		roots := c.join(g)
		return func(dst []byte, v int) []byte { return appendUint(dst, g.ids[roots[v]]) }, nil
	})
}

// join returns the smallest vertex that each is connected with.
func (c Components) join(g *csr) []uint32 {
	n := len(g.ids)
	roots := make([]uint32, n)
	for v := range roots {
		roots[v] = uint32(v)
	}
	for r := range sampled {
		inChunks(c.Workers, n, chunk, func(_, lo, hi int) {
			for v := uint32(lo); v < uint32(hi); v++ {
				if ends := g.out.of(v); r < len(ends) {
					link(roots, v, ends[r])
				}
			}
		})
		c.compress(roots)
	}
	large := largest(roots)
	inChunks(c.Workers, n, chunk, func(_, lo, hi int) {
		for v := uint32(lo); v < uint32(hi); v++ {
			if atomic.LoadUint32(&roots[v]) == large {
				continue
			}
			ends := g.out.of(v)
			for _, u := range ends[min(sampled, len(ends)):] {
				link(roots, v, u)
			}
			for _, u := range g.in.of(v) { // the other end may be skipped
				link(roots, v, u)
			}
		}
	})
	c.compress(roots)
	return roots
}

// link joins the sets of two vertices: the larger root gets the smaller one.
func link(roots []uint32, u, v uint32) {
	a, b := atomic.LoadUint32(&roots[u]), atomic.LoadUint32(&roots[v])
	for a != b {
		high, low := max(a, b), min(a, b)
		p := atomic.LoadUint32(&roots[high])
		if p == low || p == high && atomic.CompareAndSwapUint32(&roots[high], high, low) {
			return
		}
		a, b = atomic.LoadUint32(&roots[atomic.LoadUint32(&roots[high])]), atomic.LoadUint32(&roots[low])
	}
}

// compress leads every vertex to its root at once.
func (c Components) compress(roots []uint32) {
	inChunks(c.Workers, len(roots), chunk, func(_, lo, hi int) {
		for v := lo; v < hi; v++ {
			r := atomic.LoadUint32(&roots[v])
			for p := atomic.LoadUint32(&roots[r]); p != r; p = atomic.LoadUint32(&roots[r]) {
				r = p
			}
			atomic.StoreUint32(&roots[v], r)
		}
	})
}

// largest returns the root that most of some vertices have.
func largest(roots []uint32) (root uint32) {
	counts := map[uint32]int{}
	for v := 0; v < len(roots); v += len(roots)/1024 + 1 {
		r := roots[v]
		if counts[r]++; counts[r] > counts[root] {
			root = r
		}
	}
	return root
}
