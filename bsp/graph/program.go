package graph

import (
	"context"
	"errors"
	"slices"

	"scalar/bsp"
	"scalar/bsp/job"
	"scalar/superstep"
)

// An Algorithm is what Program runs. Exactly one of Compute and Sweep is set.
type Algorithm[V any, M superstep.Number] struct {
	// Combine makes one message of all to one vertex: Sum, Min or Max.
	Combine superstep.Op
	// Compute is the vertex program.
	Compute Compute[V, M]
	// Sweep is Compute for all vertices of a peer in one call, for loops over whole
	// arrays. Vertices never halt: Until or Supersteps end the job.
	Sweep func(a *Arrays[V, M])
	// Until, if set, is asked on all peers before each superstep but the first; true
	// ends the job. It must depend on aggregators alone, so that all peers agree.
	Until func(superstep int) bool
	// Supersteps ends the job when so many have been computed; what the last one sends
	// goes nowhere. 0: no limit.
	Supersteps int
	// Format appends a value for the output. nil: shortest form for numbers, the text
	// for strings and bools, fmt's for all others.
	Format func(dst []byte, v V) []byte
}

// Arrays are the vertices of one peer in the order of their ids.
type Arrays[V any, M superstep.Number] struct {
	Values  []V      // to read and write
	Inbox   []M      // the combined message to each vertex, the operator's identity where there is none
	Out     []M      // to write: what goes along every edge of a vertex; the identity, which it is before, sends nothing
	Degrees []uint32 // edges that leave each vertex
}

// Direct is a message to a vertex by its id, as it travels.
type Direct[M superstep.Number] struct {
	ID    uint64
	Value M
}

// Program returns the bsp program that reads the job's input as a graph, runs an
// algorithm on it and writes "id TAB value" for every vertex, each peer its own in
// the order of their ids. define is called once a peer, before the graph is
// loaded: aggregators are made there. The program is restartable.
func Program[V any, M superstep.Number](in Input, define func(g *Global) Algorithm[V, M]) bsp.Program[Direct[M]] {
	return func(ctx context.Context, p *bsp.Peer[Direct[M]]) error {
		global := &Global{}
		alg := define(global)
		if err := alg.validate(); err != nil {
			return err
		}
		g, err := load(ctx, p, in)
		if err != nil {
			return err
		}
		global.vertices = g.numVertices()
		e, err := newEngine(p, g, global, alg)
		if err != nil {
			return err
		}
		p.Loaded()
		if err := e.run(ctx); err != nil {
			return err
		}
		return e.write(ctx)
	}
}

func (a *Algorithm[V, M]) validate() error {
	switch {
	case a.Combine != superstep.Sum && a.Combine != superstep.Min && a.Combine != superstep.Max:
		return errors.New("graph: an algorithm combines by Sum, Min or Max")
	case (a.Compute == nil) == (a.Sweep == nil):
		return errors.New("graph: an algorithm has either Compute or Sweep")
	case a.Sweep != nil && a.Until == nil && a.Supersteps == 0:
		return errors.New("graph: an algorithm with Sweep needs Until or Supersteps to end")
	}
	return nil
}

// engine runs an algorithm on one peer's part.
type engine[V any, M superstep.Number] struct {
	*part
	*state[V, M]
	p      *bsp.Peer[Direct[M]]
	lane   *bsp.Lane[Direct[M], M]
	global *Global
	alg    Algorithm[V, M]
	op     superstep.Op
	none   M // the operator's identity

	out     []M     // by vertex, for all of its edges
	pushing bool    // something is in out
	cursors []int   // by block: row at or before the vertex that is computed
	walked  []int64 // by block: messages of SendWeighted
	buf     []byte  // aggregators
}

func newEngine[V any, M superstep.Number](p *bsp.Peer[Direct[M]], g *part, global *Global, alg Algorithm[V, M]) (*engine[V, M], error) {
	e := &engine[V, M]{part: g, p: p, global: global, alg: alg, op: alg.Combine, none: identity[M](alg.Combine)}
	n := len(g.degrees)
	e.out = make([]M, n)
	fill(e.out, e.none)
	e.cursors, e.walked = make([]int, p.N()), make([]int64, p.N())
	e.lane = bsp.NewLane[Direct[M], M](p, e.op, g.counts)
	var err error
	if e.state, err = newState[V](n, e.none); err != nil {
		return nil, err
	}
	_, err = p.State(e.state)
	return e, err
}

// ownerOf returns the peer that has the vertex of an ID.
func (e *engine[V, M]) ownerOf(id uint64) int {
	if _, ok := e.ids.(*integerIDs); ok {
		return int(ownerOf(mix(id), e.p.N()))
	}
	q, _ := slices.BinarySearch(e.base[1:], id+1) // the first whose end is after id
	return min(q, e.p.N()-1)
}

// receive takes the direct messages into the inbox.
func (e *engine[V, M]) receive() error {
	for m := range e.p.Messages() {
		at, ok := uint32(m.ID-e.base[e.p.Index()]), m.ID-e.base[e.p.Index()] < uint64(len(e.inbox))
		if d, isInteger := e.ids.(*integerIDs); isInteger {
			at, ok = d.find(m.ID)
		}
		if !ok {
			return job.Fail(job.FaultProgram, "a vertex sent a message to vertex %d, which is not in the graph", m.ID)
		}
		e.inbox[at] = combine(e.op, e.inbox[at], m.Value)
	}
	return nil
}

// run computes supersteps until one of the algorithm's ends.
func (e *engine[V, M]) run(ctx context.Context) error {
	take := func(slot uint32, vs []M) { fold(e.op, e.inbox[slot:], vs) }
	for {
		e.global.superstep = e.p.Superstep()
		over, err := e.begin()
		if err != nil || over {
			return err
		}
		e.compute()
		if e.global.superstep+1 == e.alg.Supersteps {
			return nil
		}
		e.push()
		e.p.Vote(e.alg.Compute != nil && e.asleep == len(e.values))
		e.buf = e.global.encode(e.buf[:0])
		e.p.SetValues(e.buf)
		if err := e.lane.Exchange(ctx, take); err != nil {
			return err
		}
	}
}

// begin takes what the last barrier brought and says whether the job is over.
func (e *engine[V, M]) begin() (over bool, err error) {
	if e.global.superstep == 0 {
		return false, nil
	}
	if err := e.receive(); err != nil {
		return false, err
	}
	if err := e.global.decode(e.p.Values()); err != nil {
		return false, err
	}
	until := e.alg.Until
	return e.p.AllHalted() || until != nil && until(e.global.superstep), nil
}

// compute calls the algorithm for all active vertices and empties the inbox.
func (e *engine[V, M]) compute() {
	if e.alg.Sweep != nil {
		e.alg.Sweep(&Arrays[V, M]{Values: e.values, Inbox: e.inbox, Out: e.out, Degrees: e.degrees})
		fill(e.inbox, e.none)
		e.pushing = true
		return
	}
	clear(e.cursors)
	v := &Vertex[V, M]{e: e}
	msgs := func(yield func(M) bool) {
		if m, ok := v.Message(); ok {
			yield(m)
		}
	}
	for i := range e.values {
		asleep := e.halted[i]
		if v.message = e.inbox[i]; asleep && v.message == e.none {
			continue
		}
		e.inbox[i] = e.none
		v.Value, v.at, v.halt = e.values[i], uint32(i), false
		e.alg.Compute(v, msgs)
		e.values[i] = v.Value
		if v.halt != asleep {
			e.halted[i] = v.halt
			if v.halt {
				e.asleep++
			} else {
				e.asleep--
			}
		}
	}
}

// push walks the edges of all vertices that sent along them, one destination peer
// after the other.
func (e *engine[V, M]) push() {
	for q, b := range e.blocks {
		n := e.walked[q]
		if e.pushing && len(b.rows) > 0 {
			n += push(b, e.op, e.out, e.lane.Accumulator(q))
		}
		if n > 0 {
			e.lane.Touch(q, n)
		}
	}
	if e.pushing {
		fill(e.out, e.none)
	}
	clear(e.walked)
	e.pushing = false
}
