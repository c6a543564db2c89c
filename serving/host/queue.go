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
	start  uint64    // what its tenant had been served when it was taken
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

	own, passed float64 // rows of its own, and of others while it had some waiting, that were taken of late
}

// recent is how many rows of a tenant tell how many of others go between them.
const recent = 64

// took counts rows of its own that were taken.
func (t *tenant) took(rows int) {
	if t.own += float64(rows); t.own > recent {
		t.passed *= recent / t.own
		t.own = recent
	}
}

// A queue is fair between tenants: the next request is that of the tenant of which the fewest
// rows were taken (start-time fair queueing, Goyal et al. 1996, counted in rows), and what a
// tenant has is in order. One that comes back has the clock's time less a credit at least: who asks for less than a
// share in no even rhythm goes before who always has something in the queue (borrowed virtual time, Duda and
// Cheriton 1999), and nobody saves up more.
type queue struct {
	tenants []*tenant // that have calls, or may be less than the credit behind the clock
	rows    int
	clock   uint64 // what the tenant that was taken last had been served
	top     uint64 // what the tenant that was served most had been
}

// credit is how many rows a tenant may be behind the clock. Of two tenants each row of one is one that the other has not, so
// it lasts for bursts of half as many rows beyond a tenant's share: one that asks for half its share at random times (Poisson)
// needs more in one of 10^8 cases, one at .8 of its share in one of 10^3 (M/D/1). Others wait for so many rows more, once.
const credit = 32

// least is what a tenant that comes back has been served at least.
func (q *queue) least() uint64 { return q.clock - min(q.clock, credit) }

// rest gives all tenants their credit anew. It is for when an executor finds nobody waiting: what they were served until then, others have
// not lacked. Else one that asks for little, and is alone, has spent its credit when one comes that asks for all.
func (q *queue) rest() { q.clock = max(q.clock, q.top+credit) }

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
		t.name, t.own, t.passed = c.namespace, 0, 0
	}
	if t.first == nil {
		t.served = max(t.served, q.least())
	}
	q.put(c, t, t.last, nil)
}

// put puts a call between two neighbours of its tenant, nil at an end.
func (q *queue) put(c *call, t *tenant, prev, next *call) {
	c.state, c.tenant, c.prev, c.next = queued, t, prev, next
	if prev == nil {
		t.first = c
	} else {
		prev.next = c
	}
	if next == nil {
		t.last = c
	} else {
		next.prev = c
	}
	t.rows += c.rows
	q.rows += c.rows
}

// fresh returns a tenant of no name: one that has nothing and has used none of its credit, or a new one.
func (q *queue) fresh() *tenant {
	for _, t := range q.tenants {
		if t.first == nil && t.served <= q.least() {
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
	c.start = t.served
	t.served += uint64(c.rows)
	q.top = max(q.top, t.served)
	t.took(c.rows)
	for _, other := range q.tenants {
		if other != t && other.first != nil {
			other.passed += float64(c.rows)
		}
	}
	q.remove(c)
}

// overtaken reports whether it is the turn of another call than the one that was taken last, which it puts first
// among those of its tenant again.
func (q *queue) overtaken(c *call) bool {
	if first := q.head(); first == nil || first.tenant.served >= c.start {
		return false
	}
	t := q.of(c.namespace)
	if t == nil { // others have its place: it is no credit behind any more
		return false
	}
	t.served -= uint64(c.rows)
	t.own = max(0, t.own-float64(c.rows))
	q.put(c, t, nil, t.first)
	return true
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
		q.clock = max(q.clock, q.top)
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
// and of the others those for which they will have been served as much as it then, or as many as went between its own of late if
// that is more: they will come meanwhile.
func (q *queue) ahead(name string, n int) (rows int) {
	end, between := q.least(), 0.
	if t := q.of(name); t != nil {
		between = t.passed / max(t.own, 1)
		rows, end = t.rows, t.served
		if t.first == nil {
			end = max(end, q.least())
		}
	}
	rows += n
	end += uint64(rows)
	least := rows + int(between*float64(rows))
	for _, t := range q.tenants {
		if t.name != name && t.served < end {
			rows += min(t.rows, int(end-t.served))
		}
	}
	return max(rows, least)
}
