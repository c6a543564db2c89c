package bsp

import (
	"cmp"
	"slices"
	"sync/atomic"

	"scalar/bsp/wire"
)

// clock counts what one peer computes: the time since loading in which it waits for
// nobody. Times are as task.now gives them. The peer's goroutine writes; anybody reads.
type clock struct {
	since atomic.Int64 // since when it computes; 0: it waits, or its program is over
	spent atomic.Int64 // nanoseconds computed before since
	wrote atomic.Int64 // nanoseconds from when it began to write, after its last barrier, until its output was closed
}

// start begins anew: what was before was loading.
func (k *clock) start(now int64) {
	k.spent.Store(0)
	k.since.Store(now)
}

// pause is called before the peer waits for others. It returns when that is; 0: it
// does already, or its program is over.
func (k *clock) pause(t *task) (now int64) {
	if since := k.since.Swap(0); since > 0 {
		now = t.now()
		k.spent.Add(now - since)
	}
	return now
}

// resume is called when it does not any more.
func (k *clock) resume(now int64) { k.since.Store(now) }

// end takes all since the peer began to write, after its last barrier, as writing, as job.Seconds does.
func (k *clock) end(t *task, began int64) {
	if since := k.since.Swap(0); since > 0 {
		k.spent.Add(max(began-since, 0))
		k.wrote.Store(t.now() - max(since, began))
	}
}

// computed is what the peer has computed, with what it is computing now. A reader
// that meets pause may miss what was just added, until it looks again.
func (k *clock) computed(now int64) int64 {
	spent := k.spent.Load()
	if since := k.since.Load(); since > 0 {
		spent += max(now-since, 0)
	}
	return spent
}

// peerTimes sums up how long the peers of the task have spent in each phase.
func (t *task) peerTimes() *wire.Times {
	now := t.now()
	return &wire.Times{
		Load:    t.spread(func(c *core) int64 { return cmp.Or(c.load.Load(), now) }),
		Compute: t.spread(func(c *core) int64 { return c.clock.computed(now) }),
		Write:   t.spread(func(c *core) int64 { return c.clock.wrote.Load() }),
	}
}

func (t *task) spread(of func(*core) int64) wire.PhaseTimes {
	p := wire.PhaseTimes{Peer: t.own.Lo, Longest: -1}
	all := make([]int64, len(t.peers))
	for i, c := range t.peers {
		all[i] = of(c) / 1000
		if all[i] > p.Longest {
			p.Peer, p.Longest = c.index, all[i]
		}
	}
	slices.Sort(all)
	n := len(all)
	if n <= wire.MaxSpread {
		p.Spread = all
		return p
	}
	for i := range wire.MaxSpread { // from the middle of as many equal parts
		p.Spread = append(p.Spread, all[(2*i+1)*n/(2*wire.MaxSpread)])
	}
	return p
}
