package graph

import (
	"bytes"

	"scalar/bsp/scan"
)

// field returns the field at or after b[i], on the same line; ok is false where there
// is none before the line's end or a comment.
func field(b []byte, i int) (s span, ok bool) {
	for i < len(b) && scan.Blank(b[i]) {
		i++
	}
	if i == len(b) || b[i] == '\n' || b[i] == '#' {
		return span{i, i}, false
	}
	s.lo = i
	for i < len(b) && b[i] != '\n' && !scan.Blank(b[i]) {
		i++
	}
	s.hi = i
	return s, true
}

// adjacency parses lines "id n1 n2 …", where a neighbour may have its weight after a
// colon: "id n1:w1 n2:w2 …". A line of an id alone is a vertex.
func (p *parser) adjacency(b []byte) error {
	p.reset()
	for i := 0; i < len(b); {
		head, ok := field(b, i)
		i = head.hi
		if ok {
			var err error
			if i, err = p.neighbours(b, head); err != nil {
				return err
			}
		}
		i = scan.LineEnd(b, i)
	}
	return nil
}

// neighbours parses what follows a line's head and returns where that ends.
func (p *parser) neighbours(b []byte, head span) (end int, err error) {
	v := uint64(0)
	if p.strings {
		err = checkLength(head)
	} else {
		v, err = wholeID(b, head)
	}
	end = head.hi
	for n := 0; err == nil; n++ {
		s, ok := field(b, end)
		end = s.hi
		if !ok {
			if n == 0 {
				p.addLone(v, head)
			}
			return end, nil
		}
		err = p.neighbour(b, s, v, head)
	}
	return end, err
}

// neighbour parses one neighbour of a head.
func (p *parser) neighbour(b []byte, s span, v uint64, head span) error {
	weight := span{}
	if colon := bytes.LastIndexByte(b[s.lo:s.hi], ':'); colon >= 0 {
		weight = span{s.lo + colon + 1, s.hi}
		s.hi = s.lo + colon
		if s.hi == s.lo {
			return scan.FaultAt(s.lo, "%s has no neighbour before the colon", scan.Quote(b[s.lo:weight.hi]))
		}
	}
	if p.strings {
		p.spans = append(p.spans, head)
	} else {
		p.ids = append(p.ids, v)
	}
	if err := p.id(b, s); err != nil {
		return err
	}
	return p.weight(b, weight)
}

// addLone adds a vertex without an edge: v, or the name at s.
func (p *parser) addLone(v uint64, s span) {
	if p.strings {
		p.lone.spans = append(p.lone.spans, s)
		return
	}
	p.lone.ids = append(p.lone.ids, v)
}
