package graph

import (
	"context"
	"errors"
	"fmt"

	"scalar/bsp"
	"scalar/bsp/scan"
	"scalar/storage"
)

// blockBytes is how much text is parsed at once: with the numbers that come out of
// it, it stays in the second-level cache.
const blockBytes = 128 << 10

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

// read reads the peer's part of the input, and of the files of vertices, into a list.
func read[M any](ctx context.Context, p *bsp.Peer[M], list *edgeList, in Input) error {
	if p.Input() != nil {
		if err := readEdges(ctx, p, list, in); err != nil {
			return err
		}
	}
	take := func(url string, add func(codes []uint32)) error {
		if url == "" {
			return nil
		}
		splits, err := storage.Splits(ctx, url, p.N())
		if err != nil {
			return scan.InputFailure(fmt.Errorf("vertices: %w", err))
		}
		return readVertices(ctx, splits[p.Index()], in, list.intern, add)
	}
	if err := take(in.Vertices, func([]uint32) {}); err != nil {
		return err
	}
	return take(in.Marked, func(codes []uint32) { list.marked = append(list.marked, codes...) })
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
	if err := list.keepSeen(t.records.InputSize() / int64(p.N())); err != nil {
		return err
	}
	var failed error
	err = t.read(ctx, func(b []byte) {
		if failed == nil {
			failed = list.addText(b, t.ps, in)
		}
	})
	return errors.Join(err, failed)
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

// An interner returns the codes of ids, into dst.
type interner func(dst []uint32, text []byte, list vertices) ([]uint32, error)

// readVertices gives the ids in a split of a file of vertices to intern, and their codes to
// add.
func readVertices(ctx context.Context, split storage.Split, in Input, intern interner, add func(codes []uint32)) error {
	r, err := storage.OpenRecords(ctx, split)
	if err != nil {
		return scan.InputFailure(fmt.Errorf("vertices: %w", err))
	}
	ps := newParser(in)
	var failed error
	err = parseAll(ctx, r, ps.vertices, func(b []byte) {
		if failed != nil {
			return
		}
		var codes []uint32
		if codes, failed = intern(nil, b, ps.ends()); failed == nil {
			add(codes)
		}
	})
	return errors.Join(err, failed, r.Close())
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
			return misplaced(r)
		}
		if r.Pos().Offset == int64(len(b)) { // the file begins here
			scan.BlankMark(b)
		}
		if err := parse(b); err != nil {
			if head, _ := r.Head(binaryMagicSize); isBinary(head) { // this is from the middle of it
				return misplaced(r)
			}
			return scan.Malformed(r.BlockWhere, err)
		}
		add(b)
	}
}

// misplaced is the error of a file that is a binary graph.
func misplaced(r *storage.Records) error {
	_, where := r.Head(0)
	return scan.Malformed(func(int) string { return where }, scan.FaultAt(0, "this is a binary graph: it is read if it is the input itself, not compressed and not in a folder"))
}

// addText adds a parsed block.
func (l *edgeList) addText(b []byte, ps *parser, in Input) error {
	if len(ps.lone.ids) > 0 || len(ps.lone.spans) > 0 {
		if _, err := l.intern(nil, ps.names(b), ps.lone); err != nil {
			return err
		}
	}
	if d, ok := l.ids.(*integerCensus); ok && d.seen != nil {
		return l.addSmall(d, ps.ids, ps.weights, in)
	}
	codes, err := l.intern(l.codes, ps.names(b), ps.ends())
	if err != nil {
		return err
	}
	l.codes = codes
	l.addEdges(codes, ps.weights, in)
	return nil
}

// bothWays returns the edges and those turned around, loops once, and with Ways in the
// place of weights which way each goes, seen from its destination.
func bothWays[T uint32 | uint64](ends []T, weights []float64, in Input) (both []T, kept []float64) {
	there, back := float64(Inward|Outward), float64(Inward|Outward)
	both = make([]T, 0, 2*len(ends))
	if in.Ways || in.Weights {
		kept = make([]float64, 0, len(ends))
	}
	for i := 0; i+1 < len(ends); i += 2 {
		src, dst := ends[i], ends[i+1]
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
