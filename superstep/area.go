package superstep

import (
	"context"
	"fmt"
	"sync"
)

// Area is a peer's memory that other peers put values into, as into a registered area of BSPlib (Hill
// et al., BSPlib: The BSP programming library, Parallel Computing 24, 1998): each peer has a value for
// every one of its slots, and puts those that another peer watches into places of that one's area.
// A value goes once, from where it was computed to where it is read; for peers of other processes into
// chunks that leave as they fill up, and to its place when the superstep has ended. Two arrays take
// turns: a superstep reads the one of the last and writes the next.
//
//	All:  what was put in the last superstep, and what the peer itself wrote to it    read
//	Next: as All will be: the peer writes what it likes, but for places of others     written
//
// The lists of slots are agreed once, as those of a Mirror, and like that it is used by the port's
// goroutine. All peers must open their boxes, lanes, mirrors and areas in the same order.
type Area[V Number] struct {
	p        *Port
	id       uint8
	watched  [][]uint32 // by peer: own slots that it watches
	places   []uint32   // of what others put, peer by peer; nil: the last ones, in order
	base     []int      // by peer: where its values begin in that order; one more at the end
	arrays   [2][]V
	turn     int         // of All
	local    []*Area[V]  // by peer: those of this process that watch something
	next     []int       // by peer: the next of watched
	open     []opened[V] // by peer of another process: what is being put
	put      [2][]int    // by superstep and peer of this process: the superstep after that in which it has put all
	ending   bool
	messages int64 // of this exchange
}

// opened is a chunk that is not full yet; nil where there is none.
type opened[V Number] struct {
	c    *chunk
	room []V
}

// areas are those of a group, by id and peer.
type areas struct {
	mu   sync.Mutex
	open map[areaKey]any
}

type areaKey struct {
	id   uint8
	peer int
}

// AreaConfig says what is put where.
type AreaConfig struct {
	Size             int        // values of the area
	Own              int        // slots of the peer
	Watches, Watched [][]uint32 // as those of NewMirror: slots of others, and own ones that others watch
	Places           []uint32   // in the area, of the values of Watches, peer by peer; nil: the last ones, in order. Not copied
}

// NewArea opens a port's area. It panics where the lists do not fit each other, as NewMirror does.
func NewArea[V Number](p *Port, cfg AreaConfig) *Area[V] {
	checkWatching(p, cfg.Own, cfg.Watches, cfg.Watched)
	n := p.N()
	a := &Area[V]{p: p, watched: cfg.Watched, places: cfg.Places, base: make([]int, 1, n+1), local: make([]*Area[V], n), next: make([]int, n), open: make([]opened[V], n)}
	for q, list := range cfg.Watches {
		a.base = append(a.base, a.base[q]+len(list))
	}
	if all := a.base[n]; all > cfg.Size || cfg.Places != nil && len(cfg.Places) != all {
		panic(fmt.Sprintf("superstep: an area of %d with %d places for %d values", cfg.Size, len(cfg.Places), all))
	}
	for i := range a.arrays {
		a.arrays[i], a.put[i] = make([]V, cfg.Size), make([]int, n)
	}
	a.id = p.open(a)
	p.g.areas.mu.Lock()
	defer p.g.areas.mu.Unlock()
	if p.g.areas.open == nil {
		p.g.areas.open = map[areaKey]any{}
	}
	p.g.areas.open[areaKey{a.id, p.index}] = a
	return a
}

// Meet finds the areas of the other peers, by a collective: all peers call it once, between opening
// and the first Put.
func (a *Area[V]) Meet(ctx context.Context) error {
	if _, err := a.p.AllGather(ctx, []byte{}); err != nil {
		return err
	}
	all := &a.p.g.areas
	all.mu.Lock()
	defer all.mu.Unlock()
	for q, list := range a.watched {
		if len(list) == 0 || !a.p.local(q) {
			continue
		}
		to, ok := all.open[areaKey{a.id, q}].(*Area[V])
		if !ok || to.base[a.p.index+1]-to.base[a.p.index] != len(list) {
			return a.p.fault(fmt.Errorf("%w: peer %d has not agreed to an area of %d values on lane %d: has it returned?", ErrInbox, q, len(list), a.id))
		}
		a.local[q] = to
	}
	return nil
}

// All returns the values of the last superstep. Read-only; valid until the next Exchange.
func (a *Area[V]) All() []V { return a.arrays[a.turn] }

// Next returns what All will return after the next Exchange, without what others put; what was in it
// two supersteps ago is still there.
func (a *Area[V]) Next() []V { return a.arrays[a.turn^1] }

// Put gives the other peers what they watch of the own slots from first on. Slots ascend from one call to
// the next, and every one that is watched is put once a superstep.
func (a *Area[V]) Put(first int, values []V) {
	for q, slots := range a.watched {
		switch to := a.local[q]; {
		case to != nil:
			a.next[q] += to.receive(a, first, values)
		case len(slots) > 0:
			a.send(q, first, values)
		}
	}
}

// send gives a peer of another process what it watches of values.
func (a *Area[V]) send(peer, first int, values []V) {
	o := &a.open[peer]
	for left := a.watched[peer][a.next[peer]:]; len(left) > 0; left = a.watched[peer][a.next[peer]:] {
		if o.c == nil {
			o.c, o.room = openDense[V](a.p, a.next[peer], len(left))
		}
		n := 0
		for i, slot := range left[:len(o.room)] {
			if slot -= uint32(first); uint64(slot) >= uint64(len(values)) {
				break
			}
			o.room[i] = values[slot]
			n = i + 1
		}
		a.next[peer] += n
		if o.room = o.room[n:]; len(o.room) > 0 {
			return
		}
		a.p.push(frameColumns, a.id, peer, o.c)
		o.c = nil
	}
}

// receive takes what the peer watches of values of another peer of this process, whose goroutine calls
// it, and returns how many that are.
func (a *Area[V]) receive(from *Area[V], first int, values []V) int {
	before := from.next[a.p.index]
	slots := from.watched[a.p.index][before:]
	into, at := a.arrays[from.turn^1], a.base[from.p.index]+before
	if a.places == nil {
		into = into[a.last(at):][:len(slots)]
		for i, slot := range slots {
			if slot -= uint32(first); uint64(slot) >= uint64(len(values)) {
				return i
			}
			into[i] = values[slot]
		}
		return len(slots)
	}
	places := a.places[at:][:len(slots)]
	for i, slot := range slots {
		if slot -= uint32(first); uint64(slot) >= uint64(len(values)) {
			return i
		}
		into[places[i]] = values[slot]
	}
	return len(slots)
}

// last returns the place of the at-th value that others put, where no places were given.
func (a *Area[V]) last(at int) int { return len(a.arrays[0]) - a.base[len(a.base)-1] + at }

// Exchange ends the superstep as Sync does: All has what all peers have put and written. All peers must end the
// superstep with the same area's. messages is what counts as sent: how many messages of a program
// the values stand for.
func (a *Area[V]) Exchange(ctx context.Context, v Vote, messages int64) (Verdict, error) {
	for q, slots := range a.watched {
		if a.next[q] != len(slots) {
			return Verdict{}, a.p.fault(fmt.Errorf("%d of %d values were put for peer %d on lane %d", a.next[q], len(slots), q, a.id))
		}
		a.next[q] = 0
	}
	a.ending, a.messages = true, messages
	ended := a.p.step
	verdict, err := a.p.sync(ctx, v, a)
	a.ending = false
	if err != nil {
		return Verdict{}, err
	}
	if err := a.take(a.p.in.at(ended, a.id, a.p.N()), ended); err != nil {
		return Verdict{}, a.p.fault(err)
	}
	a.turn ^= 1
	return verdict, nil
}

func (a *Area[V]) drop() {
	for i := range a.open {
		if o := &a.open[i]; o.c != nil {
			a.p.g.buffers.pool.put(o.c)
			o.c = nil
		}
	}
}

// flush tells the peers of this process that all is put, if the superstep ends by this area.
func (a *Area[V]) flush() {
	if !a.ending {
		return
	}
	total := 0
	for q, slots := range a.watched {
		total += len(slots)
		if to := a.local[q]; to != nil {
			to.put[a.p.step&1][a.p.index] = a.p.step + 1
			a.p.sentTotal += uint64(len(slots))
		}
	}
	a.p.countSent(a.messages, int64(total)*int64(sizeOf[V]()))
}

// deliver is called at barriers that are not this area's Exchange.
func (a *Area[V]) deliver(superstep int) error {
	n := a.p.in.at(superstep, a.id, a.p.N()).count()
	for q, step := range a.put[superstep&1] {
		if step == superstep+1 {
			n += int64(a.base[q+1] - a.base[q])
		}
	}
	if n > 0 {
		return fmt.Errorf("%w: %d values arrived on lane %d, which this peer did not exchange: all peers must end a superstep in the same way", ErrInbox, n, a.id)
	}
	return nil
}

// take puts what came from other processes into its places, and checks that all peers have put theirs.
func (a *Area[V]) take(in *inbox, ended int) error {
	into := a.arrays[a.turn^1]
	for source := range in.from {
		at, all := 0, a.base[source+1]-a.base[source]
		if a.p.local(source) && a.put[ended&1][source] == ended+1 {
			at = all
		}
		put := func(from int, vs []V) { a.scatter(into, a.base[source]+from, vs) }
		for _, c := range in.from[source].chunks {
			err := checkDense[V](c, all-at)
			if err == nil {
				at, err = takeDense(a.p, c, at, put)
			}
			if err != nil {
				return fmt.Errorf("values of peer %d on lane %d: %w", source, a.id, err)
			}
		}
		if at != all {
			return fmt.Errorf("%w: %d values of peer %d on lane %d, expected %d: has it returned?", ErrInbox, at, source, a.id, all)
		}
	}
	return nil
}

// scatter puts values into the places of those that others put, from the at-th on.
func (a *Area[V]) scatter(into []V, at int, vs []V) {
	if a.places == nil {
		copy(into[a.last(at):], vs)
		return
	}
	for i, place := range a.places[at:][:len(vs)] {
		into[place] = vs[i]
	}
}
