package host

import (
	"time"

	"scalar/serving/protocol"
)

// A call is a request that found all executors busy. Its rows are its own copy, so that whoever
// asked may leave, and have its buffers back, while a batch computes them.
//
// The lock of its version guards state, tenant, exec and the links. Whoever takes it out of the
// queue, but for its own goroutine, sends one wake.
type call struct {
	terms
	rows   int       // of a large request, those that it computes before others have their turn
	x      []float32 // rows×features, encoded; empty: it takes part in no batch
	answer protocol.Answer
	err    error
	wake   chan struct{} // of capacity 1, so that no sender waits
	timer  *time.Timer

	state      callState
	tenant     *tenant
	exec       *executor // of a leader
	prev, next *call     // of the same tenant
}

type callState uint8

const (
	queued    callState = iota
	leading             // it was given an executor
	taken               // a batch computes it
	abandoned           // and nobody waits for it: it is the batch's
	done                // answer or err is set
)

// A tenant is what one namespace has in a queue.
type tenant struct {
	name        string
	first, last *call
	rows        int
	served      uint64 // rows, on the queue's clock
}

// A queue is fair between tenants: the next request is that of the tenant of which the fewest
// rows were taken (start-time fair queueing, Goyal et al. 1996, counted in rows), and what a
// tenant has is in order. One that comes back has the clock's time at least: nobody saves up.
type queue struct {
	tenants []*tenant // that have calls, or may be ahead of the clock
	rows    int
	clock   uint64 // what the tenant that was taken last had been served
}

// of returns the tenant of a name, nil if it is not known. Tenants are few: those who have
// tokens and ask for this model.
func (q *queue) of(name string) *tenant {
	for _, t := range q.tenants {
		if t.name == name {
			return t
		}
	}
	return nil
}

// push puts a call last among those of its tenant.
func (q *queue) push(c *call) {
	t := q.of(c.namespace)
	if t == nil {
		t = q.fresh()
		t.name = c.namespace
	}
	if t.first == nil {
		t.served = max(t.served, q.clock)
	}
	c.state, c.tenant, c.prev, c.next = queued, t, t.last, nil
	if t.last == nil {
		t.first = c
	} else {
		t.last.next = c
	}
	t.last = c
	t.rows += c.rows
	q.rows += c.rows
}

// fresh returns a tenant of no name: one that has nothing and is not ahead, or a new one.
func (q *queue) fresh() *tenant {
	for _, t := range q.tenants {
		if t.first == nil && t.served <= q.clock {
			return t
		}
	}
	t := &tenant{}
	q.tenants = append(q.tenants, t)
	return t
}

// head returns the call whose turn it is, nil if there is none.
func (q *queue) head() *call {
	var turn *tenant
	for _, t := range q.tenants {
		if t.first != nil && (turn == nil || t.served < turn.served) {
			turn = t
		}
	}
	if turn == nil {
		return nil
	}
	return turn.first
}

// take takes a call that is to be computed out of the queue.
func (q *queue) take(c *call) {
	t := c.tenant
	q.clock = max(q.clock, t.served)
	t.served += uint64(c.rows)
	q.remove(c)
}

// remove takes a call out of the queue.
func (q *queue) remove(c *call) {
	t := c.tenant
	if c.prev == nil {
		t.first = c.next
	} else {
		c.prev.next = c.next
	}
	if c.next == nil {
		t.last = c.prev
	} else {
		c.next.prev = c.prev
	}
	t.rows -= c.rows
	q.rows -= c.rows
	c.tenant, c.prev, c.next = nil, nil, nil
	if q.rows == 0 {
		for _, t := range q.tenants {
			q.clock = max(q.clock, t.served)
		}
	}
}

// longest returns the tenant that has most rows in the queue, nil if it is empty.
func (q *queue) longest() (longest *tenant) {
	for _, t := range q.tenants {
		if longest == nil || t.rows > longest.rows {
			longest = t
		}
	}
	return longest
}

// ahead returns how many rows are computed before the last of n new rows of a tenant: its own,
// and of the others as many as it has itself.
func (q *queue) ahead(name string, n int) (rows int) {
	own := n
	if t := q.of(name); t != nil {
		own += t.rows
	}
	rows = own
	for _, t := range q.tenants {
		if t.name != name {
			rows += min(t.rows, own)
		}
	}
	return rows
}
