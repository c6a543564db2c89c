package superstep

import (
	"container/heap"
	"encoding/binary"
	"iter"
	"slices"
)

// runShare of the memory budget is what one sorted run may have, at least minRun:
// decoded messages take more than their encoding.
const (
	runShare = 8
	minRun   = 256 << 10
)

// sortRuns sorts an inbox that is larger than memory: pieces of it, in order, are
// sorted stably and written out as runs (Knuth, TAOCP 3, 5.4).
func (b *Box[M]) sortRuns(in *inbox) error {
	limit := max(int(b.p.g.cfg.MemoryBudget)/runShare/b.p.g.own.len(), minRun)
	var ms []M
	size := 0
	for source := range in.from {
		for _, c := range in.from[source].chunks {
			whole, err := b.p.g.buffers.load(c)
			if err == nil {
				ms, err = b.take(ms, whole)
				b.p.g.buffers.unload(c, whole)
			}
			if err != nil {
				return b.wrong(source, err)
			}
			if size += c.size(); size < limit {
				continue
			}
			if err := b.writeRun(ms); err != nil {
				return err
			}
			clear(ms)
			ms, size = ms[:0], 0
		}
	}
	return b.writeRun(ms)
}

// writeRun sorts ms and writes them to disk, in chunks as they travel.
func (b *Box[M]) writeRun(ms []M) error {
	if len(ms) == 0 {
		return nil
	}
	slices.SortStableFunc(ms, b.cfg.Compare)
	s := &b.p.g.buffers
	var run []*chunk
	var c *chunk
	out := func() error {
		stub, err := s.spill(b.p.step-1, c)
		if err == nil {
			run = append(run, stub)
		}
		c = nil
		return err
	}
	for i := range ms {
		b.scratch = b.cfg.Codec.Append(b.scratch[:0], ms[i:i+1])
		need := len(b.scratch) + binary.MaxVarintLen64
		if c != nil && c.n+need > len(c.room()) {
			if err := out(); err != nil {
				return err
			}
		}
		if c == nil {
			c = s.pool.get(max(need, dataChunk-headerSize))
			c.n, c.count, c.kind = 0, 0, kindFixed
			if b.fixed == nil {
				c.kind = kindVaried
			}
		}
		if b.fixed == nil {
			c.n += binary.PutUvarint(c.room()[c.n:], uint64(len(b.scratch)))
		}
		c.n += copy(c.room()[c.n:], b.scratch)
		c.count++
	}
	if err := out(); err != nil {
		return err
	}
	b.runs = append(b.runs, run)
	return nil
}

// dropRuns frees what sortRuns has written.
func (b *Box[M]) dropRuns() {
	for _, run := range b.runs {
		for _, c := range run {
			b.p.g.buffers.release(c)
		}
	}
	b.runs = nil
}

// merged yields all runs in order; of equal messages those of earlier runs first.
func (b *Box[M]) merged() iter.Seq[M] {
	return func(yield func(M) bool) {
		h := &heads[M]{compare: b.cfg.Compare}
		defer func() {
			for _, r := range h.all {
				r.stop()
			}
		}()
		for i, run := range b.runs {
			next, stop := iter.Pull(func(yield func(M) bool) { b.each(run, yield) })
			m, ok := next()
			if !ok {
				stop()
				return // the group has ended
			}
			h.all = append(h.all, runHead[M]{m: m, run: i, next: next, stop: stop})
		}
		heap.Init(h)
		for len(h.all) > 0 {
			first := &h.all[0]
			if !yield(first.m) {
				return
			}
			m, ok := first.next()
			if !ok && b.p.g.err() != nil {
				return // not the run's end
			}
			if !ok {
				first.stop()
				heap.Pop(h)
				continue
			}
			first.m = m
			heap.Fix(h, 0)
		}
	}
}

// runHead is a run's first message that is not yielded yet.
type runHead[M any] struct {
	m    M
	run  int
	next func() (M, bool)
	stop func()
}

// heads is a heap of runs by their first message.
type heads[M any] struct {
	all     []runHead[M]
	compare func(a, b M) int
}

func (h *heads[M]) Len() int { return len(h.all) }
func (h *heads[M]) Less(i, j int) bool {
	a, b := &h.all[i], &h.all[j]
	if c := h.compare(a.m, b.m); c != 0 {
		return c < 0
	}
	return a.run < b.run
}
func (h *heads[M]) Swap(i, j int) { h.all[i], h.all[j] = h.all[j], h.all[i] }
func (h *heads[M]) Push(any)      {} // runs are never added
func (h *heads[M]) Pop() any {
	last := h.all[len(h.all)-1]
	h.all = h.all[:len(h.all)-1]
	return last
}
