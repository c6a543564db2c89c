package superstep

import (
	"context"
	"fmt"
)

// Mirror keeps copies of other peers' values: each peer has a value for every one of
// its slots, and of the others' slots those that it watches. The lists of slots are
// agreed once, so that only values travel, in the order of the lists. Two arrays take
// turns: a superstep reads the one of the last and writes the next.
//
//	All:  own slots │ watched slots of peer 0 │ of peer 1 │ …     read
//	Next: own slots                                               written
//
// All peers must open their boxes, lanes and mirrors in the same order. It is used by
// the port's goroutine.
type Mirror[V Number] struct {
	p        *Port
	id       uint8
	kind     uint8
	width    int
	own      int
	watches  [][]uint32 // by peer: its slots that this peer watches
	watched  [][]uint32 // by peer: own slots that it watches
	base     []int      // by peer: where the copies of its slots begin; one more at the end
	arrays   [2][]V
	handed   [2][]chunk // by peer; a local one reads the array itself
	turn     int        // of All
	ending   bool
	messages int64 // of this exchange
}

// NewMirror opens a mirror of a port with own slots. watches[q] are the slots of peer q
// that this peer watches, watched[q] the own slots that peer q watches; both ascend, and
// q's lists must be the same ones the other way round. They are not copied. It panics
// if there are not N of each, or if an own slot is out of range.
func NewMirror[V Number](p *Port, own int, watches, watched [][]uint32) *Mirror[V] {
	checkWatching(p, own, watches, watched)
	kind, _, _ := traits[V]()
	m := &Mirror[V]{p: p, kind: kind, width: sizeOf[V](), own: own, watches: watches, watched: watched, base: make([]int, 0, p.N()+1)}
	all := own
	for q := range watches {
		m.base = append(m.base, all)
		all += len(watches[q])
	}
	m.base = append(m.base, all)
	for i := range m.arrays {
		m.arrays[i], m.handed[i] = make([]V, all), make([]chunk, p.N())
	}
	m.id = p.open(m)
	return m
}

// checkWatching panics unless there are lists of each peer, and own slots in them.
func checkWatching(p *Port, own int, watches, watched [][]uint32) {
	if len(watches) != p.N() || len(watched) != p.N() {
		panic(fmt.Sprintf("superstep: lists of %d and %d peers, there are %d", len(watches), len(watched), p.N()))
	}
	for _, list := range watched {
		if n := len(list); n > 0 && int64(list[n-1]) >= int64(own) {
			panic(fmt.Sprintf("superstep: slot %d is watched, there are %d", list[n-1], own))
		}
	}
}

// Base returns where the copies of a peer's slots begin in All; Base(N()) is its length.
func (m *Mirror[V]) Base(peer int) int { return m.base[peer] }

// All returns the values of the last superstep: of the own slots, then of those
// watched, peer by peer. Read-only; valid until the next Exchange.
func (m *Mirror[V]) All() []V { return m.arrays[m.turn] }

// Next returns the own values of this superstep, to be written before Exchange; what
// was in it two supersteps ago is still there.
func (m *Mirror[V]) Next() []V { return m.arrays[m.turn^1][:m.own] }

// Exchange ends the superstep as Sync does: All has what all peers have written to Next.
// All peers must end the superstep with the same mirror's. messages is what counts as
// sent: how many messages of a program the values stand for.
func (m *Mirror[V]) Exchange(ctx context.Context, v Vote, messages int64) (Verdict, error) {
	m.ending, m.messages = true, messages
	ended := m.p.step
	verdict, err := m.p.sync(ctx, v, m)
	m.ending = false
	if err != nil {
		return Verdict{}, err
	}
	if err := m.take(m.p.in.at(ended, m.id, m.p.N())); err != nil {
		return Verdict{}, m.p.fault(err)
	}
	m.turn ^= 1
	return verdict, nil
}

// Refresh is Exchange by a collective, which ends no superstep: after a restart it
// brings the copies of what the own values were restored to.
func (m *Mirror[V]) Refresh(ctx context.Context) error {
	next := m.Next()
	out := make([][]byte, m.p.N())
	for q, slots := range m.watched {
		vs := make([]V, len(slots))
		for i, slot := range slots {
			vs[i] = next[slot]
		}
		out[q] = bytesOf(vs)
		if out[q] == nil {
			out[q] = []byte{}
		}
	}
	parts, err := m.p.HandOver(ctx, out)
	if err != nil {
		return err
	}
	for q, b := range parts {
		if n := len(m.watches[q]); len(b) != n*m.width {
			return m.p.fault(fmt.Errorf("%w: %d bytes of peer %d for %d values", ErrInbox, len(b), q, n))
		}
		vs := make([]V, len(m.watches[q])) // b may not be aligned
		copy(bytesOf(vs), b)
		m.put(q, 0, vs)
	}
	m.turn ^= 1
	return nil
}

// put copies values of a peer, of which first came before.
func (m *Mirror[V]) put(peer, first int, vs []V) {
	copy(m.arrays[m.turn^1][m.base[peer]+first:], vs)
}

// pick copies the values that are watched from all of a peer's.
func (m *Mirror[V]) pick(peer int, vs []V) {
	slots := m.watches[peer]
	into := m.arrays[m.turn^1][m.base[peer]:][:len(slots)]
	for i, slot := range slots {
		into[i] = vs[slot]
	}
}

func (m *Mirror[V]) drop() {}

// deliver is called at barriers that are not this mirror's Exchange.
func (m *Mirror[V]) deliver(superstep int) error {
	if n := m.p.in.at(superstep, m.id, m.p.N()).count(); n > 0 {
		return fmt.Errorf("%w: %d values arrived on lane %d, which this peer did not exchange: all peers must end a superstep in the same way", ErrInbox, n, m.id)
	}
	return nil
}

// flush hands over the own values, if the superstep ends by this mirror.
func (m *Mirror[V]) flush() {
	if !m.ending {
		return
	}
	next := m.Next()
	total := int64(0)
	for i := range m.watched {
		q := (m.p.index + i) % len(m.watched) // not everybody to the same peer at once
		slots := m.watched[q]
		if len(slots) == 0 {
			continue
		}
		total += int64(len(slots))
		if m.p.local(q) {
			c := &m.handed[m.turn^1][q]
			*c = chunk{ext: bytesOf(next), count: uint32(len(slots)), kind: m.kind, flags: flagDense, class: -1}
			m.p.push(frameColumns, m.id, q, c)
			continue
		}
		for from := 0; from < len(slots); {
			c, vs := openDense[V](m.p, from, len(slots)-from)
			for i, slot := range slots[from:][:len(vs)] {
				vs[i] = next[slot]
			}
			m.p.push(frameColumns, m.id, q, c)
			from += len(vs)
		}
	}
	m.p.countSent(m.messages, total*int64(m.width))
}

// take copies what arrived to the values watched.
func (m *Mirror[V]) take(in *inbox) error {
	for source := range in.from {
		at, all := 0, len(m.watches[source])
		for _, c := range in.from[source].chunks {
			var err error
			if at, err = m.takeChunk(c, source, at); err != nil {
				return fmt.Errorf("values of peer %d on lane %d: %w", source, m.id, err)
			}
		}
		if at != all {
			return fmt.Errorf("%w: %d values of peer %d on lane %d, expected %d: has it returned?", ErrInbox, at, source, m.id, all)
		}
	}
	return nil
}

// takeChunk copies a chunk of a peer's values, of which at came before, and returns how many
// there are now.
func (m *Mirror[V]) takeChunk(c *chunk, peer, at int) (int, error) {
	slots := m.watches[peer]
	if err := checkDense[V](c, len(slots)-at); err != nil {
		return 0, err
	}
	if c.ext != nil {
		vs := viewOf[V](c.ext)
		if len(slots) != int(c.count) || int64(slots[len(slots)-1]) >= int64(len(vs)) {
			return 0, fmt.Errorf("%w: %d slots watched, %d sent", ErrInbox, len(slots), c.count)
		}
		m.pick(peer, vs)
		return len(slots), nil
	}
	return takeDense(m.p, c, at, func(from int, vs []V) { m.put(peer, from, vs) })
}
