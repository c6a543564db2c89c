package graph

import (
	"cmp"
	"fmt"
	"iter"
	"slices"

	"scalar/bsp/job"
	"scalar/internal/pack"
)

// changer is what vertices ask of a graph that changes.
type changer[V any] interface {
	edges(at uint32) iter.Seq2[uint64, float64]
	addEdge(at uint32, to uint64, w float64)
	removeEdge(at uint32, to uint64)
	remove(at uint32)
	request(c change[V])
}

// changing returns the graph, or ends the job with what the program did wrong.
func (v *Vertex[V, M]) changing() changer[V] {
	if v.g == nil {
		panic("graph: a program made by Program cannot see or change single edges: make it by FreeProgram")
	}
	return v.g
}

// Edges gives the ID of the other end and the weight of every edge that leaves the
// vertex, in an order of their own. FreeProgram only.
func (v *Vertex[V, M]) Edges() iter.Seq2[uint64, float64] { return v.changing().edges(v.at) }

// AddEdge adds an edge from the vertex to the one of an ID, which may be missing, at
// once. FreeProgram only.
func (v *Vertex[V, M]) AddEdge(to uint64, w float64) { v.changing().addEdge(v.at, to, w) }

// RemoveEdge removes all edges from the vertex to the one of an ID, at once.
// FreeProgram only.
func (v *Vertex[V, M]) RemoveEdge(to uint64) { v.changing().removeEdge(v.at, to) }

// Remove takes the vertex and the edges that leave it out of the graph when its
// Compute returns; what it sent goes out. Edges to it stay, and lead to a missing
// vertex. FreeProgram only.
func (v *Vertex[V, M]) Remove() { v.changing().remove(v.at) }

// AddVertex asks for a vertex in the next superstep, where it is computed. One that is
// there already stays as it is; of several requests the first counts, by peer, then in
// the order of the calls. FreeProgram and whole numbers only.
func (v *Vertex[V, M]) AddVertex(id uint64, value V) {
	v.changing().request(change[V]{Kind: addVertex, ID: id, Value: value})
}

// RemoveVertex asks for the removal of any vertex, and the edges that leave it, before
// the next superstep. One that is not there is no error. FreeProgram only.
func (v *Vertex[V, M]) RemoveVertex(id uint64) {
	v.changing().request(change[V]{Kind: removeVertex, ID: id})
}

// AddEdgeFrom asks for an edge between any two vertices in the next superstep.
// Algorithm.Missing says what becomes of it if the first is not there. FreeProgram only.
func (v *Vertex[V, M]) AddEdgeFrom(from, to uint64, w float64) {
	v.changing().request(change[V]{Kind: addEdge, ID: from, To: to, Weight: w})
}

// RemoveEdgeFrom asks for the removal of all edges between two vertices before the next
// superstep. FreeProgram only.
func (v *Vertex[V, M]) RemoveEdgeFrom(from, to uint64) {
	v.changing().request(change[V]{Kind: removeEdge, ID: from, To: to})
}

// The kinds of changes, in the order in which those of a superstep are made: removals
// first, of edges before those of vertices, then additions (Pregel, §3.4).
const (
	removeEdge = iota
	removeVertex
	addVertex
	addEdge
)

// change is a request that goes to the owner of the vertex ID.
type change[V any] struct {
	Kind   uint8
	ID, To uint64
	Weight float64
	Value  V
}

// request keeps a change for the next superstep.
func (e *freeEngine[V, M]) request(c change[V]) {
	q := e.ownerOf(c.ID)
	e.pending[q] = append(e.pending[q], c)
	e.changes++
}

// exchangeChanges makes the changes that all vertices asked for in the superstep before.
// All peers must call it.
func (e *freeEngine[V, M]) exchangeChanges() error {
	out := make([][]byte, len(e.pending))
	for q, list := range e.pending {
		var err error
		if out[q], err = pack.Marshal(list); err != nil {
			return fmt.Errorf("changes of the graph: %w", err)
		}
		e.pending[q] = nil
	}
	told, err := e.hand(out)
	if err != nil {
		return err
	}
	var all []change[V]
	for q, b := range told {
		var list []change[V]
		if err := pack.UnmarshalData(b, &list); err != nil {
			return fmt.Errorf("changes of peer %d: %w", q, err)
		}
		all = append(all, list...)
	}
	slices.SortStableFunc(all, func(a, b change[V]) int { return cmp.Compare(a.Kind, b.Kind) })
	for _, c := range all {
		if err := e.apply(c); err != nil {
			return err
		}
	}
	return nil
}

// apply makes one change.
func (e *freeEngine[V, M]) apply(c change[V]) error {
	at, ok := e.find(c.ID)
	switch {
	case c.Kind == addVertex && !ok:
		_, err := e.create(c.ID, c.Value)
		return err
	case c.Kind == addVertex, !ok && c.Kind != addEdge:
		return nil
	case !ok && e.alg.Missing == CreateMissing:
		var zero V
		var err error
		if at, err = e.create(c.ID, zero); err != nil {
			return err
		}
	case !ok:
		return e.alg.Missing.meet(e.p, c.ID)
	}
	switch c.Kind {
	case removeEdge:
		e.removeEdge(at, c.To)
	case removeVertex:
		e.bury(at)
	case addEdge:
		e.addEdge(at, c.To, c.Weight)
	}
	return nil
}

// create adds a vertex of this peer.
func (e *freeEngine[V, M]) create(id uint64, value V) (uint32, error) {
	if _, ok := e.ids.(*integerIDs); !ok {
		return 0, job.Fail(job.FaultProgram, "a vertex was to be made in a graph of names: only one of whole numbers can get new vertices")
	}
	if at, ok := e.revive(id); ok {
		e.values[at], e.halted[at] = value, false
		return at, nil
	}
	if len(e.rows) >= maxVertices {
		return 0, tooManyVertices(len(e.rows))
	}
	at := uint32(len(e.rows))
	e.append(id)
	e.values, e.halted = append(e.values, value), append(e.halted, false)
	return at, nil
}
