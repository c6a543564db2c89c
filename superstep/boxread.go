package superstep

import (
	"errors"
	"fmt"
	"iter"
	"slices"
)

func (b *Box[M]) deliver(superstep int) error {
	return b.open(b.p.in.at(superstep, b.id, b.p.N()))
}

// views says that the inbox needs no decoding: its chunks are arrays of messages.
func (b *Box[M]) views() bool { return b.fixed != nil && b.cfg.Compare == nil }

// open checks an inbox and makes it the current one. It is decoded at once if it is
// in memory; else as it is read.
func (b *Box[M]) open(in *inbox) error {
	b.empty()
	spilled, err := b.accept(in)
	switch {
	case err != nil:
	case b.views() && !spilled:
		for source := range in.from {
			b.plainly = append(b.plainly, in.from[source].chunks...)
		}
		return nil
	case b.views():
	case !spilled:
		err = b.decode(in)
	case b.cfg.Compare != nil:
		err = b.sortRuns(in)
	}
	if err != nil {
		b.empty()
		return err
	}
	b.odd = b.indirect()
	return nil
}

func (b *Box[M]) empty() {
	clear(b.decoded)
	clear(b.plainly)
	b.in, b.n, b.decoded, b.plainly, b.odd = nil, 0, b.decoded[:0], b.plainly[:0], nil
	b.dropRuns()
}

// accept makes an inbox the current one, if the sizes of its chunks are right, and
// reports whether some of it is on disk.
func (b *Box[M]) accept(in *inbox) (spilled bool, err error) {
	for source := range in.from {
		for _, c := range in.from[source].chunks {
			switch {
			case b.fixed != nil && (c.kind != kindFixed || c.size() != int(c.count)*b.fixed.size):
				return false, b.wrong(source, fmt.Errorf("%w: %d messages of kind %d in %d bytes, expected %d bytes each", ErrInbox, c.count, c.kind, c.size(), b.fixed.size))
			case b.fixed == nil && c.kind != kindVaried:
				return false, b.wrong(source, fmt.Errorf("%w: kind %d", ErrInbox, c.kind))
			}
			b.n += int(c.count)
			spilled = spilled || c.file != nil
		}
	}
	b.in = in
	return spilled, nil
}

func (b *Box[M]) wrong(source int, err error) error {
	return fmt.Errorf("messages of peer %d on lane %d: %w", source, b.id, err)
}

// decode keeps all messages, sorted if they are to be.
func (b *Box[M]) decode(in *inbox) error {
	for source := range in.from {
		for _, c := range in.from[source].chunks {
			var err error
			if b.decoded, err = b.take(b.decoded, c); err != nil {
				return b.wrong(source, err)
			}
		}
	}
	if b.cfg.Compare != nil {
		slices.SortStableFunc(b.decoded, b.cfg.Compare)
	}
	return nil
}

// take appends the messages of a chunk, which is loaded, to dst.
func (b *Box[M]) take(dst []M, c *chunk) ([]M, error) {
	src := c.payload()
	if b.fixed != nil {
		return append(dst, viewOf[M](src)...), nil
	}
	for i := range c.count {
		n, rest, err := uvarint(src)
		if err != nil || n > uint64(len(rest)) {
			return dst, fmt.Errorf("%w: message %d of %d is cut", ErrInbox, i, c.count)
		}
		have := len(dst)
		if dst, err = b.cfg.Codec.Decode(dst, rest[:n:n]); err != nil {
			if !errors.Is(err, ErrInbox) { // a codec of the caller's
				err = fmt.Errorf("%w: %w", ErrInbox, err)
			}
			return dst, err
		}
		if len(dst) != have+1 {
			return dst, fmt.Errorf("%w: the codec made %d messages of one", ErrInbox, len(dst)-have)
		}
		src = rest[n:]
	}
	if len(src) > 0 {
		return dst, fmt.Errorf("%w: %d bytes after the last message", ErrInbox, len(src))
	}
	return dst, nil
}

// Messages are the inbox: by sender, then in sending order, or as Compare sorts
// them. It can be asked again and is valid until the next Sync. What lies on disk is
// read again each time; if that fails the messages end, and so does the group, with
// an error that the next Sync returns.
func (b *Box[M]) Messages() iter.Seq[M] {
	if b.odd != nil {
		return b.odd
	}
	return func(yield func(M) bool) { // small, so that a caller's loop becomes part of it
		for _, c := range b.plainly {
			for _, m := range viewOf[M](c.payload()) {
				if !yield(m) {
					return
				}
			}
		}
	}
}

// indirect are Messages that had to be decoded, or lie on disk.
func (b *Box[M]) indirect() iter.Seq[M] {
	switch {
	case len(b.decoded) > 0:
		return slices.Values(b.decoded)
	case len(b.runs) > 0:
		return b.merged()
	}
	return func(yield func(M) bool) {
		for i := range b.in.from {
			if !b.each(b.in.from[i].chunks, yield) {
				return
			}
		}
	}
}

// each yields the messages of some chunks; false: there is an end to it.
func (b *Box[M]) each(chunks []*chunk, yield func(M) bool) bool {
	for _, c := range chunks {
		ms, loaded, err := b.read(c)
		if err != nil {
			_ = b.p.fault(err) // the next Sync returns it
			return false
		}
		for _, m := range ms {
			if !yield(m) {
				b.p.g.buffers.unload(c, loaded)
				return false
			}
		}
		b.p.g.buffers.unload(c, loaded)
	}
	return true
}

// read returns the messages of one chunk, which belong to loaded if they are views
// of it.
func (b *Box[M]) read(c *chunk) (ms []M, loaded *chunk, err error) {
	if loaded, err = b.p.g.buffers.load(c); err != nil {
		return nil, nil, err
	}
	if b.fixed != nil {
		return viewOf[M](loaded.payload()), loaded, nil
	}
	if ms, err = b.take(nil, loaded); err != nil {
		b.p.g.buffers.unload(c, loaded)
		return nil, nil, err
	}
	return ms, loaded, nil
}

// Len returns the number of messages in the inbox.
func (b *Box[M]) Len() int { return b.n }
