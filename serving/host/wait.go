package host

import (
	"context"
	"net/http"
	"time"

	"scalar/serving/protocol"
)

// admit reports whether a request may wait: there is room in the queue, or its tenant has less in it
// than another, whose last request then goes; and its turn comes before its deadline, with a quarter to spare, since
// a queue that is as long as it may be has all its requests at their deadlines. The lock is held.
func (v *Version) admit(t terms, rows int) error {
	q := &v.queue
	full := v.cost(rows)
	rows = min(rows, v.chunk)
	ahead := v.delay(q.ahead(t.namespace, rows))
	if !t.within(max(ahead+ahead/4, full)) {
		v.stats.Late++
		return busy(ahead, "model %s has so many requests that the deadline would pass before this one is computed", v.name)
	}
	if ahead-v.delay(rows) > v.queueTime {
		v.stats.Full++
		return busy(ahead, "model %s has too many requests: this one would wait for %v", v.name, ahead.Round(time.Millisecond))
	}
	own := rows
	if mine := q.of(t.namespace); mine != nil {
		own += mine.rows
	}
	for q.rows > 0 && q.rows+rows > v.queueRows {
		longest := q.longest()
		if longest.rows <= own {
			v.stats.Full++
			return busy(ahead, "model %s has too many requests: its queue is full", v.name)
		}
		c := longest.last
		q.remove(c)
		v.stats.Full++
		v.finish(c, busy(ahead, "model %s has too many requests: its queue is full, and this one made room for another tenant", v.name))
	}
	return nil
}

// wait answers a request for which no executor was free.
func (v *Version) wait(ctx context.Context, t terms, r *protocol.Request, a *protocol.Answer) error {
	c := v.call(min(r.Rows, v.chunk), t)
	if c.rows < v.batch {
		c.x = grown(c.x, c.rows*v.features)
		if err := v.encode(c.x, r, 0, c.rows); err != nil {
			v.recycle(c)
			return err
		}
	}
	v.mu.Lock()
	if e := v.pop(); e != nil {
		c.state, c.exec = leading, e
		c.wake <- struct{}{}
	} else {
		if err := v.admit(t, r.Rows); err != nil {
			v.mu.Unlock()
			v.recycle(c)
			return err
		}
		v.stats.Queued++
		v.queue.push(c)
	}
	v.mu.Unlock()
	for {
		if err := v.sleep(ctx, c); err != nil {
			return err
		}
		if c.exec == nil {
			break
		}
		if !v.overtaken(c) {
			return v.lead(ctx, c.exec, c, r, a)
		}
	}
	err := c.err
	if err == nil {
		*a, c.answer = c.answer, *a
	}
	v.recycle(c)
	return err
}

// sleep waits until the call is done or leads. With an error it is not the caller's any more.
func (v *Version) sleep(ctx context.Context, c *call) error {
	var timeout <-chan time.Time
	if !c.deadline.IsZero() {
		left := time.Until(c.deadline)
		if c.timer == nil {
			c.timer = time.NewTimer(left)
		} else {
			c.timer.Reset(left)
		}
		timeout = c.timer.C
	}
	woken := false
	select {
	case <-c.wake:
		woken = true
	case <-timeout:
	case <-ctx.Done():
	}
	if timeout != nil {
		c.timer.Stop() // now: after leave the call may be another request's
	}
	if woken {
		return nil
	}
	return v.leave(ctx, c)
}

const lateInQueue = "the deadline passed while the request waited for others"

// leave gives a call up.
func (v *Version) leave(ctx context.Context, c *call) error {
	err := &protocol.Error{Status: http.StatusGatewayTimeout, Message: lateInQueue}
	v.mu.Lock()
	if ctx.Err() != nil {
		err = &protocol.Error{Status: http.StatusServiceUnavailable, Message: "the request was given up"}
	} else {
		v.stats.Late++
	}
	switch c.state {
	case queued:
		v.queue.remove(c)
	case taken:
		c.state = abandoned // the batch recycles it
		v.mu.Unlock()
		return err
	case leading:
		e := c.exec
		<-c.wake
		v.mu.Unlock()
		v.recycle(c)
		v.give(e, 0, 0)
		return err
	default:
		<-c.wake
	}
	v.mu.Unlock()
	v.recycle(c)
	return err
}

// call returns a call for some rows.
func (v *Version) call(rows int, t terms) *call {
	c, ok := v.calls.Get().(*call)
	if !ok {
		panic("host: the pool has something else than calls")
	}
	c.rows, c.terms, c.x = rows, t, c.x[:0]
	v.begin(&c.answer)
	return c
}

// recycle gives back a call that nobody else knows.
func (v *Version) recycle(c *call) {
	c.exec, c.err, c.state, c.terms = nil, nil, queued, terms{}
	v.calls.Put(c)
}

// overtaken lets others go first before something long, and reports whether it is the turn of one of them now: it has
// the executor then, and the call waits again. So one that has just come does not wait for what has not begun.
func (v *Version) overtaken(c *call) bool {
	if v.cost(c.rows) < yieldFrom {
		return false
	}
	e := c.exec
	e.yield()
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.queue.overtaken(c) {
		return false
	}
	c.exec = nil
	v.hand(e, e.handed) // the pace is of what was computed
	return true
}

// lead answers a request that was given an executor, and what has queued, as many rows as a
// batch has.
func (v *Version) lead(ctx context.Context, e *executor, c *call, r *protocol.Request, a *protocol.Answer) error {
	if len(c.x) == 0 {
		t := c.terms
		v.recycle(c)
		return v.alone(ctx, e, t, r, a)
	}
	rows := c.rows
	e.with = append(e.with[:0], c)
	v.mu.Lock()
	for most := v.most(); rows < most; {
		other := v.next(most - rows)
		if other == nil {
			break
		}
		if len(other.x) == 0 {
			panic("host: a call of a batch has no rows")
		}
		other.state = taken
		e.with = append(e.with, other)
		rows += other.rows
	}
	v.mu.Unlock()
	v.run(e, rows)
	err := c.err
	if err == nil {
		*a, c.answer = c.answer, *a
	}
	v.recycle(c)
	return err
}

// most returns how many rows a batch has now, at most: those that it was measured with, and no more than who comes next may
// have to wait for, by what rows took of late.
func (v *Version) most() int {
	return min(v.batch, max(1, int(batchTime/time.Duration(max(v.perRow.Load(), 1)))))
}

// run computes the calls of a batch, of which the first is the caller's, and gives the
// executor back. Where it fails, each is computed alone, so that what is wrong with one is no other's.
func (v *Version) run(e *executor, rows int) {
	calls := e.with
	requests := len(calls)
	errs := e.errs[:0]
	x := calls[0].x
	if requests > 1 {
		x = e.room(rows)[:0]
		for _, c := range calls {
			x = append(x, c.x...)
		}
	}
	from, err := e.compute(x, rows)
	at := 0
	for _, c := range calls {
		of, first, e1 := from, at, err
		if err != nil && requests > 1 {
			first = 0
			of, e1 = e.compute(c.x, c.rows)
		}
		if e1 == nil {
			v.add(&c.answer, of, first, c.rows)
		}
		errs = append(errs, v.status(e1, 0))
		at += c.rows
	}
	calls[0].err = errs[0]
	v.mu.Lock()
	for i, c := range calls[1:] {
		v.finish(c, errs[i+1])
	}
	v.mu.Unlock()
	clear(calls)
	clear(errs)
	e.with, e.errs = calls[:0], errs[:0]
	v.give(e, requests, rows)
}

// grown returns a slice of n numbers, in the same memory if it is large enough.
func grown(s []float32, n int) []float32 {
	if cap(s) < n {
		return make([]float32, n)
	}
	return s[:n]
}
