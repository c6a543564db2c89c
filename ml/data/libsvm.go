package data

import (
	"context"

	"scalar/bsp/scan"
	"scalar/storage"
)

// A sparse reads LIBSVM: "LABEL INDEX:VALUE …" a line, indices from 1, ascending, # before
// a comment. Lines may lack the label where it is not used.
type sparse struct {
	*Source
}

func (s *Source) openLIBSVM() {
	s.sparse, s.reader = true, sparse{s}
	s.label.Column = 0
	if s.in.unlabelled {
		s.in.Target = NoTarget
	}
}

// An entryLine is a line of LIBSVM.
type entryLine struct {
	label   []byte
	at      int // of the label, in the block
	columns []uint32
	values  []float32
	offsets []int // of each entry
}

// next takes the line at b[i:], and returns where the one after it starts. The label of an empty
// line is nil; where it is needed, a line has to have one.
func (l *entryLine) next(b []byte, i int, needed bool) (end int, err error) {
	end = scan.LineEnd(b, i)
	l.columns, l.values, l.offsets = l.columns[:0], l.values[:0], l.offsets[:0]
	lo, hi := scan.Field(b[:end], i)
	if l.label, l.at = b[lo:hi], lo; lo == hi || b[lo] == '#' {
		l.label = nil
		return end, nil
	}
	if _, colon, ok := scan.Number(b[:hi], lo); ok && colon < hi && b[colon] == ':' {
		if needed {
			return end, scan.FaultAt(lo, "the line begins with the entry %s: want a label before it", quote(b[lo:hi]))
		}
		l.label, hi = b[lo:lo], lo
	}
	for {
		if lo, hi = scan.Field(b[:end], hi); lo == hi || b[lo] == '#' {
			return end, nil
		}
		if err := l.entry(b, lo, hi); err != nil {
			return end, err
		}
	}
}

func (l *entryLine) entry(b []byte, lo, hi int) error {
	index, colon, ok := scan.Number(b[:hi], lo)
	if !ok || colon >= hi-1 || b[colon] != ':' {
		return scan.FaultAt(lo, "%s is no entry: want INDEX:VALUE", quote(b[lo:hi]))
	}
	if index < 1 || index > MaxFeatures {
		return scan.FaultAt(lo, "the index %d is out of range: want 1 to %d", index, MaxFeatures)
	}
	column := uint32(index - 1)
	if n := len(l.columns); n > 0 && l.columns[n-1] >= column {
		return scan.FaultAt(lo, "the index %d is not larger than the one before it, %d", index, l.columns[n-1]+1)
	}
	x, kind := parse32(b[colon+1 : hi])
	if kind != number {
		return scan.FaultAt(colon+1, "%s is no finite number", quote(b[colon+1:hi]))
	}
	l.columns, l.values, l.offsets = append(l.columns, column), append(l.values, x), append(l.offsets, lo)
	return nil
}

// lines gives the rows of a part to take.
func (s sparse) lines(ctx context.Context, part, parts int, take func(l *entryLine) error) error {
	l := &entryLine{}
	return s.blocks(ctx, part, parts, func(b []byte, _ storage.Position) error {
		for i := 0; i < len(b); {
			var err error
			if i, err = l.next(b, i, s.in.Target != NoTarget); err != nil {
				return err
			}
			if l.label == nil {
				continue
			}
			if err := take(l); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s sparse) summarise(ctx context.Context, part, parts int) (*Summary, error) {
	sum := &Summary{}
	err := s.lines(ctx, part, parts, func(l *entryLine) error {
		sum.rows++
		if n := len(l.columns); n > 0 {
			sum.width = max(sum.width, uint64(l.columns[n-1])+1)
		}
		if s.in.Target == NoTarget {
			return nil
		}
		return s.summariseLabel(sum, l.label, l.at)
	})
	return sum, err
}

func (s sparse) read(ctx context.Context, e *Encoder, part, parts int, take Take) error {
	cut := s.newCutter(e, 12, take)
	return cut.end(s.lines(ctx, part, parts, func(l *entryLine) error {
		b, err := cut.next()
		if err != nil {
			return err
		}
		if n := len(l.columns); n > 0 && int(l.columns[n-1]) >= e.features {
			return scan.FaultAt(l.offsets[n-1], "the index %d is no feature of training, which had %d", l.columns[n-1]+1, e.features)
		}
		b.put(l.columns, l.values)
		if s.in.Target == NoTarget {
			return nil
		}
		return s.take(b, e, l.label, l.at)
	}))
}
