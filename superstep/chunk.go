package superstep

import (
	"math/bits"
	"sync"
)

// Chunks of messages grow from minChunk to dataChunk (16-byte messages reach full speed
// from 32 KiB on); columns leave in larger pieces.
const (
	minChunk    = 1 << 10
	dataChunk   = 64 << 10
	columnChunk = 128 << 10
	maxChunk    = 1 << 20
	classes     = 11 // 1 KiB … 1 MiB, header included; beside it in the last, for a whole frame
	assembled   = -2 // the class of what was made of fragments, of any size
)

// A chunk is a piece of one bundle: whole messages, with room for a frame's header
// in front, so that it travels without another copy. It has one owner at a time:
// the sender, then a link or the receiver, then the pool.
type chunk struct {
	buf   []byte // header, then room for the payload; nil if ext is set
	ext   []byte // payload that is not ours: an accumulator handed over, or a collective's slice
	n     int    // bytes of payload in buf
	count uint32 // messages or values
	kind  uint8
	flags uint8
	class int8 // index in the pool, assembled, -1: not pooled
	// An accumulator handed over is filled with the identity again.
	emptied bool

	file *spillFile // the payload is there, at this place, with this checksum; nil: in memory
	at   int64
	sum  uint32
}

// size is the length of the payload, wherever it is.
func (c *chunk) size() int {
	if c.ext != nil {
		return len(c.ext)
	}
	return c.n
}

// payload is in memory: see buffers.load.
func (c *chunk) payload() []byte {
	if c.ext != nil {
		return c.ext
	}
	return c.buf[headerSize : headerSize+c.n]
}

// room is the payload's whole space.
func (c *chunk) room() []byte { return c.buf[headerSize:] }

// pool keeps chunks by size: powers of two, header included.
type pool struct {
	classes   [classes]sync.Pool
	assembled sync.Pool
}

// get returns an empty chunk with room for n bytes of payload at least, pooled up
// to 1 MiB.
func (p *pool) get(n int) *chunk {
	total := max(n+headerSize, minChunk)
	if total > maxChunk+headerSize {
		return &chunk{buf: make([]byte, total), class: -1}
	}
	class := min(bits.Len(uint(total-1))-bits.Len(uint(minChunk-1)), classes-1)
	if c, ok := p.classes[class].Get().(*chunk); ok {
		return c
	}
	size := minChunk << class
	if class == classes-1 {
		size += headerSize // whoever asked first: the next one may want a whole frame
	}
	return &chunk{buf: make([]byte, size), class: int8(class)}
}

// whole returns an empty chunk that fragments can be appended to.
func (p *pool) whole() *chunk {
	if c, ok := p.assembled.Get().(*chunk); ok {
		return c
	}
	return &chunk{buf: make([]byte, 2*(headerSize+maxPayload)), class: assembled}
}

// put takes a chunk back.
func (p *pool) put(c *chunk) {
	if c == nil || c.class == -1 {
		return
	}
	c.n, c.count, c.kind, c.flags, c.emptied = 0, 0, 0, 0, false
	if c.class == assembled {
		c.buf = c.buf[:cap(c.buf)]
		p.assembled.Put(c)
		return
	}
	p.classes[c.class].Put(c)
}
