package superstep

import (
	"encoding/binary"
	"fmt"
	"iter"
)

// BoxConfig says how a box treats its messages. Everything may be left out.
type BoxConfig[M any] struct {
	// Codec encodes messages; nil: FixedCodec where M allows it, else MsgpackCodec.
	Codec Codec[M]
	// Combine makes one message of two that a peer sends to the same peer, in sending
	// order; the inbox then has one message per sender at most. It may change and
	// return a, and must not keep b. nil: none.
	Combine func(a, b M) M
	// Compare sorts the inbox, stably: equal messages stay in the order of sender and
	// sending. nil: that order alone.
	Compare func(a, b M) int
}

// Box is a peer's outbox and inbox of free messages of one type. All peers must
// open their boxes and lanes in the same order and with the same configuration. It
// is used by the port's goroutine.
type Box[M any] struct {
	p     *Port
	id    uint8
	cfg   BoxConfig[M]
	fixed *fixedCodec[M] // nil: messages vary in width
	plain bool           // fixed width, no padding, no combiner: Send only copies

	out      []outbox
	combined []combined[M] // by destination; nil without a combiner
	messages int64         // sent in this superstep, before combining
	bytes    int64         // handed over in this superstep
	one      [1]M          // for the codec, which takes slices
	scratch  []byte

	in      *inbox      // nil: empty
	decoded []M         // the inbox in order, if it is sorted or varied, and in memory
	runs    [][]*chunk  // the inbox in sorted runs, if it is sorted and on disk
	plainly []*chunk    // the inbox in order, if its chunks are arrays of messages, in memory
	odd     iter.Seq[M] // the inbox if it is any other; nil: plainly is all of it
	n       int
}

// outbox is what goes to one destination.
type outbox struct {
	room   []byte // of c; nil if there is none
	n      int    // bytes used of room
	count  uint32 // messages in c, if they vary in width
	size   int    // of the next chunk
	c      *chunk
	pushed uint64 // messages handed over in this superstep
}

type combined[M any] struct {
	m   M
	set bool
}

// NewBox opens a box on a port.
func NewBox[M any](p *Port, cfg BoxConfig[M]) *Box[M] {
	b := &Box[M]{p: p, cfg: cfg, out: make([]outbox, p.N())}
	if cfg.Codec == nil {
		b.cfg.Codec, _ = CodecOf[M]()
	}
	if fixed, ok := b.cfg.Codec.(fixedCodec[M]); ok {
		b.fixed = &fixed
		b.plain = cfg.Combine == nil && len(fixed.holes) == 0
	}
	if cfg.Combine != nil {
		b.combined = make([]combined[M], p.N())
	}
	b.id = p.open(b)
	if p.step > 0 {
		// Others may have opened theirs a superstep ago.
		if err := b.deliver(p.step - 1); err != nil {
			p.err = err
		}
	}
	return b
}

// Send sends m to a peer, where it is in the inbox after the next barrier. m is
// copied: by value if it is fixed-width, else encoded at once. It never waits for
// another peer. It panics if there is no such peer.
func (b *Box[M]) Send(to int, m M) {
	if uint(to) >= uint(len(b.out)) {
		panic(fmt.Sprintf("superstep: message to peer %d of %d", to, len(b.out)))
	}
	o := &b.out[to]
	if size := sizeOf[M](); b.plain && o.n+size <= len(o.room) {
		store(o.room[o.n:], m)
		o.n += size
		return
	}
	b.send(to, m)
}

// send is Send where there is more to do than to copy.
func (b *Box[M]) send(to int, m M) {
	switch {
	case b.combined != nil:
		b.combine(to, m)
	case b.fixed != nil:
		o := b.reserve(to, b.fixed.size)
		store(o.room[o.n:], m)
		b.fixed.zero(o.room[o.n:])
		o.n += b.fixed.size
	default:
		b.one[0] = m
		b.scratch = b.cfg.Codec.Append(b.scratch[:0], b.one[:])
		b.varied(to, b.scratch)
	}
}

// combine makes one message of what goes to a peer. It must own what it keeps, so
// that a value with pointers passes through its encoding.
func (b *Box[M]) combine(to int, m M) {
	b.messages++
	if b.fixed == nil {
		b.one[0] = m
		b.scratch = b.cfg.Codec.Append(b.scratch[:0], b.one[:])
		own, err := b.cfg.Codec.Decode(nil, b.scratch)
		if err != nil || len(own) != 1 {
			panic(fmt.Sprintf("superstep: the codec of %T does not decode what it encoded (%d messages): %v", m, len(own), err))
		}
		m = own[0]
	}
	if c := &b.combined[to]; c.set {
		c.m = b.cfg.Combine(c.m, m)
	} else {
		c.m, c.set = m, true
	}
}

// varied appends an encoded message behind its length.
func (b *Box[M]) varied(to int, msg []byte) {
	if len(msg) > MaxMessage {
		panic(fmt.Sprintf("superstep: message of %d bytes, at most %d", len(msg), MaxMessage))
	}
	o := b.reserve(to, len(msg)+binary.MaxVarintLen64)
	o.n += binary.PutUvarint(o.room[o.n:], uint64(len(msg)))
	o.n += copy(o.room[o.n:], msg)
	o.count++
}

// reserve makes room for n bytes in the destination's chunk; a full one is handed
// over.
func (b *Box[M]) reserve(to, n int) *outbox {
	o := &b.out[to]
	if o.n+n <= len(o.room) {
		return o
	}
	if o.c != nil {
		b.push(to)
	}
	o.c = b.p.g.buffers.pool.get(max(n, o.size-headerSize))
	o.room = o.c.room()
	o.size = min(max(2*o.size, 2*minChunk), dataChunk)
	return o
}

// push hands the destination's chunk over.
func (b *Box[M]) push(to int) {
	o := &b.out[to]
	c := o.c
	c.n, c.kind, c.count = o.n, kindVaried, o.count
	if b.fixed != nil {
		c.kind, c.count = kindFixed, uint32(o.n/b.fixed.size)
	}
	if b.combined == nil {
		b.messages += int64(c.count)
	}
	b.bytes += int64(c.n)
	o.pushed += uint64(c.count)
	o.c, o.room, o.n, o.count = nil, nil, 0, 0
	b.p.push(frameData, b.id, to, c)
}

func (b *Box[M]) flush() {
	b.dropRuns()
	for to := range b.out {
		if b.combined != nil && b.combined[to].set {
			b.flushCombined(to)
		}
		o := &b.out[to]
		if o.n > 0 {
			if 4*o.n < len(o.room) {
				o.size /= 4 // the chunk was larger than needed
			}
			b.push(to)
		}
		o.pushed = 0
	}
	if b.messages > 0 {
		b.p.countSent(b.messages, b.bytes)
		b.messages, b.bytes = 0, 0
	}
}

func (b *Box[M]) flushCombined(to int) {
	c := &b.combined[to]
	b.one[0] = c.m
	b.scratch = b.cfg.Codec.Append(b.scratch[:0], b.one[:])
	if b.fixed != nil {
		o := b.reserve(to, len(b.scratch))
		o.n += copy(o.room[o.n:], b.scratch)
	} else {
		b.varied(to, b.scratch)
	}
	*c = combined[M]{}
}

// Clear drops what was sent on this box in this superstep. Chunks that have left
// already are taken back at the destinations, by a frame in remote tasks.
func (b *Box[M]) Clear() {
	p := b.p
	var told *link
	for to := range b.out { // peers of one task are neighbours: one frame each
		o := &b.out[to]
		if o.c != nil {
			p.g.buffers.pool.put(o.c)
			o.c, o.room, o.n, o.count = nil, nil, 0, 0
		}
		if o.pushed == 0 {
			continue
		}
		p.sentTotal -= o.pushed
		o.pushed = 0
		switch d := p.to(to); {
		case d.port != nil:
			d.port.in.at(p.step, b.id, p.N()).drop(p.index, &p.g.buffers)
		case d.link != told:
			told = d.link
			told.send(outFrame{h: header{typ: frameClear, lane: b.id, superstep: uint32(p.step), source: uint32(p.index), dest: uint32(told.task)}}, false)
		}
	}
	clear(b.combined)
	b.messages, b.bytes = 0, 0
}

func (b *Box[M]) drop() {
	b.Clear()
	b.empty()
}
