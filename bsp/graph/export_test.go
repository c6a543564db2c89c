package graph

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"strconv"

	"scalar/bsp"
	"scalar/bsp/scan"
	"scalar/storage"
	"scalar/superstep"
)

// ParseEdges parses a block and returns ids as text, src and dst in turn, and the
// weights; or where and why it is malformed.
func ParseEdges(b []byte, kind IDs, weights bool) (ids []string, ws []float64, offset int, err error) {
	p := &parser{strings: kind == Strings, keep: weights}
	return parsed(p, b, p.edges(b))
}

// ParseVertices is ParseEdges for a file of vertices.
func ParseVertices(b []byte, kind IDs) (ids []string, offset int, err error) {
	p := &parser{strings: kind == Strings}
	ids, _, offset, err = parsed(p, b, p.vertices(b))
	return ids, offset, err
}

func parsed(p *parser, b []byte, err error) ([]string, []float64, int, error) {
	if f, ok := errors.AsType[*scan.Fault](err); ok {
		return nil, nil, f.Offset, err
	}
	d := newDictionary(Integers)
	if p.strings {
		d = newDictionary(Strings)
	}
	var ids []string
	for _, i := range d.intern(nil, p.names(b), p.ends()) {
		ids = append(ids, string(d.text(nil, int(i))))
	}
	return ids, p.weights, 0, err
}

// A Parser keeps what benchmarks reuse.
type Parser struct {
	p parser
	d dictionary
}

// NewParser returns a parser of integer or string ids.
func NewParser(kind IDs, weights bool) *Parser {
	return &Parser{*newParser(Input{IDs: kind, Weights: weights}), newDictionary(kind)}
}

// Block parses a block, and interns its ids if asked to.
func (p *Parser) Block(b []byte, intern bool) error {
	if err := p.p.edges(b); err != nil || !intern {
		return err
	}
	p.d.intern(nil, b, p.p.ends())
	return nil
}

// Dictionary interns ids given as text and sorts them: the numbers before, the
// order after.
func Dictionary(kind IDs, lines []byte) (numbers []uint32, sorted []string, rank []uint32, err error) {
	p := &parser{strings: kind == Strings}
	if err := p.vertices(lines); err != nil {
		return nil, nil, nil, err
	}
	d := newDictionary(kind)
	numbers = d.intern(nil, lines, p.ends())
	rank = d.sort()
	for i := range d.size() {
		sorted = append(sorted, string(d.text(nil, i)))
	}
	return numbers, sorted, rank, nil
}

// Merge sends a dictionary's ids through a payload into another and returns them.
func Merge(kind IDs, lines []byte) ([]string, error) {
	p := &parser{strings: kind == Strings}
	if err := p.vertices(lines); err != nil {
		return nil, err
	}
	d, other := newDictionary(kind), newDictionary(kind)
	d.intern(nil, lines, p.ends())
	var payload []byte
	for i := range d.size() {
		payload = d.appendTo(payload, i)
	}
	numbers, err := other.merge(nil, payload)
	var ids []string
	for _, n := range numbers {
		ids = append(ids, string(other.text(nil, int(n))))
	}
	return ids, err
}

// Identity returns an operator's identity.
func Identity[M superstep.Number](op superstep.Op) M { return identity[M](op) }

// State is a state of n vertices that tests fill.
type State[V any, M superstep.Number] struct{ *state[V, M] }

// NewState returns the state of n vertices.
func NewState[V any, M superstep.Number](n int) (State[V, M], error) {
	s, err := newState[V](n, identity[M](superstep.Sum))
	return State[V, M]{s}, err
}

// Set changes a vertex.
func (s State[V, M]) Set(i int, v V, m M, halted bool) {
	s.values[i], s.inbox[i], s.halted[i] = v, m, halted
}

// Get returns a vertex, and Asleep how many have halted.
func (s State[V, M]) Get(i int) (V, M, bool) { return s.values[i], s.inbox[i], s.halted[i] }

// Asleep returns how many vertices have halted.
func (s State[V, M]) Asleep() int { return s.asleep }

// crowd is a dictionary of more ids than a peer can number.
type crowd struct{ dictionary }

func (crowd) size() int { return maxVertices + 1 }

// SettleTooMany gives one peer of several more distinct ids than it can number.
func SettleTooMany(peers int) error {
	_, err := (&part{}).settle(crowd{}, peers, nil)
	return err
}

// AddDegree adds an edge to a vertex that has degree edges already.
func AddDegree(degree uint32) error {
	columns := make([]byte, segmentSize(1, false)) // from 0 to 0
	_, err := newBlock([]segment{{1, columns}}, []uint32{degree}, 1, false)
	return err
}

// An Edge is an edge as it was read.
type Edge struct {
	Src, Dst string
	Weight   float64
}

// Dump is a program that writes what its peers have read of a text: "e", source,
// destination and weight for edges in their order, "v" and the id for vertices.
func Dump(in Input) bsp.Program[uint8] {
	return func(ctx context.Context, p *bsp.Peer[uint8]) error {
		list, err := read(ctx, p, in)
		if err != nil {
			return err
		}
		for _, e := range list.dump() {
			p.Write("e", e.Src+" "+e.Dst+" "+strconv.FormatFloat(e.Weight, 'g', -1, 64))
		}
		for i := range list.ids.size() {
			p.Write("v", string(list.ids.text(nil, i)))
		}
		return nil
	}
}

func (l *edgeList) dump() (all []Edge) {
	for c, chunk := range l.chunks {
		for i := 0; i+1 < len(chunk); i += 2 {
			e := Edge{string(l.ids.text(nil, int(chunk[i]))), string(l.ids.text(nil, int(chunk[i+1]))), 1}
			if l.weights[c] != nil {
				e.Weight = l.weights[c][i/2]
			}
			all = append(all, e)
		}
	}
	return all
}

// ReadText reads a whole text as one peer.
func ReadText(ctx context.Context, in Input, url string) (edges []Edge, vertices []string, err error) {
	splits, err := storage.Splits(ctx, url, 1)
	if err != nil {
		return nil, nil, err
	}
	t := &text{in: in, url: url, peers: 1, ps: newParser(in)}
	t.gather = func(own []byte) ([][]byte, error) { return [][]byte{own}, nil }
	if t.records, err = storage.OpenRecords(ctx, splits[0]); err != nil {
		return nil, nil, err
	}
	list := &edgeList{ids: newDictionary(in.IDs)}
	if err := errors.Join(t.read(ctx, func(b []byte) { list.addText(b, t.ps, in) }), t.records.Close()); err != nil {
		return nil, nil, err
	}
	for i := range list.ids.size() {
		vertices = append(vertices, string(list.ids.text(nil, i)))
	}
	return list.dump(), vertices, nil
}

// Sizes of binary graphs.
const (
	BinaryHeader = binaryHeader
	BinaryBlock  = binaryBlock
)

// Forge makes a binary graph of any numbers and payloads with right checksums.
func Forge(flags uint32, vertices, edges, idBlocks uint64, blocks ...[]byte) []byte {
	l := layout{flags: flags, vertices: vertices, edges: edges, idBlocks: idBlocks}
	file := l.encode()
	for _, items := range blocks {
		b := make([]byte, binaryBlock)
		copy(b[4:], items) // the number of items, and they
		sealBlock(b, int(binary.LittleEndian.Uint32(b[4:])))
		file = append(file, b...)
	}
	return file
}

type memory struct{ *bytes.Reader }

func (memory) Close() error { return nil }

// ReadBinary reads a binary graph as peer index of so many, and returns its own
// vertices or, with a file of vertices in the input, all, and the edges as numbers.
func ReadBinary(ctx context.Context, in Input, file []byte, index, peers int) (vertices []string, numbers []uint32, err error) {
	f := &binaryFile{name: "graph.bin", r: memory{bytes.NewReader(file)}, buf: make([]byte, binaryBlock)}
	ours, err := f.begin()
	if err != nil || !ours {
		return nil, nil, err
	}
	list := &edgeList{ids: newDictionary(in.IDs)}
	if err := f.read(ctx, list, in, share{index, peers}); err != nil {
		return nil, nil, err
	}
	for i := range list.ids.size() {
		vertices = append(vertices, string(list.ids.text(nil, i)))
	}
	return vertices, slices.Concat(list.chunks...), nil
}
