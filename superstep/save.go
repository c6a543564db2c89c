package superstep

import (
	"encoding/binary"
	"fmt"
)

// saveVersion is the first byte of a saved inbox.
const saveVersion = 1

// Save appends the inbox to dst: for a checkpoint, before anything else is sent or
// received. Equal inboxes have equal bytes if the codec gives equal messages equal
// bytes: u8 version, u8 kind, uvarint width of a message (0: they vary), uvarint
// number of peers, then for each sender uvarint count, uvarint length, and the
// messages as in data frames.
// What lies on disk is read; an error of that ends the group.
func (b *Box[M]) Save(dst []byte) ([]byte, error) {
	kind, width := byte(kindVaried), 0
	if b.fixed != nil {
		kind, width = kindFixed, b.fixed.size
	}
	dst = append(dst, saveVersion, kind)
	dst = binary.AppendUvarint(dst, uint64(width))
	dst = binary.AppendUvarint(dst, uint64(b.p.N()))
	for source := range b.p.N() {
		var from bundle
		if b.in != nil {
			from = b.in.from[source]
		}
		size := 0
		for _, c := range from.chunks {
			size += c.size()
		}
		dst = binary.AppendUvarint(dst, uint64(from.count))
		dst = binary.AppendUvarint(dst, uint64(size))
		for _, c := range from.chunks {
			whole, err := b.p.g.buffers.load(c)
			if err != nil {
				return nil, b.p.fault(err)
			}
			dst = append(dst, whole.payload()...)
			b.p.g.buffers.unload(c, whole)
		}
	}
	return dst, nil
}

// Load replaces the inbox by a saved one. src is copied. Errors wrap ErrInbox: then
// the inbox is empty.
func (b *Box[M]) Load(src []byte) error {
	in, err := b.parse(src)
	if err == nil {
		err = b.open(in)
	}
	if err != nil {
		b.empty()
		return fmt.Errorf("load inbox of peer %d: %w", b.p.index, err)
	}
	return nil
}

func (b *Box[M]) parse(src []byte) (*inbox, error) {
	if len(src) < 2 || src[0] != saveVersion {
		return nil, fmt.Errorf("%w: no saved inbox of version %d", ErrInbox, saveVersion)
	}
	kind, width := byte(kindVaried), 0
	if b.fixed != nil {
		kind, width = kindFixed, b.fixed.size
	}
	r := numbers{rest: src[2:]}
	if gotWidth, peers := r.next(), r.next(); r.bad || src[1] != kind || gotWidth != uint64(width) || peers != uint64(b.p.N()) {
		return nil, fmt.Errorf("%w: kind %d, width %d of %d peers, expected %d, %d, %d", ErrInbox, src[1], gotWidth, peers, kind, width, b.p.N())
	}
	in := &inbox{from: make([]bundle, b.p.N())}
	for source := range in.from {
		count, size := r.next(), r.next()
		// A message takes a byte at least; a chunk counts up to 2^32-1.
		if r.bad || size > uint64(len(r.rest)) || count > size || count > 1<<32-1 {
			return nil, fmt.Errorf("%w: sender %d: %d messages in %d bytes of %d", ErrInbox, source, count, size, len(r.rest))
		}
		if size == 0 {
			continue
		}
		c := &chunk{buf: make([]byte, headerSize+size), n: int(size), count: uint32(count), kind: kind, class: -1}
		copy(c.room(), r.rest)
		r.rest = r.rest[size:]
		in.add(source, c)
	}
	if len(r.rest) > 0 {
		return nil, fmt.Errorf("%w: %d bytes after the inbox", ErrInbox, len(r.rest))
	}
	return in, nil
}

// numbers reads uvarints until one is bad.
type numbers struct {
	rest []byte
	bad  bool
}

func (r *numbers) next() (n uint64) {
	if r.bad {
		return 0
	}
	var err error
	n, r.rest, err = uvarint(r.rest)
	r.bad = err != nil
	return n
}
