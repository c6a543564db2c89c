package graph

import (
	"slices"
	"sort"
)

// Few vertices are listed, so that a superstep costs what it computes and sends; with
// more than 1/fewShare of them, or of the edges of as many, looking at all is faster.
const fewShare = 16

// A run of values this long comes from a dense bundle: nobody knows who got something.
const denseRun = 64

// take combines a run of values into the inbox, and lists the vertices while they are few.
func (e *engine[V, M]) take(slot uint32, vs []M) {
	if e.once != nil {
		e.takeOnce(slot, vs)
		return
	}
	fold(e.op, e.inbox[slot:], vs)
	if e.all = e.all || len(vs) > denseRun || len(e.woken) > len(e.inbox)/fewShare; e.all {
		return
	}
	for i := range vs {
		e.woken = append(e.woken, slot+uint32(i))
	}
}

// push sends what is in out along the edges, one destination peer after the other.
func (e *engine[V, M]) push() {
	few, out := e.out.edges <= int64(len(e.out.values)/fewShare), e.out.all()
	if few {
		slices.Sort(e.out.senders)
		e.pushFew(out)
	}
	for q, b := range e.blocks {
		n := e.walked[q]
		if !few && len(b.rows) > 0 {
			n += push(b, e.op, out, e.lane.Accumulator(q))
		}
		if n > 0 {
			e.lane.Touch(q, n)
		}
	}
	e.out.empty(true)
	clear(e.added)
	clear(e.walked)
}

// pushFew walks the edges of the senders alone.
func (e *engine[V, M]) pushFew(out []M) {
	for q, b := range e.blocks {
		r := 0
		for _, v := range e.out.senders {
			if r = b.find(r, v); r == len(b.rows) {
				break
			}
			if b.rows[r] != v {
				continue
			}
			for _, t := range b.targets[b.starts[r]:b.starts[r+1]] {
				e.lane.Add(q, t, out[v])
			}
		}
	}
}

// find returns the first row at r or later whose source is v or later. Rows that are
// near cost less.
func (b *block) find(r int, v uint32) int {
	step := 1
	for r < len(b.rows) && b.rows[r] < v {
		next := min(r+step, len(b.rows))
		if next == len(b.rows) || b.rows[next] >= v {
			return r + 1 + sort.Search(next-r-1, func(i int) bool { return b.rows[r+1+i] >= v })
		}
		r, step = next, 2*step
	}
	return r
}

// sendAll implements Vertex.SendAll: it takes what comes after the first.
func (e *engine[V, M]) sendAll(_ uint32, m M) { e.vertex.out = combine(e.op, e.vertex.out, m) }

// sendWeighted implements Vertex.SendWeighted.
func (e *engine[V, M]) sendWeighted(at uint32, f func(w float64) M) {
	if e.steady != nil {
		panic("graph: SendWeighted in an algorithm with Pull: leave Pull out")
	}
	for q, b := range e.blocks {
		r := b.find(e.cursors[q], at)
		e.cursors[q] = r
		if r == len(b.rows) || b.rows[r] != at {
			continue
		}
		lo, hi := b.starts[r], b.starts[r+1]
		if e.added[q] += int64(hi - lo); e.added[q] <= int64(e.counts[q]/fewShare) {
			for i, t := range b.targets[lo:hi] {
				if m := f(b.weight(int(lo) + i)); m != e.none {
					e.lane.Add(q, t, m)
				}
			}
			continue
		}
		acc := e.lane.Accumulator(q)
		for i, t := range b.targets[lo:hi] {
			if m := f(b.weight(int(lo) + i)); m != e.none {
				acc[t] = combine(e.op, acc[t], m)
				e.walked[q]++
			}
		}
	}
}

// send implements Vertex.Send.
func (e *engine[V, M]) send(id uint64, m M) {
	if m == e.none {
		return
	}
	if e.steady != nil {
		e.steady.directs++
	}
	e.p.Send(e.ownerOf(id), Direct[M]{ID: id, Value: m})
}
