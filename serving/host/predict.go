package host

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"scalar/serving/protocol"
)

// A Busy is a refusal of what might be answered later: an error with status 503.
type Busy struct {
	Refusal    protocol.Error
	RetryAfter time.Duration // whole seconds, at least 1
}

// Error returns the message.
func (b *Busy) Error() string { return b.Refusal.Message }

// Unwrap returns the protocol's error.
func (b *Busy) Unwrap() error { return &b.Refusal }

// busy returns a refusal, to be tried again after some time, in whole seconds from 1.
func busy(wait time.Duration, format string, args ...any) error {
	wait = max((wait + time.Second - 1).Truncate(time.Second), time.Second)
	return &Busy{protocol.Error{Status: http.StatusServiceUnavailable, Message: fmt.Sprintf(format, args...)}, wait}
}

// yieldFrom is the time of computing from which a goroutine lets others go first, once: they
// read and refuse what has come meanwhile, or put it into the queue.
const yieldFrom = 100 * time.Microsecond

// Terms are those on which a request is computed.
type terms struct {
	namespace string
	deadline  time.Time // zero: none
}

// within reports whether there is time for something that takes d.
func (t terms) within(d time.Duration) bool {
	return t.deadline.IsZero() || time.Until(t.deadline) >= d
}

// predict answers a request. Nothing of r and a is used after it has returned.
func (v *Version) predict(ctx context.Context, t terms, r *protocol.Request, a *protocol.Answer) error {
	v.begin(a)
	if n := r.Rows * v.columns; r.Rows < 1 || !v.texts && len(r.X) != n || v.texts && len(r.Cells) != n {
		return &protocol.Error{Status: http.StatusBadRequest, Message: fmt.Sprintf("the request is not for version %s of model %s: want rows of %d", v.version, v.name, v.columns)}
	}
	if !t.within(v.cost(r.Rows)) {
		defer v.doubt()
		return v.late(r.Rows, t)
	}
	v.mu.Lock()
	e := v.pop()
	if e == nil {
		if err := v.admit(t, r.Rows); err != nil {
			v.mu.Unlock()
			return err
		}
	}
	v.mu.Unlock()
	if e == nil {
		return v.wait(ctx, t, r, a)
	}
	if v.cost(r.Rows) >= yieldFrom {
		e.yield()
	}
	return v.alone(ctx, e, t, r, a)
}

// cost returns how long an executor takes for some rows, by what it took of late.
func (v *Version) cost(rows int) time.Duration {
	return time.Duration(rows) * time.Duration(v.perRow.Load())
}

// delay returns how long those who wait need for some rows on all executors together, by what they took of late.
func (v *Version) delay(rows int) time.Duration {
	return time.Duration(rows) * time.Duration(max(v.perRow.Load(), v.pace.Load())) / time.Duration(v.cores)
}

// late counts and returns the error of a deadline.
func (v *Version) late(rows int, t terms) error {
	v.mu.Lock()
	v.stats.Late++
	v.mu.Unlock()
	if left := time.Until(t.deadline); left > 0 {
		return &protocol.Error{Status: http.StatusGatewayTimeout, Message: fmt.Sprintf(
			"the deadline is in %v, and %d rows take about %v: ask for fewer, or with a later one", left.Round(time.Microsecond), rows, v.cost(rows).Round(time.Microsecond))}
	}
	return &protocol.Error{Status: http.StatusGatewayTimeout, Message: "the deadline has passed"}
}

// pop takes a free executor; the lock is held. Where there is one, nothing waits.
func (v *Version) pop() *executor {
	n := len(v.free)
	if n == 0 {
		return nil
	}
	e := v.free[n-1]
	v.free = v.free[:n-1]
	return e
}

// give counts what an executor has done, and gives it to whoever waits.
func (v *Version) give(e *executor, requests, rows int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.stats.Requests += uint64(requests)
	v.stats.Rows += uint64(rows)
	if requests > 1 {
		v.stats.Batches++
		v.stats.Batched += uint64(requests)
	}
	if !e.handed.IsZero() && rows > 0 {
		v.paced(time.Since(e.handed), rows)
	}
	v.hand(e, time.Time{})
}

// hand gives an executor to the call whose turn it is; the lock is held. Its time counts from since, or from now if that is zero.
func (v *Version) hand(e *executor, since time.Time) {
	c := v.next(1 << 62)
	if c == nil {
		v.queue.rest()
		e.handed = time.Time{}
		v.free = append(v.free, e)
		return
	}
	if since.IsZero() {
		since = time.Now()
	}
	e.handed = since
	c.state, c.exec = leading, e
	c.wake <- struct{}{}
}

// next takes the call whose turn it is out of the queue, nil if there is none, or it has more
// than that many rows. Those that cannot make their deadline any more are refused on the
// way. The lock is held.
func (v *Version) next(rows int) *call {
	for c := v.queue.head(); c != nil && c.rows <= rows; c = v.queue.head() {
		if c.within(v.cost(c.rows)) {
			v.queue.take(c)
			return c
		}
		v.stats.Late++
		v.queue.remove(c)
		v.finish(c, &protocol.Error{Status: http.StatusGatewayTimeout, Message: lateInQueue})
	}
	return nil
}

// finish ends a call that is out of the queue; the lock is held.
func (v *Version) finish(c *call, err error) {
	if c.state == abandoned {
		v.recycle(c)
		return
	}
	c.state, c.err = done, err
	c.wake <- struct{}{}
}

// alone answers a request on its own goroutine with an executor, which it gives back.
func (v *Version) alone(ctx context.Context, e *executor, t terms, r *protocol.Request, a *protocol.Answer) error {
	for first := 0; first < r.Rows; first += v.chunk {
		n := min(v.chunk, r.Rows-first)
		if first > 0 {
			var err error
			if e, err = v.turn(ctx, e, t); err != nil {
				return err
			}
		}
		if err := v.part(e, r, a, first, n); err != nil {
			v.give(e, 1, r.Rows)
			return err
		}
	}
	if r.Rows > v.chunk {
		e.handed = time.Time{} // its last part took all this, and there were more rows
	}
	v.give(e, 1, r.Rows)
	return nil
}

// part answers rows [first, first+n) of a request.
func (v *Version) part(e *executor, r *protocol.Request, a *protocol.Answer, first, n int) error {
	x := e.room(n)
	if err := v.encode(x, r, first, n); err != nil {
		return err
	}
	from, err := e.compute(x, n)
	if err != nil {
		return v.status(err, first)
	}
	v.add(a, from, 0, n)
	return nil
}

// turn lets those go first whose turn it is, in the middle of a large request. It returns an executor, that
// one or another; with an error it has given it away.
func (v *Version) turn(ctx context.Context, e *executor, t terms) (*executor, error) {
	if !t.within(0) {
		v.give(e, 0, 0)
		return nil, v.late(0, t)
	}
	v.mu.Lock()
	if v.queue.rows == 0 {
		v.mu.Unlock()
		return e, nil
	}
	c := v.call(v.chunk, t) // too large for others' batches
	v.queue.push(c)
	v.hand(e, time.Time{})
	v.mu.Unlock()
	if err := v.sleep(ctx, c); err != nil {
		return nil, err
	}
	e, err := c.exec, c.err
	v.recycle(c)
	return e, err
}
