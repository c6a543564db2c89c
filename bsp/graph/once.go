package graph

import (
	"context"

	"scalar/bsp"
	"scalar/internal/bitset"
	"scalar/superstep"
)

// CounterPulled counts the supersteps whose messages were pulled, see Algorithm.Once.
const CounterPulled = "pulled_supersteps"

// pullShare is when pulling pays: when the frontier has more edges than 1/pullShare of
// what a pull has to look at, which is all vertices and, at most, all edges to those
// that are not reached yet. It is alpha of Beamer, Asanović and Patterson, SC 2012,
// section 5; the vertices are in the place of their beta. The rule has no memory: after
// a restart it says the same.
const pullShare = 15

// gateShare is when peers ask each other at all: when this many times the messages of
// the superstep before are as many as there are vertices. It leaves searches along
// chains and grids as cheap as they are without.
const gateShare = 256

// once is what the engine has more for an algorithm with Once.
type once[M superstep.Number] struct {
	*inward
	got     bitset.Set // of the state: vertices that messages have come to
	left    int64      // inward edges of the others
	found   bitset.Set // by a pull: vertices that have a message, in place of the list of woken
	pulled  bool       // found is in use
	message M          // that was sent by all vertices of the frontier

	mirror *bsp.Mirror[Direct[M], uint64] // the frontier: words of bitsets
	sent   *Aggregator[int64]             // messages
}

func newOnce[M superstep.Number](p *bsp.Peer[Direct[M]], g *part, global *Global) *once[M] {
	n := len(g.degrees)
	o := &once[M]{inward: g.inward, found: bitset.New(n)}
	watches, watched := make([][]uint32, p.N()), make([][]uint32, p.N())
	own := wordsOf(uint32(n))
	for q := range p.N() {
		if q != p.Index() {
			watches[q], watched[q] = wordsOf(g.counts[q]), own
		}
	}
	o.mirror = bsp.NewMirror[Direct[M], uint64](p, len(own), watches, watched)
	o.sent = NewAggregator[int64](global, superstep.Sum)
	return o
}

// wordsOf returns the numbers of the words of a bitset.
func wordsOf(vertices uint32) []uint32 {
	words := make([]uint32, (uint64(vertices)+63)/64)
	for i := range words {
		words[i] = uint32(i)
	}
	return words
}

// resume takes the set of those that have got something.
func (o *once[M]) resume(got bitset.Set) {
	o.got, o.left = got, 0
	for v, d := range o.degrees {
		if !got.Has(uint32(v)) {
			o.left += int64(d)
		}
	}
}

// reach notes that messages come to a vertex.
func (o *once[M]) reach(v uint32) {
	o.got.Add(v)
	o.left -= int64(o.degrees[v])
}

// A front is what a peer tells of its part of the frontier.
type front[M superstep.Number] struct {
	Edges, Left int64
	Messages    int64 // 0: none; 1: all are Message; more: they differ
	Message     M
}

// pulls says whether the messages of this superstep are pulled: all peers agree. It
// costs a collective where there are many.
func (e *engine[V, M]) pulls(ctx context.Context) (bool, error) {
	if e.once == nil || len(e.once.blocks) == 0 || e.global.superstep > 0 && e.once.sent.Value() <= e.global.vertices/gateShare {
		return false, nil
	}
	fronts, err := bsp.AllGather(ctx, e.p, e.front())
	if err != nil {
		return false, err
	}
	var all front[M]
	for _, f := range fronts {
		all.Edges += f.Edges
		all.Left += f.Left
		switch {
		case f.Messages == 0:
		case f.Messages > 1 || all.Messages == 1 && f.Message != all.Message:
			return false, nil
		default:
			all.Messages, all.Message = 1, f.Message
		}
	}
	e.once.message = all.Message
	return all.Edges > (all.Left+e.global.vertices)/pullShare, nil
}

// front returns what this peer knows.
func (e *engine[V, M]) front() front[M] {
	f := front[M]{Edges: e.edges, Left: e.once.left}
	for _, n := range e.added {
		if n > 0 { // by SendWeighted: it is in the lane already
			f.Messages = 2
			return f
		}
	}
	for _, v := range e.senders {
		switch m := e.out[v]; {
		case f.Messages == 0:
			f.Messages, f.Message = 1, m
		case m != f.Message:
			f.Messages = 2
			return f
		}
	}
	return f
}

// exchangePulled ends the superstep with the frontier in the mirror, and looks there for
// senders to the vertices that have got nothing yet.
func (e *engine[V, M]) exchangePulled(ctx context.Context) error {
	if e.p.Index() == 0 {
		e.p.Count(CounterPulled, 1)
	}
	next, edges := bitset.Set(e.once.mirror.Next()), e.edges
	clear(next)
	for _, v := range e.senders {
		next.Add(v)
		e.out[v] = e.none
	}
	e.senders, e.edges = e.senders[:0], 0
	return e.once.mirror.Exchange(ctx, edges, e.pull)
}

// pull gives the message to all vertices that have got nothing yet and have an edge from
// one of the frontier.
func (e *engine[V, M]) pull() {
	o := e.once
	o.pulled = true
	all := o.mirror.All()
	for q, b := range o.blocks {
		senders := bitset.Set(all[o.mirror.Base(q):o.mirror.Base(q+1)])
		if q == e.p.Index() {
			senders = all[:len(o.got)]
		}
		if !senders.Empty() {
			b.pull(sets{senders, o.got, o.found})
		}
	}
	for v := range o.found.All() {
		e.inbox[v] = o.message
		o.left -= int64(o.degrees[v])
	}
}

// takeOnce is take with Once: a vertex that messages came to in an earlier superstep
// gets no more.
func (e *engine[V, M]) takeOnce(slot uint32, vs []M) {
	for i, m := range vs {
		v := slot + uint32(i)
		if m == e.none {
			continue
		}
		if e.inbox[v] == e.none {
			if e.once.got.Has(v) {
				continue
			}
			e.once.reach(v)
			switch {
			case e.once.pulled:
				e.once.found.Add(v)
			case !e.all:
				e.woken = append(e.woken, v)
				e.all = len(e.woken) > len(e.inbox)/fewShare
			}
		}
		e.inbox[v] = combine(e.op, e.inbox[v], m)
	}
}
