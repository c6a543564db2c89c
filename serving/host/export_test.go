package host

import (
	"testing"
	"time"

	"scalar/ml/model"
)

// Seize takes a free executor until give is called.
func Seize(v *Version) (give func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	e := v.pop()
	if e == nil {
		panic("no executor is free")
	}
	return func() { v.give(e, 0, 0) }
}

// Batches returns the config with batches of so many rows, whatever measuring finds.
func Batches(c Config, rows int) Config {
	c.batch = rows
	return c
}

// Tune says how long a row took of late.
func Tune(v *Version, perRow time.Duration) { v.perRow.Store(int64(perRow)) }

// Break lets the next prediction of each free executor panic.
func Break(v *Version) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, e := range v.free {
		e.ex = &model.Executor{}
	}
}

// Free returns how many executors are free.
func Free(v *Version) int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.free)
}

// Current returns the version that answers.
func Current(h *Host, name string) *Version { return h.snapshot.Load().models[name].best }

// A Queue is a queue of calls that only have rows.
type Queue struct{ queue }

// Push puts rows of a tenant into it.
func (q *Queue) Push(name string, rows int) { q.push(&call{rows: rows, terms: terms{namespace: name}}) }

// Rows returns how many are in it.
func (q *Queue) Rows() int { return q.rows }

// Credit is how many rows a tenant may be behind.
const Credit = credit

// Take takes what is next, and returns whose it is.
func (q *Queue) Take() (name string) {
	c := q.head()
	name = c.tenant.name
	q.take(c)
	return name
}

// Ahead returns how many rows are computed before the last of n new ones of a tenant.
func (q *Queue) Ahead(name string, n int) int { return q.ahead(name, n) }

// Rest says that an executor found nobody waiting.
func (q *Queue) Rest() { q.rest() }

// Door returns what passes a door, and what closes it.
func Door(tb testing.TB) (pass, done func()) {
	tb.Helper()
	d, err := newDoor()
	if err != nil {
		tb.Fatal(err)
	}
	return d.pass, func() {
		if err := d.close(); err != nil {
			tb.Error(err)
		}
	}
}

// OnDoor has f called whenever a free executor is given to a request that waited, before it computes.
func OnDoor(v *Version, f func()) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, e := range v.free {
		d, err := newDoor()
		if err != nil {
			return err
		}
		d.try = func(uintptr) bool {
			f()
			return true
		}
		e.door = d
	}
	return nil
}

// Paced tells a version how long rows took of those that waited, and returns its pace.
func Paced(v *Version, d time.Duration, rows int) time.Duration {
	v.paced(d, rows)
	return time.Duration(v.pace.Load())
}
