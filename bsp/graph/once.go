package graph

import (
	"context"
	"iter"
	"math/bits"

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
	search
	left      int64 // inward edges of those that no messages have come to
	pulled    bool  // found has the vertices that have a message, in place of the list of woken
	delivered bool  // the messages of those are in the inbox and counted in left; before, all are message
	message   M     // that was sent by all vertices of the frontier

	mirror *bsp.Mirror[Direct[M], uint64] // the frontier: words of bitsets
	sent   *Aggregator[int64]             // messages
}

func newOnce[M superstep.Number](p *bsp.Peer[Direct[M]], g *part, global *Global) *once[M] {
	n := len(g.degrees)
	o := &once[M]{search: search{inward: g.inward, fronts: make([]bitset.Set, p.N()), found: bitset.New(n)}}
	watches, watched := make([][]uint32, p.N()), make([][]uint32, p.N())
	own := wordsOf(uint32(n))
	for q := range p.N() {
		if q != p.Index() {
			watches[q], watched[q] = wordsOf(g.counts[q]), own
		}
	}
	o.mirror = bsp.NewMirror[Direct[M], uint64](p, len(own), watches, watched)
	if len(o.blocks) > 0 {
		o.index(o.base(p.Index(), p.N()))
	}
	o.sent = NewAggregator[int64](global, superstep.Sum)
	return o
}

// base returns where the words of each peer's vertices begin in the mirror, which has the own ones first.
func (o *once[M]) base(own, peers int) []int {
	base := make([]int, peers)
	for q := range peers {
		if q != own {
			base[q] = o.mirror.Base(q)
		}
	}
	return base
}

// wordsOf returns the numbers of the words of a bitset.
func wordsOf(vertices uint32) []uint32 {
	all := make([]uint32, words(vertices))
	for i := range all {
		all[i] = uint32(i)
	}
	return all
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
		case f.Messages > 1 || all.Messages == 1 && !same(f.Message, all.Message):
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
	f := front[M]{Edges: e.out.edges, Left: e.once.left}
	for _, n := range e.added {
		if n > 0 { // by SendWeighted: it is in the lane already
			f.Messages = 2
			return f
		}
	}
	switch {
	case e.out.differ:
		f.Messages = 2
	case len(e.out.senders) > 0:
		f.Messages, f.Message = 1, e.out.message
	}
	return f
}

// exchangePulled ends the superstep with the frontier in the mirror, and looks there for
// senders to the vertices that have got nothing yet.
func (e *engine[V, M]) exchangePulled(ctx context.Context) error {
	if e.p.Index() == 0 {
		e.p.Count(CounterPulled, 1)
	}
	next, edges := bitset.Set(e.once.mirror.Next()), e.out.edges
	clear(next)
	for _, v := range e.out.senders {
		next.Add(v)
	}
	e.out.empty(false)
	return e.once.mirror.Exchange(ctx, edges, e.pull)
}

// pull gives the message to all vertices that have got nothing yet and have an edge from
// one of the frontier.
func (e *engine[V, M]) pull() {
	o := e.once
	o.pulled = true
	o.front = o.mirror.All()
	for q := range o.fronts {
		senders := o.front[o.mirror.Base(q):o.mirror.Base(q+1)]
		if q == e.p.Index() {
			senders = o.front[:len(o.got)]
		}
		if o.fronts[q] = nil; !senders.Empty() {
			o.fronts[q] = senders
		}
	}
	o.pull()
}

// computeFound calls the algorithm for the vertices that a pull has found.
func (e *engine[V, M]) computeFound(msgs iter.Seq[M]) {
	o := e.once
	e.out.grow(o.found.Len())
	for at, word := range o.found {
		for ; word != 0; word &= word - 1 {
			i, m := uint32(64*at+bits.TrailingZeros64(word)), o.message
			if o.delivered {
				m = e.open(i)
			} else {
				o.left -= int64(o.degrees[i])
			}
			e.computeOne(i, m, msgs)
		}
	}
}

// forget empties what a pull has found.
func (o *once[M]) forget() {
	clear(o.found)
	o.pulled, o.delivered = false, false
}

// deliver puts the messages of those that a pull has found into the inbox, where more is done
// with them than to read them once.
func (o *once[M]) deliver(inbox []M) {
	if !o.pulled || o.delivered {
		return
	}
	for v := range o.found.All() {
		inbox[v] = o.message
		o.left -= int64(o.degrees[v])
	}
	o.delivered = true
}

// onceState is the state of an algorithm with Once.
type onceState[V any, M superstep.Number] struct {
	*state[V, M]
	once *once[M]
}

// AppendBinary encodes the state with the messages of a pull.
func (s *onceState[V, M]) AppendBinary(b []byte) ([]byte, error) {
	s.once.deliver(s.inbox)
	return s.state.AppendBinary(b)
}

// MarshalBinary encodes the state as AppendBinary.
func (s *onceState[V, M]) MarshalBinary() ([]byte, error) { return s.AppendBinary(nil) }

// takeOnce is take with Once: a vertex that messages came to in an earlier superstep
// gets no more.
func (e *engine[V, M]) takeOnce(slot uint32, vs []M) {
	e.once.deliver(e.inbox)
	for i, m := range vs {
		v := slot + uint32(i)
		if m == e.none {
			continue
		}
		if e.inbox[v] == e.none {
			if e.once.got.Has(v) {
				continue
			}
			if e.once.reach(v); e.once.pulled {
				e.once.found.Add(v)
			} else if !e.all {
				e.woken = append(e.woken, v)
				e.all = len(e.woken) > len(e.inbox)/fewShare
			}
		}
		e.inbox[v] = combine(e.op, e.inbox[v], m)
	}
}
