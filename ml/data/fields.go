package data

import (
	"bytes"

	"scalar/bsp/scan"
)

// A splitter cuts lines of CSV into fields (RFC 4180). A field in quotes ends on its
// line: since a file is cut at any line, a line cannot be told from the middle of a field.
// Blanks around a field that is not in quotes do not belong to it.
type splitter struct {
	separator byte
	fields    [][]byte // of the line, valid until the next one
	offsets   []int    // where each starts, in the block
	quoted    []byte   // fields that had doubled quotes
}

// next cuts the line at b[i:], and returns where the one after it starts. A line without
// any byte has no field.
func (s *splitter) next(b []byte, i int) (end int, err error) {
	s.fields, s.offsets, s.quoted = s.fields[:0], s.offsets[:0], s.quoted[:0]
	end = scan.LineEnd(b, i)
	hi := end
	if hi > i && b[hi-1] == '\n' {
		hi--
	}
	if hi > i && b[hi-1] == '\r' {
		hi--
	}
	if i == hi {
		return end, nil
	}
	for {
		for i < hi && s.blank(b[i]) {
			i++
		}
		if i < hi && b[i] == '"' {
			if i, err = s.inQuotes(b, i, hi); err != nil {
				return end, err
			}
		} else if i, err = s.plain(b, i, hi); err != nil {
			return end, err
		}
		if i == hi {
			return end, nil
		}
		i++ // the separator
	}
}

func (s *splitter) blank(c byte) bool { return c == ' ' || c == '\t' && s.separator != '\t' }

// plain takes a field without quotes.
func (s *splitter) plain(b []byte, lo, hi int) (end int, err error) {
	end = hi
	if n := bytes.IndexByte(b[lo:hi], s.separator); n >= 0 {
		end = lo + n
	}
	last := end
	for last > lo && s.blank(b[last-1]) {
		last--
	}
	if q := bytes.IndexByte(b[lo:last], '"'); q >= 0 {
		return 0, scan.FaultAt(lo+q, `a quote inside a field: put the whole field in quotes, and the quote twice`)
	}
	s.fields, s.offsets = append(s.fields, b[lo:last]), append(s.offsets, lo)
	return end, nil
}

// inQuotes takes a field in quotes, and blanks after it.
func (s *splitter) inQuotes(b []byte, lo, hi int) (end int, err error) {
	from, doubled := lo+1, len(s.quoted)
	for i := from; ; {
		q := bytes.IndexByte(b[i:hi], '"')
		if q < 0 {
			return 0, scan.FaultAt(lo, "a field in quotes does not end on its line: fields with line ends in them cannot be read")
		}
		i += q
		if i+1 < hi && b[i+1] == '"' {
			s.quoted = append(s.quoted, b[from:i+1]...)
			i += 2
			from = i
			continue
		}
		field := b[from:i]
		if len(s.quoted) > doubled {
			s.quoted = append(s.quoted, field...)
			field = s.quoted[doubled:len(s.quoted):len(s.quoted)]
		}
		s.fields, s.offsets = append(s.fields, field), append(s.offsets, lo)
		for i++; i < hi && s.blank(b[i]); i++ {
		}
		if i < hi && b[i] != s.separator {
			return 0, scan.FaultAt(i, "something follows the quote that ends a field: a quote inside one is written twice")
		}
		return i, nil
	}
}
