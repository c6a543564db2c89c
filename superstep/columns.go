package superstep

import (
	"encoding/binary"
	"fmt"
)

// The payload of a columns frame. Dense: u32 first slot, u32 zero, values. Sparse:
// ascending u32 slots, padding to 8 bytes, values.
const denseFront = 8

func align8(n int) int { return (n + 7) &^ 7 }

// pushDense hands over all slots of a destination: the accumulator itself to a
// local one, copies of its pieces to a remote one.
func (l *Lane[V]) pushDense(peer int) {
	o := &l.out[peer]
	l.bytes += int64(len(o.cur) * l.width)
	if l.p.local(peer) {
		c := &o.handed[o.turn]
		*c = chunk{ext: bytesOf(o.cur), count: uint32(len(o.cur)), kind: l.kind, flags: flagDense, class: -1}
		o.turn ^= 1
		o.cur, o.plain = nil, nil
		l.p.push(frameColumns, l.id, peer, c)
		return
	}
	// Whole runs a piece, so that fold sees the same runs wherever the destination is.
	step := (columnChunk - headerSize - denseFront) / l.width / foldRun * foldRun
	for first := 0; first < len(o.cur); first += step {
		vs := o.cur[first:min(first+step, len(o.cur))]
		c := l.p.g.buffers.pool.get(denseFront + len(vs)*l.width)
		binary.LittleEndian.PutUint64(c.room(), uint64(first))
		c.n = denseFront + copy(c.room()[denseFront:], bytesOf(vs))
		c.count, c.kind, c.flags = uint32(len(vs)), l.kind, flagDense
		fill(vs, l.identity) // while it is in the cache
		l.p.push(frameColumns, l.id, peer, c)
	}
	o.rest()
}

// pushSparse hands over the list.
func (l *Lane[V]) pushSparse(peer int) {
	o := &l.out[peer]
	l.bytes += int64(len(o.ids) * (4 + l.width))
	step := (dataChunk - headerSize - 8) / (4 + l.width)
	for ids, few := o.ids, o.few; len(ids) > 0; {
		n := min(step, len(ids))
		at := align8(4 * n)
		c := l.p.g.buffers.pool.get(at + n*l.width)
		c.n = at + n*l.width
		clear(c.room()[4*n : at])
		copy(c.room(), bytesOf(ids[:n]))
		copy(viewOf[V](c.payload()[at:]), few[:n])
		c.count, c.kind = uint32(n), l.kind
		l.p.push(frameColumns, l.id, peer, c)
		ids, few = ids[n:], few[n:]
	}
}

// foldRun is how many values fold gets at once: with 8 bytes each they stay in the
// first cache while an accumulator is emptied behind it.
const foldRun = 2048

// fold hands the values that arrived to f.
func (l *Lane[V]) fold(in *inbox, f func(slot uint32, vs []V)) error {
	for source := range in.from {
		next := uint32(0) // slots of one sender ascend
		for _, c := range in.from[source].chunks {
			var err error
			if next, err = l.foldChunk(c, next, f); err != nil {
				return fmt.Errorf("values of peer %d on lane %d: %w", source, l.id, err)
			}
		}
	}
	return nil
}

func (l *Lane[V]) foldChunk(c *chunk, next uint32, f func(slot uint32, vs []V)) (uint32, error) {
	if c.kind != l.kind {
		return 0, fmt.Errorf("%w: kind %d, expected %d", ErrInbox, c.kind, l.kind)
	}
	s := &l.p.g.buffers
	whole, err := s.load(c)
	if err != nil {
		return 0, err
	}
	defer s.unload(c, whole)
	if c.flags&flagDense != 0 {
		return l.foldDense(whole, next, f)
	}
	return l.foldSparse(whole, next, f)
}

func (l *Lane[V]) foldDense(c *chunk, next uint32, f func(slot uint32, vs []V)) (uint32, error) {
	b, first := c.payload(), uint64(0)
	if c.ext == nil {
		if len(b) < denseFront {
			return 0, fmt.Errorf("%w: dense columns of %d bytes", ErrInbox, len(b))
		}
		first, b = binary.LittleEndian.Uint64(b), b[denseFront:]
	}
	own := uint64(l.slots[l.p.index])
	if len(b) != int(c.count)*l.width || first < uint64(next) || first > own || uint64(c.count) > own-first {
		return 0, fmt.Errorf("%w: %d values in %d bytes from slot %d on, of %d", ErrInbox, c.count, len(b), first, own)
	}
	vs := viewOf[V](b)
	for at := 0; at < len(vs); at += foldRun {
		run := vs[at:min(at+foldRun, len(vs))]
		f(uint32(first)+uint32(at), run)
		if c.ext != nil {
			fill(run, l.identity)
		}
	}
	c.emptied = true
	return uint32(first) + c.count, nil
}

func (l *Lane[V]) foldSparse(c *chunk, next uint32, f func(slot uint32, vs []V)) (uint32, error) {
	b, n := c.payload(), int(c.count)
	at := align8(4 * n)
	if n == 0 || len(b) != at+n*l.width {
		return 0, fmt.Errorf("%w: %d values in %d bytes", ErrInbox, n, len(b))
	}
	ids, vs := viewOf[uint32](b[:4*n]), viewOf[V](b[at:])
	own := l.slots[l.p.index]
	for _, slot := range ids {
		if slot < next || slot >= own {
			return 0, fmt.Errorf("%w: slot %d of %d, expected %d or more", ErrInbox, slot, own, next)
		}
		next = slot + 1
	}
	for lo := 0; lo < n; {
		hi := lo + 1
		for hi < n && ids[hi] == ids[lo]+uint32(hi-lo) {
			hi++
		}
		f(ids[lo], vs[lo:hi])
		lo = hi
	}
	return next, nil
}
