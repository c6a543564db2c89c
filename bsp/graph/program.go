package graph

import (
	"context"
	"errors"
	"iter"
	"slices"

	"scalar/bsp"
	"scalar/internal/bitset"
	"scalar/superstep"
)

// An Algorithm is what Program runs. Exactly one of Compute and Sweep is set.
type Algorithm[V, M any] struct {
	// Combine makes one message of all to one vertex: Sum, Min or Max. 0 with Sweep:
	// messages are not combined, and Arrays.Sources says where they are. With
	// FreeProgram it is 0.
	Combine superstep.Op
	// Merge is Combine for FreeProgram, which may do without: it makes one message of
	// two, must not depend on their order beyond what the values themselves do, and may
	// change neither.
	Merge func(a, b M) M
	// Compute is the vertex program. What it sends is pushed along the edges.
	Compute Compute[V, M]
	// Sweep is Compute for all vertices of a peer in one call, for loops over whole
	// arrays; with Combine in several, for some of them at a time in the order of their
	// numbers, so that one loop finds in the cache what the last has left there. What vertices
	// publish is pulled along the edges. Vertices never halt: Until or Supersteps end the
	// job.
	Sweep func(a *Arrays[V, M])
	// Once says that a vertex takes messages of one superstep alone: the first in which
	// any come to it. Later ones are dropped and do not wake it. Searches are like that,
	// which care for the first visit to a vertex and no other. The engine then pulls where
	// that is less than to push: when a large part of the edges leaves vertices that send,
	// every vertex that has got nothing yet looks for one of them among those with an edge
	// to it, and is done with the first. Results are the same either way, and so are
	// messages as they are counted: one an edge of those that send. Only a superstep in
	// which all that is sent by SendAll is one and the same message is pulled, such as the
	// length of a path, and nothing is sent by SendWeighted. It goes with Compute, and with
	// Min or Max, and takes some 5 bytes a vertex. Edges are kept at both ends: with Input.Undirected these are the same
	// arrays, else they take 4 bytes an edge and 8 a vertex and peer that it has edges
	// from, and loading takes about 1.6 times as long. Of graphs of more than 2^32 vertices none
	// is pulled.
	Once bool
	// Pull says that most vertices send to all of their edges in most supersteps, as in
	// PageRank: what SendAll sends is then pulled along the edges, as with Sweep, which
	// costs less than to push it. It goes with Compute and without Once; there is no
	// SendWeighted.
	Pull bool
	// Begin, if set, is called on every peer before the vertices of a superstep are computed,
	// the first one and the one after a restart included. It is the place for what is the same
	// for all of them: what follows from aggregators and the superstep (WorkerContext.preSuperstep
	// in Apache Giraph).
	Begin func(superstep int)
	// Until, if set, is asked on all peers before each superstep but the first; true
	// ends the job. It must depend on aggregators alone, so that all peers agree.
	Until func(superstep int) bool
	// Supersteps ends the job when so many have been computed; what the last one sends
	// goes nowhere. 0: no limit.
	Supersteps int
	// Roots are ids of vertices to begin at, such as the source of a search, as the input
	// has them; Global.Root tells their IDs. The job fails if one is not in the graph.
	Roots []string
	// Missing says what becomes of a message to a vertex that is not there.
	Missing Missing
	// Names says that values, which are uint64 then, are IDs: they are written as the
	// input has them, and NoID as "-".
	Names bool
	// Format appends a value for the output. nil: shortest form for numbers, the text
	// for strings and bools, fmt's for all others.
	Format func(dst []byte, v V) []byte
}

// Arrays are the vertices of one peer in the order of their ids, but for Input.AsRead; with an operator some of
// them, see Sweep.
type Arrays[V, M any] struct {
	First   int      // how many of the peer's vertices come before these; all methods count from there
	Values  []V      // to read and write
	Inbox   []M      // the combined message to each vertex, the operator's identity where there is none; nil without an operator
	Out     []M      // to write: what goes along every edge of a vertex; the identity, which it is before, sends nothing. Without an operator it is anything before
	All     []M      // Out of the superstep before: of all own vertices, then of those of other peers that have edges to them; anything in superstep 0, and where there are no Sources; nil with an operator
	Degrees []uint32 // edges that leave each vertex

	g   *part
	err error
}

// Sources returns where the messages to a vertex are in All: one for every edge to it,
// in an order that depends on the input and the number of peers alone. First come the places
// of own vertices, in their order. Read-only. With an operator Inbox has what there is to
// know of their messages, and the engine keeps edges otherwise: then it panics, unless the Input has
// Ways, Distinct, Neighbours or Weights.
func (a *Arrays[V, M]) Sources(vertex int) []uint32 {
	if a.g.pull.grid != nil {
		panic("graph: Sources where messages are combined: set no Combine, or read Inbox")
	}
	return a.g.pull.row(a.First + vertex)
}

// Ways returns which way each of Sources goes, with Input.Ways: Inward, Outward or both.
// Read-only.
func (a *Arrays[V, M]) Ways(vertex int) []uint8 {
	return a.g.pull.ways[a.g.pull.starts[a.First+vertex]:a.g.pull.starts[a.First+vertex+1]]
}

// Neighbour returns the id of the vertex at a place of All, with Input.Neighbours.
func (a *Arrays[V, M]) Neighbour(place uint32) uint64 { return a.g.pull.ids[place] }

// Marked reports whether Input.Marked has a vertex.
func (a *Arrays[V, M]) Marked(vertex int) bool { return a.g.marked[a.First+vertex] }

// Name returns a vertex's id as it is written in input and output.
func (a *Arrays[V, M]) Name(vertex int) string { return string(a.g.ids.text(nil, a.First+vertex)) }

// Fail ends the job after this call of Sweep; the first error counts.
func (a *Arrays[V, M]) Fail(err error) {
	if a.err == nil {
		a.err = err
	}
}

// ID returns a vertex's id, as Vertex.ID does.
func (a *Arrays[V, M]) ID(vertex int) uint64 { return a.g.id(uint32(a.First + vertex)) }

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
		in := in
		in.AsRead = in.AsRead || alg.Compute != nil
		in.inward, in.gathered = alg.Once, alg.Combine != 0 && (alg.Sweep != nil || alg.Pull)
		g, err := load(ctx, p, in, alg.Sweep != nil || alg.Pull)
		if err != nil {
			return err
		}
		if err := global.setUp(g, alg.Roots, handing(ctx, p)); err != nil {
			return err
		}
		r, err := newRunner(ctx, p, g, global, alg)
		if err != nil {
			return err
		}
		p.Loaded()
		if err := r.run(ctx); err != nil {
			return err
		}
		return r.write(ctx)
	}
}

var errNotIDs = errors.New("graph: only values of type uint64 are ids: see Algorithm.Names")

func (a *Algorithm[V, M]) validate() error {
	switch {
	case a.Merge != nil || a.Missing == CreateMissing:
		return errors.New("graph: Merge and CreateMissing need FreeProgram")
	case a.Combine != superstep.Sum && a.Combine != superstep.Min && a.Combine != superstep.Max && (a.Combine != 0 || a.Sweep == nil):
		return errors.New("graph: an algorithm combines by Sum, Min or Max; only one with Sweep can do without")
	case (a.Compute == nil) == (a.Sweep == nil):
		return errors.New("graph: an algorithm has either Compute or Sweep")
	case a.Names && !isIDs[V]():
		return errNotIDs
	case a.Once && (a.Compute == nil || a.Combine == superstep.Sum):
		return errors.New("graph: Once goes with Compute, and with Min or Max")
	case a.Pull && (a.Compute == nil || a.Once):
		return errors.New("graph: Pull goes with Compute, and without Once")
	case a.Sweep != nil && a.Until == nil && a.Supersteps == 0:
		return errors.New("graph: an algorithm with Sweep needs Until or Supersteps to end")
	}
	return nil
}

// runner is an engine or a sweeper.
type runner interface {
	run(ctx context.Context) error
	write(ctx context.Context) error
}

func newRunner[V any, M superstep.Number](ctx context.Context, p *bsp.Peer[Direct[M]], g *part, global *Global, alg Algorithm[V, M]) (runner, error) {
	if alg.Sweep != nil {
		return newSweeper(ctx, p, g, global, alg)
	}
	return newEngine(ctx, p, g, global, alg)
}

// engine runs an algorithm with Compute on one peer's part. It pushes, and with Once
// pulls where that is less.
type engine[V any, M superstep.Number] struct {
	*part
	*state[V, M]
	p      *bsp.Peer[Direct[M]]
	lane   *bsp.Lane[Direct[M], M]
	global *Global
	alg    Algorithm[V, M]
	op     superstep.Op
	none   M // the operator's identity
	vertex Vertex[V, M]
	once   *once[M]      // nil without Once
	steady *steady[V, M] // nil without Pull; with it there is no lane

	woken   []uint32  // vertices that messages came for, unless all says that it is not known
	all     bool      // look at every vertex
	out     outbox[M] // along all edges of a vertex; with steady, that has it, only how many
	active  int64     // vertices computed in this superstep
	cursors []int     // by block: row at or before the vertex that is computed
	added   []int64   // by block: edges of SendWeighted
	walked  []int64   // by block: its messages that went into the accumulator
	buf     []byte    // aggregators
}

func newEngine[V any, M superstep.Number](ctx context.Context, p *bsp.Peer[Direct[M]], g *part, global *Global, alg Algorithm[V, M]) (*engine[V, M], error) {
	e := &engine[V, M]{part: g, p: p, global: global, alg: alg, op: alg.Combine, none: identity[M](alg.Combine)}
	n := len(g.degrees)
	e.cursors, e.added, e.walked = make([]int, p.N()), make([]int64, p.N()), make([]int64, p.N())
	e.vertex.e, e.vertex.global = e, global
	var err error
	if e.all = true; alg.Pull {
		if e.state, err = newState[V](n, nil, e.none); err != nil {
			return nil, err
		}
		come, err := newArrivals(ctx, p, g, e.state, alg.Combine)
		if err != nil {
			return nil, err
		}
		e.steady = newSteady(come, g.degrees, global)
		_, err = p.State(come)
		return e, err
	}
	e.lane, e.out = bsp.NewLane[Direct[M], M](p, e.op, g.counts), newOutbox(n, e.none)
	if e.state, err = newState[V](n, make([]M, n), e.none); err != nil {
		return nil, err
	}
	if !alg.Once {
		_, err = p.State(e.state)
		return e, err
	}
	e.once, e.got = newOnce[M](p, g, global), bitset.New(n)
	if _, err = p.State(&onceState[V, M]{e.state, e.once}); err == nil {
		e.once.resume(e.got)
	}
	return e, err
}

// receive takes the direct messages into the inbox.
func (e *engine[V, M]) receive() error {
	for m := range e.p.Messages() {
		at, ok := uint32(m.ID-e.base[e.p.Index()]), m.ID-e.base[e.p.Index()] < uint64(len(e.values))
		if d, isInteger := e.ids.(*integerIDs); isInteger {
			at, ok = d.find(m.ID)
		}
		if !ok {
			if err := e.alg.Missing.meet(e.p, m.ID); err != nil {
				return err
			}
			continue
		}
		if e.steady != nil {
			inbox := e.steady.come.whole()
			inbox[at] = combine(e.op, inbox[at], m.Value)
			continue
		}
		e.take(at, []M{m.Value})
	}
	return nil
}

// run computes supersteps until one of the algorithm's ends.
func (e *engine[V, M]) run(ctx context.Context) error {
	for {
		e.global.superstep = e.p.Superstep()
		over, err := e.begin()
		if err != nil || over {
			return err
		}
		e.global.begin(e.alg.Begin)
		e.compute()
		e.p.Active(e.active)
		if e.global.superstep+1 == e.alg.Supersteps {
			return nil
		}
		if err := e.exchange(ctx); err != nil {
			return err
		}
	}
}

// exchange sends what is in out and ends the superstep.
func (e *engine[V, M]) exchange(ctx context.Context) error {
	if e.steady != nil {
		return e.exchangeAll(ctx)
	}
	pulls, err := e.pulls(ctx)
	if err != nil {
		return err
	}
	if e.once != nil {
		e.once.sent.Add(e.out.edges)
	}
	e.p.Vote(e.asleep == len(e.values) && !pulls)
	e.buf = e.global.encode(e.buf[:0])
	e.p.SetValues(e.buf)
	if pulls {
		return e.exchangePulled(ctx)
	}
	e.push()
	return e.lane.Exchange(ctx, e.take)
}

// begin takes what the last barrier brought and says whether the job is over.
func (e *engine[V, M]) begin() (over bool, err error) {
	if e.global.superstep == 0 {
		return false, nil
	}
	if err := e.receive(); err != nil {
		return false, err
	}
	over, err = e.global.over(e.p.Values(), e.alg.Until)
	return over || e.p.AllHalted() || e.steady != nil && e.steady.busy.Value() == 0, err
}

// write writes the values of all vertices.
func (e *engine[V, M]) write(ctx context.Context) error {
	format, err := valueFormat(e.part, e.p.N(), &e.alg, e.values, handing(ctx, e.p))
	if err != nil {
		return err
	}
	return writeValues(ctx, e.p.Output(), e.ids, e.values, format)
}

// compute calls the algorithm for all active vertices and empties the inbox.
func (e *engine[V, M]) compute() {
	clear(e.cursors)
	e.active = 0
	v := &e.vertex
	msgs := func(yield func(M) bool) {
		if v.some {
			yield(v.message)
		}
	}
	switch {
	case e.steady != nil:
		e.computeSteady(msgs)
	case e.all || e.asleep < len(e.values):
		if e.once != nil {
			e.once.deliver(e.inbox)
		}
		for i, m := range e.inbox {
			if !e.halted[i] || m != e.none {
				e.inbox[i] = e.none
				e.computeOne(uint32(i), m, msgs)
			}
		}
	case e.once != nil && e.once.pulled:
		e.computeFound(msgs)
	default:
		slices.Sort(e.woken)
		for _, i := range slices.Compact(e.woken) {
			if m := e.open(i); m != e.none { // which a combiner can make of several messages
				e.computeOne(i, m, msgs)
			}
		}
	}
	e.woken, e.all = e.woken[:0], false
	if e.once != nil && e.once.pulled {
		e.once.forget()
	}
}

// open takes the message to a vertex out of the inbox.
func (e *engine[V, M]) open(i uint32) M {
	m := e.inbox[i]
	e.inbox[i] = e.none
	return m
}

// computeOne calls the algorithm for an active vertex with the message to it, and keeps what it sends along all of its edges.
func (e *engine[V, M]) computeOne(i uint32, m M, msgs iter.Seq[M]) {
	v := &e.vertex
	v.message, v.some = m, m != e.none
	v.Value, v.at, v.degree, v.halt = e.values[i], i, int(e.degrees[i]), false
	v.told, v.out = false, e.none
	e.active++
	e.alg.Compute(v, msgs)
	e.values[i] = v.Value
	switch asleep := e.halted[i]; {
	case v.halt == asleep:
	case v.halt:
		e.halted[i] = true
		e.asleep++
	default:
		e.halted[i] = false
		e.asleep--
	}
	e.out.put(i, v.out, e.degrees[i])
}

func (e *engine[V, M]) name(at uint32) string { return string(e.ids.text(nil, int(at))) }
