package graph

import (
	"fmt"
	"math"

	"scalar/bsp/job"
)

// sendAll implements Vertex.SendAll.
func (e *freeEngine[V, M]) sendAll(at uint32, m M) {
	for _, x := range e.rows[at] {
		e.post(x, m)
	}
}

// sendWeighted implements Vertex.SendWeighted.
func (e *freeEngine[V, M]) sendWeighted(at uint32, f func(w float64) M) {
	for _, x := range e.rows[at] {
		e.post(x, f(x.Weight))
	}
}

// send implements Vertex.Send.
func (e *freeEngine[V, M]) send(id uint64, m M) {
	e.p.Send(e.ownerOf(id), Letter[M]{id, m})
}

// post sends along an edge.
func (e *freeEngine[V, M]) post(x edge, m M) {
	switch {
	case x.At == byID:
		e.send(x.ID, m)
	case e.out != nil:
		o := &e.out[x.Peer]
		if o.has == nil {
			o.has, o.values = make([]bool, e.counts[x.Peer]), make([]M, e.counts[x.Peer])
		}
		o.add(x.At, m, e.alg.Merge)
	default:
		e.p.Send(int(x.Peer), Letter[M]{bySlot | uint64(x.At), m})
	}
}

// merged are the messages to the slots of one peer.
type merged[M any] struct {
	has    []bool
	values []M
}

func (o *merged[M]) add(at uint32, m M, merge func(a, b M) M) {
	if o.has[at] {
		m = merge(o.values[at], m)
	}
	o.has[at], o.values[at] = true, m
}

// flush sends what there is, slots ascending.
func (o *merged[M]) flush(send func(Letter[M])) {
	var zero M
	for at, has := range o.has {
		if has {
			send(Letter[M]{bySlot | uint64(at), o.values[at]})
			o.has[at], o.values[at] = false, zero
		}
	}
}

// deliver puts the messages that came into the inbox, by vertex.
func (e *freeEngine[V, M]) deliver() error {
	n := e.p.NumMessages()
	if n > math.MaxUint32-1 {
		return fmt.Errorf("%d messages to one peer in a superstep: use more peers", n)
	}
	slots := e.slots[:0]
	for l := range e.p.Messages() {
		at, err := e.resolve(l.To)
		if err != nil {
			return err
		}
		slots = append(slots, at)
	}
	e.slots = slots
	e.starts = zeroed(e.starts, len(e.rows)+2) // one behind: see below
	for _, at := range slots {
		if at != byID {
			e.starts[at+2]++
		}
	}
	for i := 2; i < len(e.starts); i++ {
		e.starts[i] += e.starts[i-1]
	}
	e.inbox = zeroed(e.inbox, int(e.starts[len(e.starts)-1]))
	i := 0
	for l := range e.p.Messages() {
		if at := slots[i]; at != byID {
			e.inbox[e.starts[at+1]] = l.Value
			e.starts[at+1]++ // so that it is where at+1 begins in the end
		}
		i++
	}
	e.starts = e.starts[:len(e.starts)-1]
	e.merge()
	return nil
}

// zeroed returns n zero values, in the memory of xs if it is enough.
func zeroed[T any](xs []T, n int) []T {
	clear(xs) // what is kept beyond n must not hold on to anything
	if n > cap(xs) {
		return make([]T, n)
	}
	xs = xs[:n]
	clear(xs)
	return xs
}

// resolve returns the slot that a message goes to; byID if it is dropped.
func (e *freeEngine[V, M]) resolve(to uint64) (uint32, error) {
	id := to
	if to >= bySlot {
		at := to &^ bySlot
		if at >= uint64(len(e.rows)) {
			return 0, job.Fail(job.FaultProgram, "a message to slot %d of %d: do all peers run the same program?", at, len(e.rows))
		}
		if !e.gone[at] {
			return uint32(at), nil
		}
		id = e.id(uint32(at))
	} else if at, ok := e.find(id); ok {
		return at, nil
	}
	if e.alg.Missing != CreateMissing {
		return byID, e.alg.Missing.meet(e.p, id)
	}
	var zero V
	return e.create(id, zero)
}

// merge leaves one message of those to a vertex, if the algorithm combines them.
func (e *freeEngine[V, M]) merge() {
	if e.alg.Merge == nil {
		return
	}
	to := uint32(0)
	for v := range e.rows {
		lo, hi := e.starts[v], e.starts[v+1]
		if e.starts[v] = to; lo == hi {
			continue
		}
		m := e.inbox[lo]
		for _, x := range e.inbox[lo+1 : hi] {
			m = e.alg.Merge(m, x)
		}
		e.inbox[to] = m
		to++
	}
	e.starts[len(e.rows)] = to
}
