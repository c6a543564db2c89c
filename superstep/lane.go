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

// denseShare: a bundle is dense, values only, when more than 1/denseShare of the
// destination's slots are set.
const denseShare = 16

// Lane is a peer's keyed values of one type and operator: a dense accumulator for
// each destination, filled with the operator's identity. A slot that holds the
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
	ending   bool  // Exchange is under way
	messages int64 // of this exchange
	bytes    int64
}

// accumulator is what goes to one destination.
type accumulator[V Number] struct {
	cur   []V      // the one in use; nil: not made yet
	ids   []uint32 // slots set by Add, while they are few
	scan  bool     // ids is not all: look at every slot
	plain []V      // cur if scan is set and the operator is Sum: Add has to do no more than that
	n     int64    // values combined since the last exchange

	// A local destination gets the accumulator itself and fills it with the identity
	// again, while the other one is in use: it is back when the next exchange is over,
	// since the destination had to end its fold to take part. One that has left or
	// retired folds nothing: make sees that in the chunk.
	both   [2][]V
	handed [2]chunk
	turn   int
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
	if o.cur == nil {
		l.make(peer)
	}
	old := o.cur[slot]
	if old == l.identity && !o.scan {
		l.note(o, slot)
	}
	o.cur[slot] = combine(l.op, old, v)
	o.n++
}

// AddBlock combines vs into the slots [first, first+len(vs)) of a peer. It panics if
// there are no such slots.
func (l *Lane[V]) AddBlock(peer int, first uint32, vs []V) {
	if len(vs) == 0 {
		return
	}
	o := &l.out[peer]
	if o.cur == nil {
		l.make(peer)
	}
	for i := 0; i < len(vs) && !o.scan; i++ {
		l.note(o, first+uint32(i))
	}
	combineAll(l.op, o.cur[first:][:len(vs)], vs)
	o.n += int64(len(vs))
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
	if o.cur == nil {
		l.make(peer)
	}
	at := 0
	for ; at < len(slots) && !o.scan; at++ { // few slots are remembered
		l.Add(peer, slots[at], vs[at])
	}
	combineAt(l.op, o.cur, slots[at:], vs[at:])
	o.n += int64(len(slots) - at)
}

// note remembers a slot for the sparse form, unless there are too many.
func (l *Lane[V]) note(o *accumulator[V], slot uint32) {
	if len(o.ids) >= len(o.cur)/denseShare+1 {
		l.scanAll(o)
		return
	}
	o.ids = append(o.ids, slot)
}

// scanAll gives up remembering slots.
func (l *Lane[V]) scanAll(o *accumulator[V]) {
	o.ids, o.scan = o.ids[:0], true
	if l.op == Sum {
		o.plain = o.cur
	}
}

// Accumulator returns the accumulator for a peer, of that peer's slots, for hot
// loops that combine in place. It is filled with the identity after each exchange
// and valid until the next one. Call Touch after writing to it.
func (l *Lane[V]) Accumulator(peer int) []V {
	if l.out[peer].cur == nil {
		l.make(peer)
	}
	return l.out[peer].cur
}

// Touch says that n values were combined into Accumulator(peer); 0: none, and
// nothing is sent for it.
func (l *Lane[V]) Touch(peer int, n int64) {
	if n > 0 {
		l.scanAll(&l.out[peer])
		l.out[peer].n += n
	}
}

// make gives a destination an accumulator.
func (l *Lane[V]) make(peer int) {
	o := &l.out[peer]
	o.cur = o.both[o.turn]
	if o.cur == nil {
		o.cur = make([]V, l.slots[peer])
		o.both[o.turn] = o.cur
	} else if o.handed[o.turn].emptied {
		return
	}
	fill(o.cur, l.identity)
}

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
		if !o.scan && len(o.ids) == 0 {
			continue
		}
		l.messages += o.n
		if l.sparse(o) {
			l.pushSparse(peer)
		} else {
			l.pushDense(peer)
		}
		o.ids, o.scan, o.plain, o.n = o.ids[:0], false, nil, 0
	}
	if l.messages > 0 {
		l.p.countSent(l.messages, l.bytes)
		l.messages, l.bytes = 0, 0
	}
}

// sparse says whether few slots are set, and if so leaves them, ascending, in ids.
func (l *Lane[V]) sparse(o *accumulator[V]) bool {
	limit := len(o.cur) / denseShare
	if !o.scan {
		slices.Sort(o.ids)
		o.ids = slices.Compact(o.ids)
		o.ids = slices.DeleteFunc(o.ids, func(slot uint32) bool { return o.cur[slot] == l.identity })
		return len(o.ids) <= limit
	}
	for slot, v := range o.cur {
		if v == l.identity {
			continue
		}
		if len(o.ids) == limit {
			return false
		}
		o.ids = append(o.ids, uint32(slot))
	}
	return true
}
