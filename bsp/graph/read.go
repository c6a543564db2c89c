package graph

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"scalar/bsp"
	"scalar/bsp/scan"
	"scalar/storage"
)

// blockBytes is how much text is parsed at once: with the numbers that come out of
// it, it stays in the second-level cache.
const blockBytes = 128 << 10

// edgeList is what one peer parsed: its distinct ids and the edges between them.
type edgeList struct {
	ids     dictionary
	chunks  [][]uint32  // source and destination in turn, numbers of ids; one chunk a parsed block
	weights [][]float64 // by edge, nil unless kept
	marked  []uint32    // numbers of ids

	// Of a binary graph, which every peer knows all ids of: the peer's own vertices,
	// sorted, and where each number's vertex is.
	own    dictionary
	places []place
}

// A text is what one peer, or Convert, reads of a graph that is written as text.
type text struct {
	in      Input
	url     string
	index   int // of the peer
	peers   int
	records *storage.Records
	ps      *parser
	gather  func(own []byte) ([][]byte, error) // what every peer gives, by peer
}

// read reads the peer's part of the input, and of the file of vertices.
func read[M any](ctx context.Context, p *bsp.Peer[M], in Input) (*edgeList, error) {
	list := &edgeList{ids: newDictionary(in.IDs)}
	if p.Input() != nil {
		if err := readEdges(ctx, p, list, in); err != nil {
			return nil, err
		}
	}
	take := func(url string, add func(numbers []uint32)) error {
		if url == "" {
			return nil
		}
		splits, err := storage.Splits(ctx, url, p.N())
		if err != nil {
			return scan.InputFailure(fmt.Errorf("vertices: %w", err))
		}
		return readVertices(ctx, splits[p.Index()], in, list.ids, add)
	}
	if err := take(in.Vertices, func([]uint32) {}); err != nil {
		return nil, err
	}
	return list, take(in.Marked, func(numbers []uint32) { list.marked = append(list.marked, numbers...) })
}

// readEdges reads the job's input: a binary graph, or text.
func readEdges[M any](ctx context.Context, p *bsp.Peer[M], list *edgeList, in Input) error {
	if err := in.Validate(); err != nil {
		return err
	}
	f, err := openBinary(ctx, p.Input().URL)
	if err != nil {
		return scan.InputFailure(err)
	}
	if f != nil {
		return errors.Join(f.read(ctx, list, in, share{p.Index(), p.N()}), f.close())
	}
	t := &text{in: in, url: p.Input().URL, index: p.Index(), peers: p.N(), ps: newParser(in)}
	t.gather = func(own []byte) ([][]byte, error) { return bsp.HandOver(ctx, p, repeat(own, p.N())) }
	if t.records = p.Records(); t.records == nil {
		if _, _, err := p.Next(); err != nil {
			return scan.InputFailure(err)
		}
		return errors.New("a graph program divides its input by itself: PartitionInput is of no use to it")
	}
	if err := p.Rewind(); err != nil { // after a restart the position is the end
		return scan.InputFailure(err)
	}
	return t.read(ctx, func(b []byte) { list.addText(b, t.ps, in) })
}

// read gives the blocks of the peer's part of the text to the parser, and each parsed
// one to add.
func (t *text) read(ctx context.Context, add func(block []byte)) error {
	switch t.in.Format {
	case Adjacency:
		return parseAll(ctx, t.records, t.ps.adjacency, add)
	case JSON:
		return parseAll(ctx, t.records, t.ps.json, add)
	case METIS:
		return t.metis(ctx, add)
	case MatrixMarket:
		return t.matrix(ctx, add)
	case Edges:
	}
	return parseAll(ctx, t.records, t.ps.edges, add)
}

// readVertices adds the ids in a split of a file of vertices to a dictionary, and tells
// their numbers.
func readVertices(ctx context.Context, split storage.Split, in Input, ids dictionary, add func(numbers []uint32)) error {
	r, err := storage.OpenRecords(ctx, split)
	if err != nil {
		return scan.InputFailure(fmt.Errorf("vertices: %w", err))
	}
	ps := newParser(in)
	err = parseAll(ctx, r, ps.vertices, func(b []byte) { add(ids.intern(nil, b, ps.ends())) })
	return errors.Join(err, r.Close())
}

// parseAll gives all blocks of r to parse, and the parsed ones to add.
func parseAll(ctx context.Context, r *storage.Records, parse func([]byte) error, add func([]byte)) error {
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		b, ok, err := r.Block(blockBytes)
		if err != nil {
			return scan.InputFailure(err)
		}
		if !ok {
			return nil
		}
		if isBinary(b) {
			return scan.Malformed(r.BlockWhere, scan.FaultAt(0, "this is a binary graph: it is read if it is the input itself, not compressed and not in a folder"))
		}
		if err := parse(b); err != nil {
			return scan.Malformed(r.BlockWhere, err)
		}
		add(b)
	}
}

// addText adds a parsed block.
func (l *edgeList) addText(b []byte, ps *parser, in Input) {
	if len(ps.lone.ids) > 0 || len(ps.lone.spans) > 0 {
		l.ids.intern(nil, ps.names(b), ps.lone)
	}
	l.addEdges(l.ids.intern(nil, ps.names(b), ps.ends()), slices.Clone(ps.weights), in) // nil stays nil
}

// addEdges adds edges between numbers, both ways if the graph is undirected: the two
// ways beside each other, so that the order of edges does not depend on how the input
// is cut. It keeps both slices.
func (l *edgeList) addEdges(chunk []uint32, weights []float64, in Input) {
	if in.Undirected {
		chunk, weights = bothWays(chunk, weights, in)
	}
	l.chunks = append(l.chunks, chunk)
	l.weights = append(l.weights, weights)
}

// bothWays returns the edges and those turned around, loops once, and with Ways in the
// place of weights which way each goes, seen from its destination.
func bothWays(chunk []uint32, weights []float64, in Input) (both []uint32, kept []float64) {
	there, back := float64(Inward|Outward), float64(Inward|Outward)
	both = make([]uint32, 0, 2*len(chunk))
	if in.Ways || in.Weights {
		kept = make([]float64, 0, len(chunk))
	}
	for i := 0; i+1 < len(chunk); i += 2 {
		src, dst := chunk[i], chunk[i+1]
		switch {
		case in.Weights:
			there, back = weights[i/2], weights[i/2]
		case in.single && src != dst:
			there, back = Inward, Outward
		case in.single: // a loop goes both ways
			there = Inward | Outward
		}
		both = append(both, src, dst)
		if kept != nil {
			kept = append(kept, there)
		}
		if src == dst {
			continue
		}
		both = append(both, dst, src)
		if kept != nil {
			kept = append(kept, back)
		}
	}
	return both, kept
}
