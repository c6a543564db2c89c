package superstep

// denseShare: what goes to a peer is a list until that has more than 1/denseShare of the
// peer's slots, and then an array of all of them. It travels as a list if no more slots than
// that are set, else as values alone.
const denseShare = 16

// accumulator is what goes to one destination: a list of slots and values in the order of
// sending, which touches no more memory than there are, or an array of all slots.
type accumulator[V Number] struct {
	ids   []uint32 // slots of few
	few   []V
	cur   []V   // the array; nil: the list is in use
	plain []V   // cur if the operator is Sum: Add has to do no more than that
	n     int64 // values combined since the last exchange

	// A local destination gets the array itself and fills it with the identity
	// again, while the other one is in use: it is back when the next exchange is over,
	// since the destination had to end its fold to take part. One that has left or
	// retired folds nothing: pour sees that in the chunk.
	both   [2][]V
	handed [2]chunk
	turn   int
}

// listed reports whether so many values more go to the list.
func (l *Lane[V]) listed(peer, more int) bool {
	o := &l.out[peer]
	if o.cur == nil && len(o.few)+more > int(l.slots[peer]/denseShare)+1 {
		l.pour(peer)
	}
	return o.cur == nil
}

// pour changes from the list to the array.
func (l *Lane[V]) pour(peer int) {
	o := &l.out[peer]
	o.cur = o.both[o.turn]
	if o.cur == nil {
		o.cur = make([]V, l.slots[peer])
		o.both[o.turn] = o.cur
	}
	if c := &o.handed[o.turn]; !c.emptied {
		fill(o.cur, l.identity)
	}
	if l.op == Sum {
		o.plain = o.cur
	}
	combineAt(l.op, o.cur, o.ids, o.few)
	o.ids, o.few = o.ids[:0], o.few[:0]
}

// rest says that the array, which is empty again, is not in use any more.
func (o *accumulator[V]) rest() {
	if o.cur != nil {
		o.handed[o.turn].emptied = true
	}
	o.cur, o.plain = nil, nil
}

// tidy brings the list into the form that travels: slots ascending, one value of all to
// a slot, which are combined in the order of sending, and none that is the identity.
func (l *Lane[V]) tidy(peer int) {
	o := &l.out[peer]
	ids, at := l.places.of(o.ids, l.slots[peer])
	l.vs = append(l.vs[:0], o.few...)
	few := o.few[:len(ids)]
	fill(few, l.identity)
	combineAt(l.op, few, at, l.vs)
	n := 0
	for i, v := range few {
		if v != l.identity {
			ids[n], few[n] = ids[i], v
			n++
		}
	}
	o.ids, o.few = ids[:n], few[:n]
}

// gather makes the list of what is set in the array and empties the array, unless more than a few
// slots are.
func (l *Lane[V]) gather(o *accumulator[V]) bool {
	limit := len(o.cur) / denseShare
	o.ids, o.few = o.ids[:0], o.few[:0]
	for slot, v := range o.cur {
		if v == l.identity {
			continue
		}
		if len(o.ids) == limit {
			return false
		}
		o.ids = append(o.ids, uint32(slot))
	}
	for _, slot := range o.ids {
		o.few = append(o.few, o.cur[slot])
		o.cur[slot] = l.identity
	}
	return true
}
