package limit

import (
	"bytes"
	"errors"
	"math"
)

// rows are the edges at every vertex: those at v have their other ends in
// ends[offsets[v]:offsets[v+1]], with their weights at the same places.
type rows struct {
	offsets []uint32 // one more than vertices
	ends    []uint32
	weights []float64 // nil without weights
}

// degree returns the number of edges at a vertex.
func (r *rows) degree(v uint32) int { return int(r.offsets[v+1] - r.offsets[v]) }

// of returns the other ends of the edges at a vertex.
func (r *rows) of(v uint32) []uint32 { return r.ends[r.offsets[v]:r.offsets[v+1]] }

// A csr is a graph.
type csr struct {
	ids     []uint32 // by vertex, ascending
	degrees []uint32 // edges that leave
	in      *rows    // by destination; nil unless asked for
	out     *rows    // by source; the same
	edges   *grid    // in the place of in
}

// want says what load keeps of a graph.
type want struct{ in, out, weights, grid bool }

type edge struct{ src, dst uint32 }

var (
	errLine  = errors.New(`want lines "src dst", or "src dst weight" for sssp, of ids and whole weights below 2^32`)
	errRange = errors.New("ids too sparse, or too many edges, for the limit program")
)

// A part is what one worker has read.
type part struct {
	edges   []edge
	weights []float64
	most    uint32 // id
}

func load(text []byte, workers int, keep want) (*csr, error) {
	parts := make([]part, workers)
	errs := make([]error, workers)
	parallel(workers, func(w int) {
		parts[w], errs[w] = parse(text[lineStart(text, len(text)*w/workers):lineStart(text, len(text)*(w+1)/workers)], keep.weights)
	})
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	edges, top := 0, uint32(0)
	for _, p := range parts {
		edges, top = edges+len(p.edges), max(top, p.most)
	}
	if int(top) > 64*(edges+1024) || edges > math.MaxUint32 {
		return nil, errRange
	}
	g := &csr{}
	numbers := g.number(parts, int(top)+1)
	g.build(parts, numbers, edges, keep)
	if keep.grid {
		g.edges, g.in = g.grid(workers), nil
	}
	return g, nil
}

// lineStart returns the first start of a line at i or later.
func lineStart(text []byte, i int) int {
	if i == 0 || i >= len(text) {
		return i
	}
	if n := bytes.IndexByte(text[i-1:], '\n'); n >= 0 {
		return i + n
	}
	return len(text)
}

// digits reads a whole number and returns where they end; ok is false without any, or with
// more than a u32 has.
func digits(b []byte, i int) (x uint64, end int, ok bool) {
	start := i
	for ; i < len(b) && b[i]-'0' <= 9; i++ {
		x = x*10 + uint64(b[i]-'0')
	}
	return x, i, i > start && i-start <= 10 && x <= math.MaxUint32
}

func parse(b []byte, weights bool) (p part, err error) {
	p.edges = make([]edge, 0, len(b)/12)
	if weights {
		p.weights = make([]float64, 0, len(b)/12)
	}
	for i := 0; i < len(b); i++ {
		src, at, ok := digits(b, i)
		if !ok || at >= len(b) || b[at] != ' ' {
			return p, errLine
		}
		dst, at, ok := digits(b, at+1)
		if weights {
			if !ok || at >= len(b) || b[at] != ' ' {
				return p, errLine
			}
			var weight uint64
			weight, at, ok = digits(b, at+1)
			p.weights = append(p.weights, float64(weight))
		}
		if !ok || at < len(b) && b[at] != '\n' {
			return p, errLine
		}
		p.edges = append(p.edges, edge{uint32(src), uint32(dst)})
		p.most = max(p.most, uint32(src), uint32(dst))
		i = at
	}
	return p, nil
}

// number finds the ids that occur and returns their numbers by id.
func (g *csr) number(parts []part, ids int) []uint32 {
	seen := make([][]bool, len(parts))
	parallel(len(parts), func(w int) {
		seen[w] = make([]bool, ids)
		for _, e := range parts[w].edges {
			seen[w][e.src], seen[w][e.dst] = true, true
		}
	})
	numbers := make([]uint32, ids)
	for id := range numbers {
		occurs := false
		for _, s := range seen {
			occurs = occurs || s[id]
		}
		if occurs {
			numbers[id] = uint32(len(g.ids))
			g.ids = append(g.ids, uint32(id))
		}
	}
	return numbers
}

// build counts, then scatters.
func (g *csr) build(parts []part, numbers []uint32, edges int, keep want) {
	n := len(g.ids)
	in, out := make([][]uint32, len(parts)), make([][]uint32, len(parts))
	parallel(len(parts), func(w int) {
		in[w], out[w] = make([]uint32, n), make([]uint32, n)
		for i, e := range parts[w].edges {
			e = edge{numbers[e.src], numbers[e.dst]}
			parts[w].edges[i] = e
			out[w][e.src]++
			in[w][e.dst]++
		}
	})
	g.degrees = make([]uint32, n)
	for _, o := range out {
		for v, d := range o {
			g.degrees[v] += d
		}
	}
	if keep.in {
		g.in = scatter(parts, in, edges, func(e edge) (at, end uint32) { return e.dst, e.src })
	}
	if keep.out {
		g.out = scatter(parts, out, edges, func(e edge) (at, end uint32) { return e.src, e.dst })
	}
}

// scatter makes rows, each worker behind those before it. counts are the edges at
// every vertex by worker, and used up.
func scatter(parts []part, counts [][]uint32, edges int, ends func(edge) (at, end uint32)) *rows {
	n := len(counts[0])
	r := &rows{offsets: make([]uint32, n+1), ends: make([]uint32, edges)}
	if parts[0].weights != nil {
		r.weights = make([]float64, edges)
	}
	at := uint32(0)
	for v := range n {
		r.offsets[v] = at
		for w := range counts {
			at, counts[w][v] = at+counts[w][v], at
		}
	}
	r.offsets[n] = at
	parallel(len(parts), func(w int) {
		to := counts[w]
		for i, e := range parts[w].edges {
			v, end := ends(e)
			r.ends[to[v]] = end
			if r.weights != nil {
				r.weights[to[v]] = parts[w].weights[i]
			}
			to[v]++
		}
	})
	return r
}
