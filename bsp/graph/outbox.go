package graph

import (
	"math"
	"slices"

	"scalar/superstep"
)

// outbox is what vertices send along all of their edges in a superstep. Where all send one
// message, as those of a frontier do, it is kept once, and no memory is touched for each.
type outbox[M superstep.Number] struct {
	none    M
	senders []uint32 // vertices that send
	edges   int64    // of senders
	message M        // of the first of them
	differ  bool     // another one has sent something else
	values  []M      // by vertex, none where nothing is sent: filled if they differ, or by all
}

func newOutbox[M superstep.Number](n int, none M) outbox[M] {
	o := outbox[M]{none: none, values: make([]M, n)}
	fill(o.values, none)
	return o
}

// put keeps what a vertex sends along so many edges, if it does.
func (o *outbox[M]) put(at uint32, m M, degree uint32) {
	if m == o.none {
		return
	}
	switch {
	case o.differ:
		o.values[at] = m
	case len(o.senders) == 0:
		o.message = m
	case !same(m, o.message):
		o.all()
		o.differ, o.values[at] = true, m
	}
	o.edges += int64(degree)
	o.senders = append(o.senders, at)
}

// same reports whether two messages are the same, to the sign of a zero.
func same[M superstep.Number](a, b M) bool {
	return a == b && (a != 0 || math.Signbit(float64(a)) == math.Signbit(float64(b)))
}

// grow makes room for so many senders more.
func (o *outbox[M]) grow(n int) { o.senders = slices.Grow(o.senders, n) }

// all returns what is sent by vertex.
func (o *outbox[M]) all() []M {
	if !o.differ {
		for _, v := range o.senders {
			o.values[v] = o.message
		}
	}
	return o.values
}

// empty forgets what was sent. Values were filled if all was called.
func (o *outbox[M]) empty(filled bool) {
	switch {
	case !filled:
	case len(o.senders) > len(o.values)/fewShare:
		fill(o.values, o.none)
	default:
		for _, v := range o.senders {
			o.values[v] = o.none
		}
	}
	o.senders, o.edges, o.differ = o.senders[:0], 0, false
}
