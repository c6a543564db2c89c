package tensor

import (
	"errors"
	"sync"
	"sync/atomic"
)

// A task is work in units, each of which any worker may do.
type task interface {
	unit(worker, i int)
}

// A pool is a fixed number of workers: the caller of run, who is worker 0, and
// helpers, goroutines that sleep between runs.
//
// A run calls the helpers that it wants; who comes works until no units are left. The
// caller works too, and then tells the helpers that have not come yet that they need not,
// so that it never waits for one that has yet to get a core. They sleep in the system and
// not on a channel: it wakes a helper in 5 µs, Go's scheduler in 90 (docs/decisions/0025).
type pool struct {
	task task
	n    int64
	next atomic.Int64
	busy atomic.Int64 // the caller, and helpers that were called and have neither ended nor been told off
	done bell         // rung by a helper that is the last of them

	helpers []helper
	closing atomic.Bool
	ended   sync.WaitGroup
}

// A helper is a worker that sleeps.
type helper struct {
	bell  bell
	state atomic.Int32 // idle, called or works
}

const (
	idle = iota
	called
	works
)

func newPool(workers int) (*pool, error) {
	p := &pool{helpers: make([]helper, workers-1)}
	if workers == 1 {
		return p, nil
	}
	err := p.done.open()
	for i := range p.helpers {
		err = errors.Join(err, p.helpers[i].bell.open())
	}
	if err != nil {
		p.closeBells()
		return nil, err
	}
	for i := range p.helpers {
		p.ended.Go(func() { p.help(i) })
	}
	return p, nil
}

// run does n units of a task and returns when all are done. A worker's number is in no
// two units at once.
func (p *pool) run(t task, n int) {
	helpers := p.helpers[:min(len(p.helpers), max(n-1, 0))]
	if len(helpers) == 0 {
		for i := range n {
			t.unit(0, i)
		}
		return
	}
	p.task, p.n = t, int64(n)
	p.next.Store(0)
	p.busy.Store(int64(len(helpers)) + 1)
	for i := range helpers {
		helpers[i].state.Store(called)
		helpers[i].bell.ring()
	}
	p.work(0)
	for i := range helpers {
		if helpers[i].state.CompareAndSwap(called, idle) {
			p.busy.Add(-1)
		}
	}
	for left := p.busy.Add(-1); left > 0; left = p.busy.Load() {
		p.done.wait()
	}
	p.task = nil
}

func (p *pool) work(worker int) {
	for i := p.next.Add(1) - 1; i < p.n; i = p.next.Add(1) - 1 {
		p.task.unit(worker, int(i))
	}
}

// help is a helper's life.
func (p *pool) help(i int) {
	h := &p.helpers[i]
	for h.bell.wait(); !p.closing.Load(); h.bell.wait() {
		if !h.state.CompareAndSwap(called, works) {
			continue // told off meanwhile
		}
		p.work(i + 1)
		h.state.Store(idle)
		if p.busy.Add(-1) == 0 {
			p.done.ring()
		}
	}
}

// close ends the helpers.
func (p *pool) close() {
	p.closing.Store(true)
	for i := range p.helpers {
		p.helpers[i].bell.ring()
	}
	p.ended.Wait()
	p.closeBells()
}

func (p *pool) closeBells() {
	p.done.close()
	for i := range p.helpers {
		p.helpers[i].bell.close()
	}
}
