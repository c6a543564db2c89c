package limit

import (
	"bytes"
	"errors"
	"math"
)

// csr is a graph by destination: the sources of the edges into v are
// sources[offsets[v]:offsets[v+1]].
type csr struct {
	ids     []uint32 // by vertex, ascending
	degrees []uint32 // edges that leave
	offsets []uint32 // one more than vertices
	sources []uint32
}

type edge struct{ src, dst uint32 }

var (
	errLine  = errors.New(`want lines "src dst" of ids below 2^32`)
	errRange = errors.New("ids too sparse, or too many edges, for the limit program")
)

func load(text []byte, workers int) (*csr, error) {
	parts := make([][]edge, workers)
	most := make([]uint32, workers)
	errs := make([]error, workers)
	parallel(workers, func(w int) {
		parts[w], most[w], errs[w] = parse(text[lineStart(text, len(text)*w/workers):lineStart(text, len(text)*(w+1)/workers)])
	})
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	edges, top := 0, uint32(0)
	for w, p := range parts {
		edges, top = edges+len(p), max(top, most[w])
	}
	if int(top) > 64*(edges+1024) || edges > math.MaxUint32 {
		return nil, errRange
	}
	g := &csr{}
	numbers := g.number(parts, int(top)+1)
	g.build(parts, numbers, edges)
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

func parse(b []byte) (edges []edge, most uint32, err error) {
	edges = make([]edge, 0, len(b)/12)
	for i := 0; i < len(b); i++ {
		var src, dst uint64
		start := i
		for ; i < len(b) && b[i]-'0' <= 9; i++ {
			src = src*10 + uint64(b[i]-'0')
		}
		if i == start || i >= len(b) || b[i] != ' ' || i-start > 10 {
			return nil, 0, errLine
		}
		i++
		start = i
		for ; i < len(b) && b[i]-'0' <= 9; i++ {
			dst = dst*10 + uint64(b[i]-'0')
		}
		if i == start || i < len(b) && b[i] != '\n' || i-start > 10 || max(src, dst) > math.MaxUint32 {
			return nil, 0, errLine
		}
		edges = append(edges, edge{uint32(src), uint32(dst)})
		most = max(most, uint32(src), uint32(dst))
	}
	return edges, most, nil
}

// number finds the ids that occur and returns their numbers by id.
func (g *csr) number(parts [][]edge, ids int) []uint32 {
	seen := make([][]bool, len(parts))
	parallel(len(parts), func(w int) {
		seen[w] = make([]bool, ids)
		for _, e := range parts[w] {
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

// build counts, then scatters, each worker behind those before it.
func (g *csr) build(parts [][]edge, numbers []uint32, edges int) {
	n := len(g.ids)
	in, out := make([][]uint32, len(parts)), make([][]uint32, len(parts))
	parallel(len(parts), func(w int) {
		in[w], out[w] = make([]uint32, n), make([]uint32, n)
		for i, e := range parts[w] {
			e = edge{numbers[e.src], numbers[e.dst]}
			parts[w][i] = e
			out[w][e.src]++
			in[w][e.dst]++
		}
	})
	g.degrees, g.offsets, g.sources = make([]uint32, n), make([]uint32, n+1), make([]uint32, edges)
	at := uint32(0)
	for v := range n {
		g.offsets[v] = at
		for w := range parts {
			g.degrees[v] += out[w][v]
			at, in[w][v] = at+in[w][v], at
		}
	}
	g.offsets[n] = at
	parallel(len(parts), func(w int) {
		to := in[w]
		for _, e := range parts[w] {
			g.sources[to[e.dst]] = e.src
			to[e.dst]++
		}
	})
}
