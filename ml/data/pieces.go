package data

import "context"

// A Take gets a piece of a part: rows in the order of the file. The last one of a part may
// have no rows.
type Take func(piece *Set, last bool) error

// Pieces reads part i of n in sets of about Input.Piece bytes, one after the other, and gives
// them to take. Without a Piece, and where the part has no more, there is one. The encoder is
// one made of the source's own Transform, or the one that OpenFor has got.
func (s *Source) Pieces(ctx context.Context, e *Encoder, part, parts int, take Take) error {
	return s.reader.read(ctx, e, part, parts, take)
}

// Read is Pieces in one set.
func (s *Source) Read(ctx context.Context, e *Encoder, part, parts int) (*Set, error) {
	var all []*Set
	err := s.Pieces(ctx, e, part, parts, func(piece *Set, _ bool) error {
		all = append(all, piece)
		return nil
	})
	switch {
	case err != nil:
		return nil, err
	case len(all) == 1:
		return all[0], nil
	}
	return Join(all...), nil
}

// None returns a set of the kind that Pieces gives, without rows.
func (s *Source) None(e *Encoder) *Set { return s.newSet(e, &slab{}) }

// Bytes returns about how much memory the rows take. It depends on nothing else.
func (s *Set) Bytes() int64 {
	n := int64(0)
	for k := range s.slabs {
		b := &s.slabs[k]
		n += b.bytesOf(s.features) + 4*int64(len(b.class)) + 8*int64(len(b.value))
	}
	return n
}

// bytesOf returns how much memory the rows take without their targets.
func (b *slab) bytesOf(features int) int64 {
	switch {
	case b.entries != nil:
		n := int64(b.rows) * intBytes
		for i := range b.entries {
			n += int64(len(b.entries[i].columns)) * entryBytes
		}
		return n
	case b.bytes != nil:
		return int64(b.rows) * int64(features)
	}
	return int64(b.rows) * int64(features) * floatBytes
}

// Bytes of what a slab has.
const (
	floatBytes  = 4
	intBytes    = 8
	entryBytes  = 8 // its column and its value
	targetBytes = 8 // at most
)

// A cutter cuts the rows that a reader of texts finds into pieces.
type cutter struct {
	s     *Source
	e     *Encoder
	shift uint
	take  Take
	b     *slab
}

func (s *Source) newCutter(e *Encoder, shift uint, take Take) *cutter {
	return &cutter{s: s, e: e, shift: shift, take: take, b: &slab{shift: shift}}
}

// next returns the slab of the next row, after it has given the one before to take if that
// is full.
func (c *cutter) next() (*slab, error) {
	limit, b := c.s.in.Piece, c.b
	if limit <= 0 {
		return b, nil
	}
	size := int64(b.rows)*targetBytes + int64(len(b.lost))*intBytes
	if c.s.sparse {
		size += int64(b.rows)*intBytes + int64(b.stored)*entryBytes
	} else {
		size += int64(b.rows) * int64(c.e.features) * floatBytes
	}
	if size < limit {
		return b, nil
	}
	if err := c.take(c.s.newSet(c.e, b), false); err != nil {
		return nil, err
	}
	c.b = &slab{shift: c.shift}
	return c.b, nil
}

// end gives the last piece.
func (c *cutter) end(err error) error {
	if err != nil {
		return err
	}
	return c.take(c.s.newSet(c.e, c.b), true)
}
