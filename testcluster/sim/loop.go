package sim

import "time"

// loop runs events in the order of their virtual time; those of the same time in the
// order in which they were asked for.
type loop struct {
	now  time.Duration // since the world began
	seq  uint64
	heap []event // a binary heap by (at, seq)
	done uint64  // events run
}

type event struct {
	at  time.Duration
	seq uint64
	do  func()
}

func (e event) before(f event) bool { return e.at < f.at || e.at == f.at && e.seq < f.seq }

// after has do called d from now.
func (l *loop) after(d time.Duration, do func()) {
	l.seq++
	l.heap = append(l.heap, event{l.now + max(0, d), l.seq, do})
	i := len(l.heap) - 1
	for i > 0 {
		up := (i - 1) / 2
		if !l.heap[i].before(l.heap[up]) {
			break
		}
		l.heap[i], l.heap[up] = l.heap[up], l.heap[i]
		i = up
	}
}

// step runs the next event. It returns false when there is none.
func (l *loop) step() bool {
	if len(l.heap) == 0 {
		return false
	}
	e := l.heap[0]
	last := len(l.heap) - 1
	l.heap[0] = l.heap[last]
	l.heap[last] = event{}
	l.heap = l.heap[:last]
	for i := 0; ; {
		down := 2*i + 1
		if down >= last {
			break
		}
		if down+1 < last && l.heap[down+1].before(l.heap[down]) {
			down++
		}
		if !l.heap[down].before(l.heap[i]) {
			break
		}
		l.heap[i], l.heap[down] = l.heap[down], l.heap[i]
		i = down
	}
	l.now = e.at
	l.done++
	e.do()
	return true
}

// proc is one life of a process. What it has asked for happens while it lives; what
// comes while it is stopped happens when it goes on.
type proc struct {
	w       *World
	dead    bool
	stopped bool
	backlog []func()
}

// after has do called in the process d from now.
func (p *proc) after(d time.Duration, do func()) { p.w.after(d, func() { p.run(do) }) }

// run calls do as the process would: now, when it goes on, or never.
func (p *proc) run(do func()) {
	switch {
	case p.dead:
	case p.stopped:
		p.backlog = append(p.backlog, do)
	default:
		do()
	}
}

// resume lets a stopped process go on.
func (p *proc) resume() {
	p.stopped = false
	late := p.backlog
	p.backlog = nil
	for _, do := range late {
		p.run(do)
	}
}
