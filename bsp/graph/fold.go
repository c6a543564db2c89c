package graph

import (
	"encoding/binary"
	"fmt"
	"math"

	"scalar/bsp/job"
	"scalar/superstep"
)

// A Fold is an aggregator of a type and an operation of its own: as Aggregator it rides
// on the barrier, all read in superstep s+1 what was added in s.
type Fold[T any] struct {
	zero, sum, value T
	fold             func(a, b T) T
	codec            superstep.Codec[T]
}

// NewFold makes a fold. zero must change nothing: fold(zero, x) is x. fold may not change
// its arguments. Values of one peer are folded in the order in which they are added, those
// of the peers in their order, so that fold need not commute. Values that are not numbers,
// or arrays or structs of them, travel as msgpack; those of all aggregators together may
// take bsp.MaxValues bytes a peer. It is called while the algorithm is defined, in the
// same order on all peers.
func NewFold[T any](g *Global, zero T, fold func(a, b T) T) *Fold[T] {
	if err := superstep.Whole[T](); err != nil && g.err == nil {
		g.err = job.Fail(job.FaultInput, "values of a fold: %v", err)
	}
	codec, _ := superstep.CodecOf[T]()
	f := &Fold[T]{zero: zero, sum: zero, value: zero, fold: fold, codec: codec}
	g.aggregates = append(g.aggregates, f)
	return f
}

// Add folds x into the value of this superstep.
func (f *Fold[T]) Add(x T) { f.sum = f.fold(f.sum, x) }

// Value returns what was added in the superstep before, zero in superstep 0.
func (f *Fold[T]) Value() T { return f.value }

// encode writes uvarint length and the value.
func (f *Fold[T]) encode(dst []byte) []byte {
	b := f.codec.Append(nil, []T{f.sum})
	f.sum = f.zero
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}

func (f *Fold[T]) reset() { f.value = f.zero }

func (f *Fold[T]) take(b []byte) ([]byte, error) {
	size, n := binary.Uvarint(b)
	if n <= 0 || size > uint64(len(b)-n) {
		return nil, errValues
	}
	b = b[n:]
	xs, err := f.codec.Decode(nil, b[:size])
	if err != nil || len(xs) != 1 {
		return nil, fmt.Errorf("%w: %w", errValues, err)
	}
	f.value = f.fold(f.value, xs[0])
	return b[size:], nil
}

// An Average is an aggregator of a mean.
type Average struct{ of *Fold[mean] }

type mean struct {
	Sum float64
	N   int64
}

// NewAverage makes an average, as NewAggregator makes an aggregator.
func NewAverage(g *Global) *Average {
	return &Average{NewFold(g, mean{}, func(a, b mean) mean { return mean{a.Sum + b.Sum, a.N + b.N} })}
}

// Add counts x in.
func (a *Average) Add(x float64) { a.of.Add(mean{x, 1}) }

// Value returns the mean of what was added in the superstep before, NaN of nothing.
func (a *Average) Value() float64 {
	m := a.of.Value()
	if m.N == 0 {
		return math.NaN()
	}
	return m.Sum / float64(m.N)
}

// An AbsDiff is an aggregator of how much values have changed: Σ|new-old|.
type AbsDiff struct{ of *Aggregator[float64] }

// NewAbsDiff makes one, as NewAggregator makes an aggregator.
func NewAbsDiff(g *Global) *AbsDiff { return &AbsDiff{NewAggregator[float64](g, superstep.Sum)} }

// Add counts a change in.
func (a *AbsDiff) Add(before, now float64) { a.of.Add(math.Abs(now - before)) }

// Value returns the sum of the superstep before.
func (a *AbsDiff) Value() float64 { return a.of.Value() }
