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
	v, err := l.c.vote()
	if err != nil {
		return err
	}
	verdict, err := l.lane.Exchange(ctx, v, fold)
	return l.c.passed(verdict, err)
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

// NewScattered opens a mirror whose copies go elsewhere; see superstep.NewScattered.
func NewScattered[M any, V superstep.Number](p *Peer[M], own int, watches, watched [][]uint32, to superstep.Scatter[V]) *Mirror[M, V] {
	return &Mirror[M, V]{superstep.NewScattered(p.c.port, own, watches, watched, to), p.c}
}

// Exchange ends the superstep as Sync does: All has then what all peers have written to
// Next. A checkpoint holds no copies: the state of a program has its own values, and
// Refresh brings the copies after a restart. It counts as so many messages. fold, if
// not nil, is called when All is there and before a checkpoint is taken, which holds the
// state as fold has left it.
func (m *Mirror[M, V]) Exchange(ctx context.Context, messages int64, fold func()) error {
	v, err := m.c.vote()
	if err != nil {
		return err
	}
	verdict, err := m.Mirror.Exchange(ctx, v, messages)
	if err == nil && fold != nil {
		fold()
	}
	return m.c.passed(verdict, err)
}

// Refresh is Exchange without an end of the superstep: for what was restored.
func (m *Mirror[M, V]) Refresh(ctx context.Context) error {
	if m.c.broke != nil {
		return m.c.broke
	}
	m.c.broke = m.Mirror.Refresh(ctx)
	return m.c.broke
}
