package graph

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"scalar/bsp/job"
	"scalar/bsp/scan"
	"scalar/storage"
)

// Converted is what Convert has written.
type Converted struct {
	Vertices, Edges int64
	Weights         bool // edges have weights; not if all weigh 1
}

// Convert reads a graph as in says and writes its binary form to w, which every
// program on graphs reads as its input at the speed of the disk. The edges keep their
// order, so that results are the same bit for bit. Undirected does not matter: it is
// chosen when a program reads the graph. The text is read twice; in memory are the
// distinct ids.
func Convert(ctx context.Context, in Input, url string, w io.Writer) (Converted, error) {
	if err := in.Validate(); err != nil {
		return Converted{}, err
	}
	if f, err := openBinary(ctx, url); err != nil || f != nil {
		if err != nil {
			return Converted{}, scan.InputFailure(err)
		}
		return Converted{}, errors.Join(job.Fail(job.FaultInput, "%s is a binary graph already", url), f.close())
	}
	splits, err := storage.Splits(ctx, url, 1)
	if err != nil {
		return Converted{}, scan.InputFailure(err)
	}
	in.Undirected, in.Weights, in.Ways, in.single = false, true, false, false
	c := &converter{in: in, split: splits[0], found: newCensus(in.IDs, 1)}
	if err := c.survey(ctx); err != nil {
		return Converted{}, err
	}
	if c.vertices == 0 {
		return Converted{}, nothing(&c.split)
	}
	if err := c.write(ctx, w); err != nil {
		return Converted{}, err
	}
	return Converted{int64(c.vertices), int64(c.edges), c.has(binaryWeights)}, nil
}

// converter makes a binary graph.
type converter struct {
	layout
	in    Input
	split storage.Split
	found census
	ids   dictionary
	rank  []uint32 // the number of a vertex by the order in which ids come
	out   blockWriter
}

// scan reads the text once.
func (c *converter) scan(ctx context.Context, add func(block []byte, ps *parser) error) (err error) {
	t := &text{in: c.in, url: c.split.URL, peers: 1, ps: newParser(c.in)}
	t.gather = func(own []byte) ([][]byte, error) { return [][]byte{own}, nil }
	if t.records, err = storage.OpenRecords(ctx, c.split); err != nil {
		return scan.InputFailure(err)
	}
	var failed error
	err = t.read(ctx, func(b []byte) {
		if failed == nil {
			failed = add(b, t.ps)
		}
	})
	if err = errors.Join(err, failed, t.records.Close()); err == nil && t.ps.head.both {
		c.flags |= binaryBoth
	}
	return err
}

// intern numbers the ids of a file of vertices.
func (c *converter) intern(dst []uint32, text []byte, list vertices) ([]uint32, error) {
	return c.found.intern(dst, text, list), nil
}

// survey finds out what the header says, and numbers the ids.
func (c *converter) survey(ctx context.Context) error {
	err := c.scan(ctx, func(b []byte, ps *parser) error {
		c.found.intern(nil, ps.names(b), ps.ends())
		c.found.intern(nil, ps.names(b), ps.lone)
		c.edges += uint64(len(ps.weights))
		for _, w := range ps.weights {
			if w != 1 {
				c.flags |= binaryWeights
			}
		}
		if c.found.size() > maxVertices {
			return fmt.Errorf("more than %d vertices", maxVertices)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if c.in.Vertices != "" {
		splits, err := storage.Splits(ctx, c.in.Vertices, 1)
		if err != nil {
			return scan.InputFailure(fmt.Errorf("vertices: %w", err))
		}
		if err := readVertices(ctx, splits[0], c.in, c.intern, func([]uint32) {}); err != nil {
			return err
		}
	}
	if c.found.size() > maxVertices {
		return fmt.Errorf("%d vertices; the limit is %d", c.found.size(), maxVertices)
	}
	if err := c.order(); err != nil {
		return err
	}
	if names, ok := c.ids.(*stringIDs); ok {
		c.flags |= binaryNames
		c.idBlocks = nameBlocks(names)
	}
	c.derive()
	return nil
}

// order puts the ids in their order.
func (c *converter) order() error {
	payload, _ := c.found.payload(0)
	ids, ranks, err := c.found.union([][]byte{payload}, false)
	if err != nil {
		return err
	}
	c.ids, c.rank, c.found = ids, ranks[0], nil
	c.vertices = uint64(ids.size())
	return nil
}

// nameBlocks returns how many blocks the names take.
func nameBlocks(names *stringIDs) (blocks uint64) {
	left := 0
	for i := range names.size() {
		size := len(names.appendTo(nil, i))
		if size > left {
			blocks++
			left = binaryPayload
		}
		left -= size
	}
	return blocks
}

// write writes header, ids and edges.
func (c *converter) write(ctx context.Context, w io.Writer) error {
	if _, err := w.Write(c.encode()); err != nil {
		return err
	}
	c.out = blockWriter{w: w, b: make([]byte, 8, binaryBlock)}
	for i := range c.ids.size() {
		if err := c.writeID(i); err != nil {
			return err
		}
	}
	if err := c.out.flush(); err != nil {
		return err
	}
	again := newCensus(c.in.IDs, 1) // gives the numbers that survey's gave before it was sorted
	var numbers []uint32
	found := uint64(0)
	err := c.scan(ctx, func(b []byte, ps *parser) error {
		numbers = again.intern(numbers[:0], ps.names(b), ps.ends())
		again.intern(nil, ps.names(b), ps.lone)
		found += uint64(len(ps.weights))
		if again.size() > len(c.rank) || found > c.edges {
			return c.changed()
		}
		return c.writeEdges(numbers, ps.weights)
	})
	if err == nil && found != c.edges {
		err = c.changed()
	}
	return errors.Join(err, c.out.flush())
}

func (c *converter) changed() error {
	return job.Fail(job.FaultInput, "%s %v", c.split.URL, storage.ErrChanged)
}

func (c *converter) writeID(i int) error {
	b := c.out.scratch[:0]
	switch ids := c.ids.(type) {
	case *integerIDs:
		b = binary.LittleEndian.AppendUint64(b, ids.ids[i])
	case *stringIDs:
		b = ids.appendTo(b, i)
	}
	c.out.scratch = b
	return c.out.add(b)
}

// writeEdges adds edges to the block, whose weights wait until it is full.
func (c *converter) writeEdges(numbers []uint32, weights []float64) error {
	weighted := c.has(binaryWeights)
	for e, w := range weights {
		o := &c.out
		o.b = binary.LittleEndian.AppendUint32(o.b, c.rank[numbers[2*e]])
		o.b = binary.LittleEndian.AppendUint32(o.b, c.rank[numbers[2*e+1]])
		if weighted {
			o.weights = append(o.weights, w)
		}
		if o.items++; uint64(o.items) == c.perEdges {
			if err := o.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// blockWriter writes blocks.
type blockWriter struct {
	w       io.Writer
	b       []byte // the block so far, with 8 bytes for its head
	items   int
	weights []float64
	scratch []byte
}

// add adds one item, in a new block if need be.
func (o *blockWriter) add(item []byte) error {
	if len(o.b)+len(item) > binaryBlock {
		if err := o.flush(); err != nil {
			return err
		}
	}
	o.b = append(o.b, item...)
	o.items++
	return nil
}

// flush writes the block, filled up with zeros.
func (o *blockWriter) flush() error {
	if o.items == 0 {
		return nil
	}
	for _, w := range o.weights {
		o.b = binary.LittleEndian.AppendUint64(o.b, math.Float64bits(w))
	}
	used := len(o.b)
	o.b = o.b[:binaryBlock]
	clear(o.b[used:])
	sealBlock(o.b, o.items)
	_, err := o.w.Write(o.b)
	o.b, o.items, o.weights = o.b[:8], 0, o.weights[:0]
	return err
}
