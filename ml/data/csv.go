package data

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strconv"

	"scalar/bsp/job"
	"scalar/bsp/scan"
	"scalar/storage"
)

// A table reads CSV.
type table struct {
	*Source
	separator byte
	width     int              // fields of a line
	label     int              // column of it; -1: none
	header    []string         // the first line, if it holds names: it is skipped in every file
	after     storage.Position // of the line after the first one
}

// openCSV reads the first line.
func (s *Source) openCSV(ctx context.Context, e *Encoder) error {
	if e != nil && s.in.Header == HeaderAuto && len(e.t.Names) == 0 && e.texts() {
		s.in.Header = HeaderNo // training's had none, and its rows look like one
	}
	t := &table{Source: s, label: -1}
	s.reader = t
	place, ok, err := scan.Header(ctx, s.in.URL, func(line []byte) (bool, error) {
		if len(bytes.TrimSuffix(line, []byte("\r"))) == 0 {
			return false, nil
		}
		return true, t.first(line)
	})
	switch {
	case err != nil:
		return err
	case !ok:
		return job.Fail(job.FaultInput, "%s: the file is empty", s.in.URL)
	}
	t.after = place.End
	return t.findLabel(e)
}

// first takes the first line: the separator, the number of fields and, if it is a header,
// names.
func (t *table) first(line []byte) error {
	t.separator = separatorOf(line)
	sp := splitter{separator: t.separator}
	if _, err := sp.next(line, 0); err != nil {
		return err
	}
	if t.width = len(sp.fields); t.width > maxColumns {
		return scan.FaultAt(0, "the first line has %d fields: more than %d are too many", t.width, maxColumns)
	}
	names := t.in.Header == HeaderYes
	for _, f := range sp.fields {
		if _, kind := parse32(f); t.in.Header == HeaderAuto && kind == text && !missing(f) {
			names = true
		}
	}
	if !names {
		return nil
	}
	seen := make(map[string]bool, t.width)
	for i, f := range sp.fields {
		if seen[string(f)] {
			return scan.FaultAt(sp.offsets[i], "two columns are named %s (--header no if the first line is no header)", quote(f))
		}
		seen[string(f)] = true
		t.names = append(t.names, string(f))
	}
	t.header = t.names
	return nil
}

// separatorOf returns what the first line has most of: a comma, a semicolon or a tab.
func separatorOf(line []byte) byte {
	best, most := byte(','), 0
	for _, c := range []byte{',', ';', '\t'} {
		n, inside := 0, false
		for _, b := range line {
			if b == '"' {
				inside = !inside
			} else if b == c && !inside {
				n++
			}
		}
		if n > most {
			best, most = c, n
		}
	}
	return best
}

// findLabel finds the label's column, and takes its name out of the names.
func (t *table) findLabel(e *Encoder) error {
	t.columns = t.width
	if e != nil && t.in.Header == HeaderAuto && len(t.names) > 0 && len(e.t.Names) > 0 && len(without(e.t.Names, t.names)) == len(e.t.Names) {
		return job.Fail(job.FaultInput, "%s: the first line names no column of training, %s: --header no if it is a row", t.in.URL, listed(e.t.Names))
	}
	if t.in.Target == NoTarget {
		return nil
	}
	if e != nil && e.t.Columns == t.width && (t.names == nil || len(e.t.Names) == 0 || e.CheckNames(t.names) == nil) {
		t.in.Target = NoTarget // rows to ask about, without their labels
		return nil
	}
	label := t.in.Label
	if e != nil && t.width != e.t.Columns+1 { // OpenFor says what is wrong
		t.in.Target = NoTarget
		return nil
	}
	if e != nil && len(t.names) > 0 && e.t.Label.Name != "" {
		label = e.t.Label.Name
	}
	at, err := columnOf(label, t.width, t.names)
	if err != nil {
		return job.Fail(job.FaultInput, "%s: %v", t.in.URL, err)
	}
	t.label, t.Source.label.Column = at, at
	if t.in.unlabelled {
		t.in.Target = NoTarget
	}
	if t.columns--; t.columns == 0 {
		return job.Fail(job.FaultInput, "%s: the lines have one field, the label, and no features", t.in.URL)
	}
	if t.names != nil {
		t.Source.label.Name = t.names[at]
		t.names = append(t.names[:at:at], t.names[at+1:]...)
	}
	return nil
}

// columnOf returns the column of a label: by name, or by index from 0 or −1 from the end.
func columnOf(label string, width int, names []string) (int, error) {
	if label == "" {
		return width - 1, nil
	}
	for i, name := range names {
		if name == label {
			return i, nil
		}
	}
	i, err := strconv.Atoi(label)
	if err != nil {
		if names == nil {
			return 0, errors.New("--label " + label + " names a column, and the file has no header: give its index, from 0")
		}
		return 0, errors.New("no column is named " + strconv.Quote(label) + ": there are " + listed(names))
	}
	if i < 0 {
		i += width
	}
	if i < 0 || i >= width {
		return 0, errors.New("--label " + label + " is no column: there are " + strconv.Itoa(width))
	}
	return i, nil
}

// lines gives the rows of a part to take: its fields, their offsets in the block, and where
// the block is.
func (t *table) lines(ctx context.Context, part, parts int, take func(sp *splitter, at storage.Position) error) error {
	sp := &splitter{separator: t.separator}
	return t.blocks(ctx, part, parts, func(b []byte, at storage.Position) error {
		i := t.skip(b, at)
		later := t.header != nil && at.Offset == 0 && at.File != t.after.File // it may begin with a header
		for i < len(b) {
			from := i
			var err error
			if i, err = sp.next(b, i); err != nil {
				return err
			}
			first := later
			later = false // also after an empty line, which a part may begin behind
			if len(sp.fields) == 0 {
				continue
			}
			if len(sp.fields) != t.width {
				return scan.FaultAt(from, "the line has %d fields, and the first one has %d", len(sp.fields), t.width)
			}
			if first {
				switch again, err := t.repeats(sp, from); {
				case err != nil:
					return err
				case again:
					continue
				}
			}
			if err := take(sp, at); err != nil {
				return err
			}
		}
		return nil
	})
}

// repeats reports whether the first line of a later file is the header. One with its names in
// another order is an error: the rows behind it would be read as other columns.
func (t *table) repeats(sp *splitter, from int) (bool, error) {
	names := make([]string, len(sp.fields))
	for i, f := range sp.fields {
		names[i] = string(f)
	}
	if slices.Equal(names, t.header) {
		return true, nil
	}
	slices.Sort(names)
	if slices.Equal(names, slices.Sorted(slices.Values(t.header))) {
		return false, scan.FaultAt(from, "the columns are in another order than in the first file: want %s", listed(t.header))
	}
	return false, nil
}

// skip returns where the rows of a block begin, or the header of a later file: after the header
// of the first one, and after a byte order mark.
func (t *table) skip(b []byte, at storage.Position) int {
	if t.header != nil && at.File == t.after.File && at.Offset < t.after.Offset {
		return int(min(t.after.Offset-at.Offset, int64(len(b))))
	}
	if at.Offset == 0 && bytes.HasPrefix(b, []byte(scan.ByteOrderMark)) {
		return len(scan.ByteOrderMark)
	}
	return 0
}

// lacking returns a column of the line that has no value, the label's first; -1: none.
func (t *table) lacking(sp *splitter) int {
	if t.in.Target != NoTarget && missing(sp.fields[t.label]) {
		return t.label
	}
	for c, f := range sp.fields {
		if c != t.label && missing(f) {
			return c
		}
	}
	return -1
}

// keep reports whether the line's row is kept, after what is said about missing values.
func (t *table) keep(sp *splitter, policy Missing) (bool, error) {
	c := t.lacking(sp)
	switch {
	case c < 0:
		return true, nil
	case policy == MissingDrop:
		return false, nil
	case c == t.label && t.in.applied:
		return false, scan.FaultAt(sp.offsets[c], "the label is missing")
	case c == t.label:
		return false, scan.FaultAt(sp.offsets[c], "the label is missing: --missing drop leaves such rows out")
	case policy == MissingMean:
		return true, nil
	}
	at := c // among the columns without the label
	if t.label >= 0 && c > t.label {
		at--
	}
	name := nameOf(t.names, at, t.label)
	if t.in.applied {
		return false, scan.FaultAt(sp.offsets[c], "the value of column %s is missing, and the model was trained with --missing error", name)
	}
	return false, scan.FaultAt(sp.offsets[c], "the value of column %s is missing: --missing mean or drop says what to do", name)
}

func (t *table) summarise(ctx context.Context, part, parts int) (*Summary, error) {
	s := &Summary{columns: make([]column, t.columns)}
	n := needs{means: t.in.Missing == MissingMean || t.in.Scale == Columns, bytes: t.in.Scale == Auto}
	err := t.lines(ctx, part, parts, func(sp *splitter, at storage.Position) error {
		if ok, err := t.keep(sp, t.in.Missing); !ok {
			return err
		}
		s.rows++
		c := 0
		for i, f := range sp.fields {
			if i == t.label {
				if err := t.summariseLabel(s, f, sp.offsets[i]); err != nil {
					return err
				}
				continue
			}
			s.columns[c].add(f, n, func() place { return place{quote(f), at.File, at.Offset + int64(sp.offsets[i])} })
			c++
		}
		return nil
	})
	return s, err
}

func (s *Source) summariseLabel(sum *Summary, b []byte, offset int) error {
	if s.in.Target == Classes {
		return sum.label(b)
	}
	_, err := s.labelNumber(b, offset)
	return err
}

// labelNumber reads the label of a row whose target is a number.
func (s *Source) labelNumber(b []byte, offset int) (float64, error) {
	x, kind := parse64(b)
	if kind != number || !holds(x) {
		return 0, scan.FaultAt(offset, "the label %s is no finite number", quote(b))
	}
	return x, nil
}

// take adds a row's label to a slab.
func (s *Source) take(b *slab, e *Encoder, label []byte, offset int) error {
	if s.in.Target == Numbers {
		x, err := s.labelNumber(label, offset)
		b.value = append(b.value, x)
		return err
	}
	class, ok := e.Class(label)
	if !ok {
		return scan.FaultAt(offset, "the label %s is none of the classes: want one of %s", quote(label), listed(e.t.Label.Classes))
	}
	b.class = append(b.class, class)
	return nil
}

func (t *table) read(ctx context.Context, e *Encoder, part, parts int, take Take) error {
	cut := t.newCutter(e, chunkShift(e.features), take)
	return cut.end(t.lines(ctx, part, parts, func(sp *splitter, _ storage.Position) error {
		b, err := cut.next()
		if err != nil {
			return err
		}
		if ok, err := t.keep(sp, e.t.Missing); !ok {
			b.lost = append(b.lost, b.rows)
			return err
		}
		row, c := b.grow(e.features), 0
		for i, f := range sp.fields {
			if i == t.label {
				if t.in.Target == NoTarget {
					continue
				}
				if err := t.take(b, e, f, sp.offsets[i]); err != nil {
					return err
				}
				continue
			}
			if err := e.text(row, c, f); err != nil {
				return scan.FaultAt(sp.offsets[i], "%v", err)
			}
			c++
		}
		return nil
	}))
}
