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
	sources    []uint64
	aggregates []aggregate
}

// Superstep returns the current superstep, from 0.
func (g *Global) Superstep() int { return g.superstep }

// NumVertices returns the number of vertices of the whole graph.
func (g *Global) NumVertices() int64 { return g.vertices }

// Source returns the ID of Algorithm.Sources[i]; it is known from superstep 0 on.
func (g *Global) Source(i int) uint64 { return g.sources[i] }

// An Aggregator is a global value: what vertices add in superstep s, all read in
// s+1. It rides on the barrier and costs no superstep.
type Aggregator[T superstep.Number] struct {
	op         superstep.Op
	sum, value T
}

type aggregate interface {
	encode(dst []byte) []byte
	decode(by [][]byte, at int)
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

// encode appends this superstep's value and begins anew.
func (a *Aggregator[T]) encode(dst []byte) []byte {
	bits := uint64(a.sum)
	if T(1)/T(2) != 0 { // floats
		bits = math.Float64bits(float64(a.sum))
	}
	a.sum = identity[T](a.op)
	return binary.LittleEndian.AppendUint64(dst, bits)
}

// decode folds the values of all peers, which lie at byte at.
func (a *Aggregator[T]) decode(by [][]byte, at int) {
	a.value = identity[T](a.op)
	for _, b := range by {
		bits := binary.LittleEndian.Uint64(b[at:])
		x := T(bits)
		if T(1)/T(2) != 0 {
			x = T(math.Float64frombits(bits))
		}
		a.value = combine(a.op, a.value, x)
	}
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
	if len(g.aggregates) == 0 {
		return nil
	}
	for _, b := range by {
		if len(b) != 8*len(g.aggregates) {
			return errValues
		}
	}
	for i, a := range g.aggregates {
		a.decode(by, 8*i)
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
