package superstep

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// saveVersion is the first byte of a saved inbox.
const saveVersion = 1

// OnDisk reports whether some of the inbox lies on disk, for want of memory.
func (b *Box[M]) OnDisk() bool {
	if b.in == nil {
		return false
	}
	for source := range b.in.from {
		for _, c := range b.in.from[source].chunks {
			if c.file != nil {
				return true
			}
		}
	}
	return false
}

// form is what a saved inbox begins with, behind its version.
func (b *Box[M]) form() (kind byte, width uint64) {
	if b.fixed != nil {
		return kindFixed, uint64(b.fixed.size)
	}
	return kindVaried, 0
}

// saved returns what the inbox has of a sender, and the bytes of its messages.
func (b *Box[M]) saved(source int) (from bundle, size uint64) {
	if b.in != nil {
		from = b.in.from[source]
	}
	for _, c := range from.chunks {
		size += uint64(c.size())
	}
	return from, size
}

// SavedSize returns how many bytes Save writes.
func (b *Box[M]) SavedSize() int64 {
	var scratch [4 * binary.MaxVarintLen64]byte
	_, width := b.form()
	n := 2 + len(binary.AppendUvarint(binary.AppendUvarint(scratch[:0], width), uint64(b.p.N())))
	for source := range b.p.N() {
		from, size := b.saved(source)
		n += len(binary.AppendUvarint(binary.AppendUvarint(scratch[:0], uint64(from.count)), size)) + int(size)
	}
	return int64(n)
}

// Save writes the inbox to w: for a checkpoint, before anything else is sent or
// received. Equal inboxes have equal bytes if the codec gives equal messages equal
// bytes: u8 version, u8 kind, uvarint width of a message (0: they vary), uvarint
// number of peers, then for each sender uvarint count, uvarint length, and the
// messages as in data frames.
// What lies on disk is read, a chunk at a time; an error of that ends the group, and
// one of w is returned.
func (b *Box[M]) Save(w io.Writer) error {
	kind, width := b.form()
	head := append(make([]byte, 0, 64), saveVersion, kind)
	head = binary.AppendUvarint(head, width)
	head = binary.AppendUvarint(head, uint64(b.p.N()))
	for source := range b.p.N() {
		from, size := b.saved(source)
		head = binary.AppendUvarint(head, uint64(from.count))
		head = binary.AppendUvarint(head, size)
		if len(from.chunks) == 0 && source < b.p.N()-1 {
			continue // with the next one's numbers
		}
		if _, err := w.Write(head); err != nil {
			return err
		}
		head = head[:0]
		for _, c := range from.chunks {
			if err := b.saveChunk(w, c); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *Box[M]) saveChunk(w io.Writer, c *chunk) error {
	whole, err := b.p.g.buffers.load(c)
	if err != nil {
		return b.p.fault(err)
	}
	_, err = w.Write(whole.payload())
	b.p.g.buffers.unload(c, whole)
	return err
}

// Load replaces the inbox by a saved one, which it reads from r: size bytes in all.
// What goes beyond the memory budget waits on disk. Errors wrap ErrInbox if it is not
// what Save wrote; after any, the inbox is empty.
func (b *Box[M]) Load(r io.Reader, size int64) error {
	b.empty()
	// The generation of what would have been delivered at the last barrier: the next
	// Sync gives it back.
	in := b.p.in.at(b.p.step-1, b.id, b.p.N())
	for source := range in.from {
		in.drop(source, &b.p.g.buffers)
	}
	l := loading[M]{b: b, in: in, r: bufio.NewReaderSize(r, loadBuffer), left: uint64(max(size, 0))}
	err := l.run()
	if err == nil {
		err = b.open(in)
	}
	if err != nil {
		b.empty()
		for source := range in.from {
			in.drop(source, &b.p.g.buffers)
		}
		return fmt.Errorf("load inbox of peer %d: %w", b.p.index, err)
	}
	return nil
}

const loadBuffer = 64 << 10

// loading reads a saved inbox.
type loading[M any] struct {
	b    *Box[M]
	in   *inbox
	r    *bufio.Reader
	left uint64 // bytes to come
}

// peekNumber returns the uvarint that comes next, and how many bytes it has.
func (l *loading[M]) peekNumber() (n uint64, width int, err error) {
	peek, err := l.r.Peek(int(min(l.left, binary.MaxVarintLen64)))
	if n, width = binary.Uvarint(peek); width > 0 {
		return n, width, nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return 0, 0, err
}

// number reads a uvarint; the first error stays.
func (l *loading[M]) number(err *error) (n uint64) {
	var width int
	if *err == nil {
		n, width, *err = l.peekNumber()
	}
	if *err == nil {
		*err = l.skip(width)
	}
	return n
}

func (l *loading[M]) skip(n int) error {
	l.left -= uint64(n)
	_, err := l.r.Discard(n)
	return err
}

// read fills p.
func (l *loading[M]) read(p []byte) error {
	if uint64(len(p)) > l.left {
		return io.ErrUnexpectedEOF
	}
	l.left -= uint64(len(p))
	_, err := io.ReadFull(l.r, p)
	return err
}

func (l *loading[M]) run() error {
	var head [2]byte
	err := l.read(head[:])
	width, peers := l.number(&err), l.number(&err)
	kind, ownWidth := l.b.form()
	if err != nil || head[0] != saveVersion || head[1] != kind || width != ownWidth || peers != uint64(l.b.p.N()) {
		return l.malformed(err, "version %d, kind %d, width %d of %d peers, expected %d, %d, %d of %d", head[0], head[1], width, peers, saveVersion, kind, ownWidth, l.b.p.N())
	}
	for source := range l.in.from {
		count, size := l.number(&err), l.number(&err)
		// A message takes a byte at least.
		if err != nil || size > l.left || count > size {
			return l.malformed(err, "sender %d: %d messages in %d bytes of %d", source, count, size, l.left)
		}
		if err := l.bundle(source, count, size); err != nil {
			return err
		}
	}
	if l.left > 0 {
		return l.malformed(nil, "%d bytes after the inbox", l.left)
	}
	return nil
}

// malformed is ErrInbox, unless the bytes could not be read at all.
func (l *loading[M]) malformed(err error, format string, args ...any) error {
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	return fmt.Errorf("%w: "+format, append([]any{ErrInbox}, args...)...)
}

// bundle reads one sender's messages, in chunks of whole ones.
func (l *loading[M]) bundle(source int, count, size uint64) error {
	buffers := &l.b.p.g.buffers
	for size > 0 {
		c, err := l.chunk(size)
		if err != nil {
			return l.malformed(err, "sender %d: a message is cut", source)
		}
		if size, count = size-uint64(c.n), count-uint64(c.count); count > size { // as a number below zero is, too
			return l.malformed(nil, "sender %d: %d messages left in %d bytes", source, count, size)
		}
		held, err := buffers.hold(l.b.p.step-1, c)
		if err != nil {
			return err
		}
		l.in.add(source, held)
	}
	if count > 0 {
		return l.malformed(nil, "sender %d: %d messages are missing", source, count)
	}
	return nil
}

// chunk reads whole messages, of size bytes at most and one at least.
func (l *loading[M]) chunk(size uint64) (*chunk, error) {
	kind, width := l.b.form()
	if kind == kindVaried {
		return l.varied(size)
	}
	n := min(size, max(dataChunk/width, 1)*width)
	if n%width > 0 {
		return nil, io.ErrUnexpectedEOF
	}
	c := l.b.p.g.buffers.pool.get(int(n))
	c.n, c.count, c.kind = int(n), uint32(n/width), kind
	return c, l.read(c.payload())
}

func (l *loading[M]) varied(size uint64) (*chunk, error) {
	c := l.b.p.g.buffers.pool.get(int(min(size, dataChunk)))
	c.kind = kindVaried
	for uint64(c.n) < size {
		n, width, err := l.peekNumber()
		if err != nil {
			return nil, err
		}
		whole := uint64(width) + n
		if n > MaxMessage || whole > size-uint64(c.n) {
			return nil, io.ErrUnexpectedEOF
		}
		if whole > uint64(len(c.room())-c.n) {
			if c.n > 0 {
				return c, nil // the next one begins with it
			}
			l.b.p.g.buffers.pool.put(c)
			c = l.b.p.g.buffers.pool.get(int(whole))
			c.kind = kindVaried
		}
		if err := l.read(c.room()[c.n : c.n+int(whole)]); err != nil {
			return nil, err
		}
		c.n += int(whole)
		c.count++
	}
	return c, nil
}
