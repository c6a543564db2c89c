package graph

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"scalar/superstep"
)

// Global is what the vertices of one peer share and what is the same everywhere.
// It is handed to the definition of an algorithm, once a peer.
type Global struct {
	superstep  int
	vertices   int64
	edges      int64
	roots      []uint64
	aggregates []aggregate
	err        error // of what the definition has made
}

// Superstep returns the current superstep, from 0.
func (g *Global) Superstep() int { return g.superstep }

// NumVertices returns the number of vertices of the whole graph.
func (g *Global) NumVertices() int64 { return g.vertices }

// NumEdges returns the number of edges of the whole graph, as Vertex.NumEdges does.
func (g *Global) NumEdges() int64 { return g.edges }

// Root returns the ID of Algorithm.Roots[i]; it is known from superstep 0 on.
func (g *Global) Root(i int) uint64 { return g.roots[i] }

// An Aggregator is a global value: what vertices add in superstep s, all read in
// s+1. It rides on the barrier and costs no superstep.
type Aggregator[T superstep.Number] struct {
	op         superstep.Op
	sum, value T
}

type aggregate interface {
	// encode appends this superstep's value and begins anew.
	encode(dst []byte) []byte
	// reset forgets the value of the superstep before.
	reset()
	// take folds in the value of a peer, which b begins with, and returns what is behind it.
	take(b []byte) ([]byte, error)
}

// NewAggregator makes an aggregator of Sum, Min or Max. It is called while the
// algorithm is defined, in the same order on all peers. Values of one peer are
// combined in the order in which they are added, those of the peers in their order.
func NewAggregator[T superstep.Number](g *Global, op superstep.Op) *Aggregator[T] {
	if op != superstep.Sum && op != superstep.Min && op != superstep.Max {
		panic(fmt.Sprintf("graph: aggregator with operator %d; use Sum, Min or Max", op))
	}
	a := &Aggregator[T]{op: op, sum: identity[T](op), value: identity[T](op)}
	g.aggregates = append(g.aggregates, a)
	return a
}

// Add combines x into the value of this superstep.
func (a *Aggregator[T]) Add(x T) { a.sum = combine(a.op, a.sum, x) }

// Value returns what was added in the superstep before; the operator's identity in
// superstep 0 and where nothing was added.
func (a *Aggregator[T]) Value() T { return a.value }

func (a *Aggregator[T]) encode(dst []byte) []byte {
	bits := uint64(a.sum)
	if T(1)/T(2) != 0 { // floats
		bits = math.Float64bits(float64(a.sum))
	}
	a.sum = identity[T](a.op)
	return binary.LittleEndian.AppendUint64(dst, bits)
}

func (a *Aggregator[T]) reset() { a.value = identity[T](a.op) }

func (a *Aggregator[T]) take(b []byte) ([]byte, error) {
	if len(b) < 8 {
		return nil, errValues
	}
	bits := binary.LittleEndian.Uint64(b)
	x := T(bits)
	if T(1)/T(2) != 0 {
		x = T(math.Float64frombits(bits))
	}
	a.value = combine(a.op, a.value, x)
	return b[8:], nil
}

var errValues = errors.New("aggregators of another peer are malformed: do all peers run the same program?")

// encode returns the values of all aggregators for the next barrier.
func (g *Global) encode(dst []byte) []byte {
	for _, a := range g.aggregates {
		dst = a.encode(dst)
	}
	return dst
}

// decode takes the values of a barrier, by peer.
func (g *Global) decode(by [][]byte) error {
	for _, a := range g.aggregates {
		a.reset()
	}
	for _, b := range by {
		var err error
		for _, a := range g.aggregates {
			if b, err = a.take(b); err != nil {
				return err
			}
		}
		if len(b) > 0 {
			return errValues
		}
	}
	return nil
}

// over takes the values of a barrier and asks until, which may be nil.
func (g *Global) over(by [][]byte, until func(superstep int) bool) (bool, error) {
	if err := g.decode(by); err != nil {
		return false, err
	}
	return until != nil && until(g.superstep), nil
}

// begin calls Algorithm.Begin.
func (g *Global) begin(f func(superstep int)) {
	if f != nil {
		f(g.superstep)
	}
}
