package tensor

import (
	"sync"
	"sync/atomic"
)

// A task is work in units, each of which any worker may do.
type task interface {
	unit(worker, i int)
}

// A pool is a fixed number of workers: the caller of run, who is worker 0, and
// goroutines that sleep between runs.
//
// A run puts a token for each worker that it wants into wake. Who takes one works until
// no units are left. The caller does so too, and takes back the tokens that nobody has
// taken by then, so that it never waits for a goroutine that has yet to get a core.
type pool struct {
	task task
	n    int64
	next atomic.Int64

	wake  chan int // run sends the number of a worker, close closes; holds one per worker, so that run never waits
	busy  sync.WaitGroup
	ended sync.WaitGroup
}

func newPool(workers int) *pool {
	p := &pool{wake: make(chan int, workers)}
	for range workers - 1 {
		p.ended.Go(func() {
			for w := range p.wake {
				p.work(w)
				p.busy.Done()
			}
		})
	}
	return p
}

// run does n units of a task and returns when all are done. A worker's number is in no
// two units at once.
func (p *pool) run(t task, n int) {
	if helpers := min(cap(p.wake), n) - 1; helpers > 0 {
		p.task, p.n = t, int64(n)
		p.next.Store(0)
		p.busy.Add(helpers)
		for w := range helpers {
			p.wake <- w + 1
		}
		p.work(0)
		p.takeBack()
		p.busy.Wait()
		p.task = nil
		return
	}
	for i := range n {
		t.unit(0, i)
	}
}

func (p *pool) work(worker int) {
	for i := p.next.Add(1) - 1; i < p.n; i = p.next.Add(1) - 1 {
		p.task.unit(worker, int(i))
	}
}

// takeBack takes the tokens that are left.
func (p *pool) takeBack() {
	for {
		select {
		case <-p.wake:
			p.busy.Done()
		default:
			return
		}
	}
}

func (p *pool) close() {
	close(p.wake)
	p.ended.Wait()
}
