package graph

import (
	"encoding/binary"
	"fmt"

	"scalar/bsp/job"
	"scalar/internal/pack"
	"scalar/superstep"
)

// freeState is what a checkpoint keeps of a free program: values, who has halted, what
// vertices have asked for, and the graph itself once it has changed. Messages are the
// peer's inbox.
type freeState[V any] struct {
	values  []V
	halted  []bool
	pending [][]change[V] // by owner
	graph   *grown
	codec   superstep.Codec[V]
	fixed   bool
}

// freeVersion is the first byte of an encoded state.
const freeVersion = 1

func newFreeState[V any](g *grown) (*freeState[V], error) {
	n := len(g.rows)
	s := &freeState[V]{values: make([]V, n), halted: make([]bool, n), pending: make([][]change[V], len(g.counts)), graph: g}
	s.codec, s.fixed = superstep.CodecOf[V]()
	err := superstep.Whole[V]()
	if err == nil {
		_, err = pack.Marshal(change[V]{})
	}
	if err != nil {
		return nil, job.Fail(job.FaultInput, "values of vertices: %v", err)
	}
	return s, nil
}

// savedGraph is a graph that has changed.
type savedGraph struct {
	Added []uint64
	Gone  []bool
	Rows  []uint32 // lengths
	Edges []byte   // fixed width
}

// AppendBinary encodes the state: u8 version, uvarint vertices, uvarint length and
// values, and as msgpack who has halted, what is pending and the graph, or nil.
func (s *freeState[V]) AppendBinary(b []byte) ([]byte, error) {
	b = append(b, freeVersion)
	b = binary.AppendUvarint(b, uint64(len(s.values)))
	values := (&state[V, uint32]{values: s.values, codecV: s.codec, fixed: s.fixed}).appendValues(nil)
	b = binary.AppendUvarint(b, uint64(len(values)))
	b = append(b, values...)
	rest, err := pack.Marshal(freeRest[V]{s.halted, s.pending, s.graph.save()})
	return append(b, rest...), err
}

// freeRest is what is encoded as msgpack.
type freeRest[V any] struct {
	Halted  []bool
	Pending [][]change[V]
	Graph   *savedGraph
}

// MarshalBinary encodes the state as AppendBinary.
func (s *freeState[V]) MarshalBinary() ([]byte, error) { return s.AppendBinary(nil) }

// UnmarshalBinary restores a state, and the graph.
func (s *freeState[V]) UnmarshalBinary(b []byte) error {
	if len(b) == 0 || b[0] != freeVersion {
		return fmt.Errorf("%w: unknown version", errState)
	}
	n, b, err := length(b[1:])
	if err != nil {
		return err
	}
	size, b, err := length(b)
	if err != nil || size > uint64(len(b)) || n > uint64(len(b)) {
		return fmt.Errorf("%w: truncated", errState)
	}
	old := &state[V, uint32]{values: make([]V, n), codecV: s.codec, fixed: s.fixed}
	values, err := old.decodeValues(b[:size])
	if err != nil {
		return err
	}
	var rest freeRest[V]
	if err := pack.UnmarshalData(b[size:], &rest); err != nil {
		return fmt.Errorf("%w: %w", errState, err)
	}
	if err := s.graph.restore(rest.Graph); err != nil {
		return err
	}
	if slots := len(s.graph.rows); len(values) != slots || len(rest.Halted) != slots || len(rest.Pending) != len(s.pending) {
		return fmt.Errorf("%w: %d values and %d halts of %d vertices: did the input change?", errState, len(values), len(rest.Halted), slots)
	}
	s.values, s.halted, s.pending = values, rest.Halted, rest.Pending
	return nil
}

// save returns what is needed to restore the graph; nil if loading it does.
func (o *grown) save() *savedGraph {
	if !o.changed {
		return nil
	}
	codec, _ := superstep.FixedCodec[edge]()
	s := &savedGraph{Added: o.added, Gone: o.gone}
	for _, row := range o.rows {
		s.Rows = append(s.Rows, uint32(len(row)))
		s.Edges = codec.Append(s.Edges, row)
	}
	return s
}

// restore makes a graph that was loaded what it was when it was saved.
func (o *grown) restore(s *savedGraph) error {
	if s == nil {
		return nil
	}
	codec, _ := superstep.FixedCodec[edge]()
	edges, err := codec.Decode(nil, s.Edges)
	if err != nil {
		return fmt.Errorf("%w: edges: %w", errState, err)
	}
	n := o.loaded() + len(s.Added)
	if len(s.Rows) != n || len(s.Gone) != n {
		return fmt.Errorf("%w: %d rows of %d vertices: did the input change?", errState, len(s.Rows), n)
	}
	for _, x := range edges {
		if int64(x.Peer) >= int64(len(o.counts)) || x.At != byID && x.At >= o.counts[x.Peer] {
			return fmt.Errorf("%w: an edge to slot %d of peer %d", errState, x.At, x.Peer)
		}
	}
	o.rows, o.gone, o.added, o.changed = make([][]edge, n), s.Gone, s.Added, true
	o.here, o.leaving = 0, int64(len(edges))
	for v, size := range s.Rows {
		if int64(size) > int64(len(edges)) {
			return fmt.Errorf("%w: truncated edges", errState)
		}
		o.rows[v], edges = edges[:size:size], edges[size:]
		if !s.Gone[v] {
			o.here++
		}
	}
	clear(o.slots)
	for i, id := range s.Added {
		o.slots[id] = uint32(o.loaded() + i)
	}
	return nil
}
