package ring

import (
	"fmt"
	"sync/atomic"
	"unsafe"
)

// The memory is a page with two tables of words, one for each direction, and a ring of bytes for
// each. Words that different processes write lie in cache lines of their own.
const (
	page  = 4 << 10
	line  = 128 // two cache lines: they are fetched in pairs
	words = 4
)

func total(size int) int { return page + 2*size }

// positions are the words of one direction.
type positions struct {
	head   *atomic.Uint64 // bytes written
	tail   *atomic.Uint64 // bytes read
	reader *atomic.Uint32 // 1: sleeps until something is written
	writer *atomic.Uint32 // 1: sleeps until something is read
}

// half is one direction as one of its ends sees it.
type half struct {
	positions
	bytes []byte
	own   uint64 // what this end last wrote into head or tail: it does not believe the memory
}

// halfOf returns direction 0 or 1 of the memory. The words are aligned, since a mapping begins
// on a page, and there is no Go memory in it.
func halfOf(mem []byte, size, direction int) half {
	at := unsafe.Pointer(&mem[direction*words*line])
	return half{
		positions: positions{
			head: (*atomic.Uint64)(at), tail: (*atomic.Uint64)(unsafe.Add(at, line)),
			reader: (*atomic.Uint32)(unsafe.Add(at, 2*line)), writer: (*atomic.Uint32)(unsafe.Add(at, 3*line)),
		},
		bytes: mem[page+direction*size:][:size:size],
	}
}

// filled returns how many bytes there are between two positions.
func (h *half) filled(head, tail uint64) (int, error) {
	n := head - tail
	if n > uint64(len(h.bytes)) {
		return 0, fmt.Errorf("shared memory is damaged: written to %d, read to %d of a ring of %d bytes", head, tail, len(h.bytes))
	}
	return int(n), nil
}

// put copies as much of b as there is room for, and says how much that is.
func (h *half) put(b []byte) (int, error) {
	full, err := h.filled(h.own, h.tail.Load())
	if err != nil {
		return 0, err
	}
	b = b[:min(len(b), len(h.bytes)-full)]
	at := int(h.own & uint64(len(h.bytes)-1))
	n := copy(h.bytes[at:], b)
	copy(h.bytes, b[n:])
	h.own += uint64(len(b))
	h.head.Store(h.own)
	return len(b), nil
}

// get copies what is there to b, and says how much that is and how much room there is after it.
func (h *half) get(b []byte) (n, room int, err error) {
	full, err := h.filled(h.head.Load(), h.own)
	if err != nil {
		return 0, 0, err
	}
	b = b[:min(len(b), full)]
	if len(b) == 0 {
		return 0, len(h.bytes) - full, nil
	}
	at := int(h.own & uint64(len(h.bytes)-1))
	n = copy(b, h.bytes[at:])
	n += copy(b[n:], h.bytes)
	h.own += uint64(n)
	h.tail.Store(h.own)
	return n, len(h.bytes) - full + n, nil
}
