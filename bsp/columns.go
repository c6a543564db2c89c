package bsp

import (
	"context"

	"scalar/superstep"
)

// NewColumns opens a lane of keyed values: slots[i] is the number of slots of peer
// i. All peers open their lanes in the same order with the same arguments, again
// after a restart. Exchange ends the superstep as Sync does, with votes, values,
// messages of Send and checkpoints; the state of a checkpoint is taken after fold.
func NewColumns[M any, V superstep.Number](p *Peer[M], op superstep.Op, slots []uint32) superstep.Columns[V] {
	return NewLane[M, V](p, op, slots)
}

// Lane is what NewColumns returns with its accumulators open, for engines with hot
// loops of their own.
type Lane[M any, V superstep.Number] struct {
	c    *core
	lane *superstep.Lane[V]
}

// NewLane is NewColumns for engines.
func NewLane[M any, V superstep.Number](p *Peer[M], op superstep.Op, slots []uint32) *Lane[M, V] {
	return &Lane[M, V]{c: p.c, lane: superstep.NewLane[V](p.c.port, op, slots)}
}

// Add combines v into a slot of a peer; see superstep.Lane.
func (l *Lane[M, V]) Add(peer int, slot uint32, v V) { l.lane.Add(peer, slot, v) }

// AddBlock combines vs into the slots [first, first+len(vs)) of a peer.
func (l *Lane[M, V]) AddBlock(peer int, first uint32, vs []V) { l.lane.AddBlock(peer, first, vs) }

// AddAt combines vs[i] into slots[i] of a peer, for all i: the fastest for columns.
func (l *Lane[M, V]) AddAt(peer int, slots []uint32, vs []V) { l.lane.AddAt(peer, slots, vs) }

// Accumulator returns the dense accumulator for a peer, filled with the operator's
// identity in each superstep: the caller combines into it and calls Touch.
func (l *Lane[M, V]) Accumulator(peer int) []V { return l.lane.Accumulator(peer) }

// Touch says that n values were combined into Accumulator(peer).
func (l *Lane[M, V]) Touch(peer int, n int64) { l.lane.Touch(peer, n) }

// Exchange ends the superstep and calls fold with runs of values for the slots
// [slot, slot+len(vs)) of this peer, sender by sender in peer order. A checkpoint
// holds the state as fold has left it.
func (l *Lane[M, V]) Exchange(ctx context.Context, fold func(slot uint32, vs []V)) error {
	return l.c.exchanged(nil, func(v superstep.Vote) (superstep.Verdict, error) { return l.lane.Exchange(ctx, v, fold) })
}

// Mirror keeps copies of the values of other peers' slots: see superstep.Mirror. It is
// for engines with hot loops of their own.
type Mirror[M any, V superstep.Number] struct {
	*superstep.Mirror[V]
	c *core
}

// NewMirror opens a mirror; see superstep.NewMirror. All peers open their lanes and
// mirrors in the same order, again after a restart.
func NewMirror[M any, V superstep.Number](p *Peer[M], own int, watches, watched [][]uint32) *Mirror[M, V] {
	return &Mirror[M, V]{superstep.NewMirror[V](p.c.port, own, watches, watched), p.c}
}

// Exchange ends the superstep as Sync does: All has then what all peers have written to
// Next. A checkpoint holds no copies: the state of a program has its own values, and
// Refresh brings the copies after a restart. It counts as so many messages. fold, if
// not nil, is called when All is there and before a checkpoint is taken, which holds the
// state as fold has left it.
func (m *Mirror[M, V]) Exchange(ctx context.Context, messages int64, fold func()) error {
	return m.c.exchanged(fold, func(v superstep.Vote) (superstep.Verdict, error) { return m.Mirror.Exchange(ctx, v, messages) })
}

// exchanged ends a superstep by a call, and calls fold, if not nil, before a checkpoint is taken.
func (c *core) exchanged(fold func(), end func(superstep.Vote) (superstep.Verdict, error)) error {
	v, err := c.vote()
	if err != nil {
		return err
	}
	verdict, err := end(v)
	if err == nil && fold != nil {
		fold()
	}
	return c.passed(verdict, err)
}

// Refresh is Exchange without an end of the superstep: for what was restored.
func (m *Mirror[M, V]) Refresh(ctx context.Context) error {
	if m.c.broke != nil {
		return m.c.broke
	}
	m.c.broke = m.Mirror.Refresh(ctx)
	return m.c.broke
}

// Area is memory of a peer that other peers put values into: see superstep.Area. It is for engines
// with hot loops of their own.
type Area[M any, V superstep.Number] struct {
	*superstep.Area[V]
	c *core
}

// NewArea opens an area, and waits until all peers have; see superstep.NewArea. All peers open
// their lanes, mirrors and areas in the same order, again after a restart.
func NewArea[M any, V superstep.Number](ctx context.Context, p *Peer[M], cfg superstep.AreaConfig) (*Area[M, V], error) {
	if p.c.broke != nil {
		return nil, p.c.broke
	}
	a := &Area[M, V]{superstep.NewArea[V](p.c.port, cfg), p.c}
	p.c.broke = a.Meet(ctx)
	return a, p.c.broke
}

// Exchange ends the superstep as Sync does: All has then what all peers have put and written. A
// checkpoint holds nothing of it: the state of a program has what was computed of it. It counts as so
// many messages.
func (a *Area[M, V]) Exchange(ctx context.Context, messages int64) error {
	return a.c.exchanged(nil, func(v superstep.Vote) (superstep.Verdict, error) { return a.Area.Exchange(ctx, v, messages) })
}
