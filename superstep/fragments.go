package superstep

import (
	"encoding/binary"
	"fmt"
	"io"
	"slices"
)

// limit is the most bytes that fragments of one type may make together.
func (in *incoming) limit(t frameType) int {
	switch t {
	case frameData: // the chunk of one large message ends with what its longest length leaves
		return MaxMessage + binary.MaxVarintLen64
	case frameCollective:
		return MaxCollective
	case frameMark:
		return markLimit(in.l.peers.len(), in.l.g.own.len())
	case frameBallot, frameVerdict:
		tasks, peers := in.behind(t)
		return ballotLimit(tasks.len(), len(in.l.g.links), peers.len())
	default:
		return 0
	}
}

// assemble reads the fragments that follow the first one.
func (in *incoming) assemble(r io.Reader, first header, c *chunk) (header, *chunk, error) {
	pool := &in.l.g.buffers.pool
	whole := pool.whole()
	h, err := in.join(r, first, c, whole)
	if err != nil {
		pool.put(whole)
		return h, nil, err
	}
	whole.count, whole.kind, whole.flags = h.count, h.kind, h.flags
	whole.buf = whole.buf[:headerSize+whole.n] // what it counts for
	return h, whole, nil
}

// join appends the fragments, of which c is the first one's payload, to whole.
func (in *incoming) join(r io.Reader, first header, c, whole *chunk) (h header, err error) {
	if c == nil {
		return first, fmt.Errorf("%w: empty fragment", ErrFrame)
	}
	limit := in.limit(first.typ)
	whole.n = copy(whole.room(), c.payload())
	in.l.g.buffers.pool.put(c)
	for h = first; h.flags&flagMore != 0; {
		if h, err = in.header(r); err != nil {
			return h, err
		}
		if h.typ != first.typ || h.lane != first.lane || h.source != first.source || h.dest != first.dest || h.kind != first.kind || h.superstep != first.superstep {
			return h, fmt.Errorf("%w: %v frame between the fragments of a %v", ErrFrame, h.typ, first.typ)
		}
		if h.length == 0 {
			return h, fmt.Errorf("%w: empty fragment", ErrFrame)
		}
		if whole.n+maxPayload > len(whole.room()) { // doubles: fragments come in whole mebibytes
			whole.buf = slices.Grow(whole.buf, len(whole.buf))
			whole.buf = whole.buf[:cap(whole.buf)]
		}
		if h, err = in.piece(r, h, whole); err != nil {
			return h, err
		}
		if whole.n > limit {
			return h, fmt.Errorf("%w: %v of more than %d bytes", ErrFrame, first.typ, limit)
		}
	}
	return h, nil
}

// piece reads one fragment behind what whole has; there is room.
func (in *incoming) piece(r io.Reader, h header, whole *chunk) (header, error) {
	room := whole.room()[whole.n:]
	if h.flags&(flagS2|flagZstd) == 0 {
		whole.n += int(h.length)
		return h, in.fill(r, h, room[:h.length])
	}
	h, c, err := in.payload(r, h)
	if err == nil {
		whole.n += copy(room, c.payload())
		in.l.g.buffers.pool.put(c)
	}
	return h, err
}
