package graph

import (
	"errors"

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
	if f, ok := errors.AsType[*lineFault](err); ok {
		return nil, nil, f.offset, err
	}
	d := newDictionary(Integers)
	if p.strings {
		d = newDictionary(Strings)
	}
	var ids []string
	for _, i := range d.intern(nil, b, p) {
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
	return &Parser{parser{strings: kind == Strings, keep: weights}, newDictionary(kind)}
}

// Block parses a block, and interns its ids if asked to.
func (p *Parser) Block(b []byte, intern bool) error {
	if err := p.p.edges(b); err != nil || !intern {
		return err
	}
	p.d.intern(nil, b, &p.p)
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
	numbers = d.intern(nil, lines, p)
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
	d.intern(nil, lines, p)
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
