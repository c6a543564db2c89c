package superstep

import (
	"context"
	"fmt"
	"slices"
)

// Columns is the keyed path: values for slots of a destination peer, combined on
// the way.
type Columns[V Number] interface {
	// Add combines v into a slot of a peer.
	Add(peer int, slot uint32, v V)
	// AddBlock combines vs into the slots [first, first+len(vs)) of a peer.
	AddBlock(peer int, first uint32, vs []V)
	// Exchange ends the superstep; fold gets what was sent to this peer.
	Exchange(ctx context.Context, fold func(slot uint32, vs []V)) error
}

// Lane is a peer's keyed values of one type and operator: for each destination a list
// while they are few, then a dense accumulator, filled with the operator's identity. A slot that holds the
// identity counts as empty: it may or may not reach fold, which it does not change.
// All peers must open their boxes and lanes in the same order and with the same
// arguments. It is used by the port's goroutine.
type Lane[V Number] struct {
	p        *Port
	id       uint8
	op       Op
	kind     uint8
	width    int
	identity V
	slots    []uint32
	out      []accumulator[V]
	places   places // and vs: scratch of tidy
	vs       []V
	ending   bool  // Exchange is under way
	messages int64 // of this exchange
	bytes    int64
}

// NewLane opens a lane on a port; slots[i] is the number of slots of peer i. It
// panics if len(slots) is not N, and for Or on floats.
func NewLane[V Number](p *Port, op Op, slots []uint32) *Lane[V] {
	if len(slots) != p.N() {
		panic(fmt.Sprintf("superstep: slots of %d peers, there are %d", len(slots), p.N()))
	}
	kind, _, _ := traits[V]()
	l := &Lane[V]{p: p, op: op, kind: kind, width: sizeOf[V](), identity: identity[V](op), slots: slices.Clone(slots), out: make([]accumulator[V], p.N())}
	l.id = p.open(l)
	if p.step > 0 {
		// Others may have ended the last superstep by theirs.
		if err := l.deliver(p.step - 1); err != nil {
			p.err = err
		}
	}
	return l
}

// Add combines v into a slot of a peer. It panics if there is no such slot.
func (l *Lane[V]) Add(peer int, slot uint32, v V) {
	if o := &l.out[peer]; int64(slot) < int64(len(o.plain)) { // the common case, without the switch over operators
		o.plain[slot] += v
		o.n++
		return
	}
	l.add(peer, slot, v)
}

// add is Add where there is more to do than a sum.
func (l *Lane[V]) add(peer int, slot uint32, v V) {
	o := &l.out[peer]
	if o.n++; l.listed(peer, 1) {
		l.check(peer, uint64(slot))
		o.ids, o.few = append(o.ids, slot), append(o.few, v)
		return
	}
	o.cur[slot] = combine(l.op, o.cur[slot], v)
}

// AddBlock combines vs into the slots [first, first+len(vs)) of a peer. It panics if
// there are no such slots.
func (l *Lane[V]) AddBlock(peer int, first uint32, vs []V) {
	if len(vs) == 0 {
		return
	}
	o := &l.out[peer]
	if o.n += int64(len(vs)); l.listed(peer, len(vs)) {
		l.check(peer, uint64(first)+uint64(len(vs)-1))
		for i := range vs {
			o.ids = append(o.ids, first+uint32(i))
		}
		o.few = append(o.few, vs...)
		return
	}
	combineAll(l.op, o.cur[first:][:len(vs)], vs)
}

// AddAt combines vs[i] into slots[i] of a peer, for all i, in order: Add for columns,
// which is faster. It panics if there is no such slot, or if the lengths
// differ.
func (l *Lane[V]) AddAt(peer int, slots []uint32, vs []V) {
	if len(slots) != len(vs) {
		panic(fmt.Sprintf("superstep: %d values for %d slots", len(vs), len(slots)))
	}
	if len(slots) == 0 {
		return
	}
	o := &l.out[peer]
	if o.n += int64(len(slots)); l.listed(peer, len(slots)) {
		l.check(peer, uint64(slices.Max(slots)))
		o.ids, o.few = append(o.ids, slots...), append(o.few, vs...)
		return
	}
	combineAt(l.op, o.cur, slots, vs)
}

// check panics if a peer has no such slot.
func (l *Lane[V]) check(peer int, slot uint64) {
	if slot >= uint64(l.slots[peer]) {
		panic(fmt.Sprintf("superstep: slot %d of peer %d, which has %d", slot, peer, l.slots[peer]))
	}
}

// Accumulator returns the accumulator for a peer, of that peer's slots, for hot
// loops that combine in place. It is filled with the identity after each exchange
// and valid until the next one. Call Touch after writing to it.
func (l *Lane[V]) Accumulator(peer int) []V {
	if l.out[peer].cur == nil {
		l.pour(peer)
	}
	return l.out[peer].cur
}

// Touch says that n values were combined into Accumulator(peer); 0: none, and
// nothing is sent for it.
func (l *Lane[V]) Touch(peer int, n int64) { l.out[peer].n += n }

// Exchange ends the superstep as Sync does, and hands over the values of this lane;
// those of other lanes stay for their own Exchange. All peers must end the
// superstep with the same lane's. fold is called with runs of values for the own
// slots [slot, slot+len(vs)), sender by sender in the order of peers, slots
// ascending: the caller combines them into its own array. vs is valid during the
// call.
func (l *Lane[V]) Exchange(ctx context.Context, v Vote, fold func(slot uint32, vs []V)) (Verdict, error) {
	l.ending = true
	ended := l.p.step
	verdict, err := l.p.sync(ctx, v, l)
	l.ending = false
	if err != nil {
		return Verdict{}, err
	}
	if err := l.fold(l.p.in.at(ended, l.id, l.p.N()), fold); err != nil {
		return Verdict{}, l.p.fault(err)
	}
	return verdict, nil
}

func (l *Lane[V]) drop() {} // values leave at Exchange only

// deliver is called at barriers that are not this lane's Exchange.
func (l *Lane[V]) deliver(superstep int) error {
	if n := l.p.in.at(superstep, l.id, l.p.N()).count(); n > 0 {
		return fmt.Errorf("%w: %d values arrived on lane %d, which this peer did not exchange: all peers must end a superstep in the same way", ErrInbox, n, l.id)
	}
	return nil
}

// flush hands over what was combined, if the superstep ends by this lane.
func (l *Lane[V]) flush() {
	if !l.ending {
		return
	}
	for peer := range l.out {
		o := &l.out[peer]
		if l.messages += o.n; o.n == 0 {
			o.rest()
			continue
		}
		switch {
		case o.cur == nil:
			l.tidy(peer)
			l.pushSparse(peer)
		case l.gather(o):
			l.pushSparse(peer)
			o.rest()
		default:
			l.pushDense(peer)
		}
		o.ids, o.few, o.n = o.ids[:0], o.few[:0], 0
	}
	if l.messages > 0 {
		l.p.countSent(l.messages, l.bytes)
		l.messages, l.bytes = 0, 0
	}
}
