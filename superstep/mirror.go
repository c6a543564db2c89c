package superstep

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
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
	handed   [2][]chunk  // by peer; a local one reads the array itself
	scatter  *Scatter[V] // nil: copies go behind the own slots
	turn     int         // of All
	ending   bool
	messages int64 // of this exchange
}

// NewMirror opens a mirror of a port with own slots. watches[q] are the slots of peer q
// that this peer watches, watched[q] the own slots that peer q watches; both ascend, and
// q's lists must be the same ones the other way round. They are not copied. It panics
// if there are not N of each, or if an own slot is out of range.
func NewMirror[V Number](p *Port, own int, watches, watched [][]uint32) *Mirror[V] {
	m := newMirror[V](p, own, watches, watched)
	for i := range m.arrays {
		m.arrays[i] = make([]V, m.base[p.N()])
	}
	return m
}

// Scatter is where the copies of a mirror go: copy i, in the order that All has them in
// else, to Into[Places[i]].
type Scatter[V Number] struct {
	Into   []V
	Places []uint32
}

// NewScattered is NewMirror for a caller that reads copies in an order of its own: they are
// scattered, and All has the own slots alone. It panics too if there are not as many
// places as copies.
func NewScattered[V Number](p *Port, own int, watches, watched [][]uint32, to Scatter[V]) *Mirror[V] {
	m := newMirror[V](p, own, watches, watched)
	if copies := m.base[p.N()] - own; len(to.Places) != copies {
		panic(fmt.Sprintf("superstep: a mirror with %d places for %d copies", len(to.Places), copies))
	}
	m.scatter = &to
	for i := range m.arrays {
		m.arrays[i] = make([]V, own)
	}
	return m
}

func newMirror[V Number](p *Port, own int, watches, watched [][]uint32) *Mirror[V] {
	if len(watches) != p.N() || len(watched) != p.N() {
		panic(fmt.Sprintf("superstep: a mirror of %d and %d peers, there are %d", len(watches), len(watched), p.N()))
	}
	kind, _, _ := traits[V]()
	m := &Mirror[V]{p: p, kind: kind, width: sizeOf[V](), own: own, watches: watches, watched: watched, base: make([]int, 0, p.N()+1)}
	all := own
	for q := range watches {
		if n := len(watched[q]); n > 0 && int64(watched[q][n-1]) >= int64(own) {
			panic(fmt.Sprintf("superstep: a mirror of slot %d, there are %d", watched[q][n-1], own))
		}
		m.base = append(m.base, all)
		all += len(watches[q])
	}
	m.base = append(m.base, all)
	for i := range m.handed {
		m.handed[i] = make([]chunk, p.N())
	}
	m.id = p.open(m)
	return m
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
	if m.scatter == nil {
		copy(m.arrays[m.turn^1][m.base[peer]+first:], vs)
		return
	}
	into := m.scatter.Into
	for i, at := range m.scatter.Places[m.base[peer]-m.own+first:][:len(vs)] {
		into[at] = vs[i]
	}
}

// pick copies the values that are watched from all of a peer's.
func (m *Mirror[V]) pick(peer int, vs []V) {
	slots := m.watches[peer]
	if m.scatter == nil {
		into := m.arrays[m.turn^1][m.base[peer]:][:len(slots)]
		for i, slot := range slots {
			into[i] = vs[slot]
		}
		return
	}
	into, places := m.scatter.Into, m.scatter.Places[m.base[peer]-m.own:][:len(slots)]
	for i, slot := range slots {
		into[places[i]] = vs[slot]
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
		m.send(q, slots, next)
	}
	m.p.countSent(m.messages, total*int64(m.width))
}

// send gives a remote peer the values that it watches.
func (m *Mirror[V]) send(peer int, slots []uint32, next []V) {
	step := (columnChunk - headerSize - denseFront) / m.width
	first := 0
	for piece := range slices.Chunk(slots, step) {
		c := m.p.g.buffers.pool.get(denseFront + len(piece)*m.width)
		c.n = denseFront + len(piece)*m.width
		binary.LittleEndian.PutUint64(c.room(), uint64(first))
		vs := viewOf[V](c.payload()[denseFront:])
		for i, slot := range piece {
			vs[i] = next[slot]
		}
		c.count, c.kind, c.flags = uint32(len(piece)), m.kind, flagDense
		m.p.push(frameColumns, m.id, peer, c)
		first += len(piece)
	}
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
	if c.kind != m.kind || c.flags&flagDense == 0 || int64(c.count) > int64(len(slots)-at) {
		return 0, fmt.Errorf("%w: %d values of kind %d, expected %d of kind %d", ErrInbox, c.count, c.kind, len(slots)-at, m.kind)
	}
	if c.ext != nil {
		vs := viewOf[V](c.ext)
		if len(slots) != int(c.count) || int64(slots[len(slots)-1]) >= int64(len(vs)) {
			return 0, fmt.Errorf("%w: %d slots watched, %d sent", ErrInbox, len(slots), c.count)
		}
		m.pick(peer, vs)
		return len(slots), nil
	}
	s := &m.p.g.buffers
	whole, err := s.load(c)
	if err != nil {
		return 0, err
	}
	defer s.unload(c, whole)
	b := whole.payload()
	if len(b) != denseFront+int(c.count)*m.width || binary.LittleEndian.Uint64(b) != uint64(at) {
		return 0, fmt.Errorf("%w: %d values in %d bytes", ErrInbox, c.count, len(b))
	}
	m.put(peer, at, viewOf[V](b[denseFront:]))
	return at + int(c.count), nil
}
