package graph

import "iter"

// Compute is called once per active vertex and superstep: in superstep 0 for all,
// later for those that have not halted and those that a message wakes. msgs gives the
// messages: one, or none, where they are combined. A range over it allocates where its
// body changes a variable from outside; Vertex.Message does not.
type Compute[V, M any] func(v *Vertex[V, M], msgs iter.Seq[M])

// A Vertex is a view of the engine's arrays, valid during the call.
type Vertex[V, M any] struct {
	Value V // what the vertex keeps, and what the job writes

	e       host[M]
	g       changer[V] // nil: the graph stays as it is
	global  *Global
	at      uint32
	degree  int
	halt    bool
	some    bool // there is a message
	message M    // the first one
	told    bool // something was sent along all edges, and is in out; true before: the engine takes all of it
	out     M
}

// host is what vertices ask of an engine.
type host[M any] interface {
	id(at uint32) uint64
	name(at uint32) string
	sendAll(at uint32, m M) // but for the first, unless told is true before
	sendWeighted(at uint32, f func(w float64) M)
	send(id uint64, m M)
}

// ID returns the vertex's id; in a graph of strings a number that is its own for
// the number of peers (see Name).
func (v *Vertex[V, M]) ID() uint64 { return v.e.id(v.at) }

// Name returns the id as it is written in input and output.
func (v *Vertex[V, M]) Name() string { return v.e.name(v.at) }

// Degree returns the number of edges that leave the vertex, parallel ones and
// loops included.
func (v *Vertex[V, M]) Degree() int { return v.degree }

// Superstep returns the current superstep, from 0.
func (v *Vertex[V, M]) Superstep() int { return v.global.superstep }

// NumVertices returns the number of vertices of the whole graph at the barrier that the
// superstep began with. Changes that were asked for before it, and vertices that messages
// make, are there in the superstep, and counted in the next.
func (v *Vertex[V, M]) NumVertices() int64 { return v.global.vertices }

// NumEdges returns the number of edges of the whole graph, counted as NumVertices is; of an
// undirected one, both ways.
func (v *Vertex[V, M]) NumEdges() int64 { return v.global.edges }

// Message returns the combined message to the vertex, if there is one: what msgs
// gives. Where messages are not combined it is the first. Where there is none m is what changes
// nothing under Algorithm.Combine, such as 0 with Sum; with FreeProgram it is the zero value.
func (v *Vertex[V, M]) Message() (m M, ok bool) { return v.message, v.some }

// Halt lets the vertex sleep until a message comes. The job ends when all vertices
// sleep and no message is on its way.
func (v *Vertex[V, M]) Halt() { v.halt = true }

// SendAll sends m along every edge. Where messages are combined, the engine walks the
// edges after all vertices have been computed; several calls are combined before.
func (v *Vertex[V, M]) SendAll(m M) {
	if v.told {
		v.e.sendAll(v.at, m)
		return
	}
	v.told, v.out = true, m
}

// SendWeighted sends f(weight) along every edge. Without Input.Weights all edges
// weigh 1. A function literal that uses variables costs an allocation a call: make it
// once, where the algorithm is defined.
func (v *Vertex[V, M]) SendWeighted(f func(w float64) M) { v.e.sendWeighted(v.at, f) }

// Send sends m to any vertex by its ID. Algorithm.Missing says what becomes of it where
// there is no such vertex in the next superstep.
func (v *Vertex[V, M]) Send(id uint64, m M) { v.e.send(id, m) }
