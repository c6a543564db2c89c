package graph

import (
	"iter"

	"scalar/superstep"
)

// Compute is called once per active vertex and superstep: in superstep 0 for all,
// later for those that have not halted and those that a message wakes. msgs gives
// the combined messages: one, or none. A range over it allocates where its body
// changes a variable from outside; Vertex.Message does not.
type Compute[V any, M superstep.Number] func(v *Vertex[V, M], msgs iter.Seq[M])

// A Vertex is a view of the engine's arrays, valid during the call.
type Vertex[V any, M superstep.Number] struct {
	Value V // what the vertex keeps, and what the job writes

	e       *engine[V, M]
	at      uint32
	halt    bool
	message M
}

// ID returns the vertex's id; in a graph of strings a number that is its own for
// the number of peers (see Name).
func (v *Vertex[V, M]) ID() uint64 { return v.e.id(v.at) }

// Name returns the id as it is written in input and output.
func (v *Vertex[V, M]) Name() string { return string(v.e.ids.text(nil, int(v.at))) }

// Degree returns the number of edges that leave the vertex, parallel ones and
// loops included.
func (v *Vertex[V, M]) Degree() int { return int(v.e.degrees[v.at]) }

// Superstep returns the current superstep, from 0.
func (v *Vertex[V, M]) Superstep() int { return v.e.global.superstep }

// NumVertices returns the number of vertices of the whole graph.
func (v *Vertex[V, M]) NumVertices() int64 { return v.e.global.vertices }

// Message returns the combined message to the vertex, if there is one: what msgs
// gives.
func (v *Vertex[V, M]) Message() (m M, ok bool) { return v.message, v.message != v.e.none }

// Halt lets the vertex sleep until a message comes. The job ends when all vertices
// sleep and no message is on its way.
func (v *Vertex[V, M]) Halt() { v.halt = true }

// SendAll sends m along every edge. The engine walks the edges after all vertices
// have been computed; several calls are combined before.
func (v *Vertex[V, M]) SendAll(m M) {
	e := v.e
	old := e.out[v.at]
	if e.out[v.at] = combine(e.op, old, m); old == e.none && m != e.none {
		e.senders = append(e.senders, v.at)
		e.edges += int64(e.degrees[v.at])
	}
}

// SendWeighted sends f(weight) along every edge. Without Input.Weights all edges
// weigh 1.
func (v *Vertex[V, M]) SendWeighted(f func(w float64) M) {
	e := v.e
	for q, b := range e.blocks {
		r := b.find(e.cursors[q], v.at)
		e.cursors[q] = r
		if r == len(b.rows) || b.rows[r] != v.at {
			continue
		}
		lo, hi := b.starts[r], b.starts[r+1]
		if e.added[q] += int64(hi - lo); e.added[q] <= int64(e.counts[q]/fewShare) {
			for i, t := range b.targets[lo:hi] {
				if m := f(b.weight(int(lo) + i)); m != e.none {
					e.lane.Add(q, t, m)
				}
			}
			continue
		}
		acc := e.lane.Accumulator(q)
		for i, t := range b.targets[lo:hi] {
			if m := f(b.weight(int(lo) + i)); m != e.none {
				acc[t] = combine(e.op, acc[t], m)
				e.walked[q]++
			}
		}
	}
}

// Send sends m to any vertex by its ID. A job that sends to a vertex which does not
// exist fails in the next superstep.
func (v *Vertex[V, M]) Send(id uint64, m M) {
	if m != v.e.none {
		v.e.p.Send(v.e.ownerOf(id), Direct[M]{ID: id, Value: m})
	}
}
