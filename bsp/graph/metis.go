package graph

import (
	"bytes"
	"context"
	"math"

	"scalar/bsp/job"
	"scalar/bsp/scan"
	"scalar/internal/splitmix"
)

// maxConstraints bounds the weights of a METIS vertex.
const maxConstraints = 1024

// metisHeader reads "n m [fmt [ncon]]" (METIS 5.1 manual, section 4.1.1).
func metisHeader(h *header, line []byte) (done bool, err error) {
	if len(line) > 0 && line[0] == '%' {
		return false, nil
	}
	f := scan.HeaderFields(line, 4)
	if len(f) < 2 || len(f) > 4 {
		return false, scan.FaultAt(0, "want the header of a METIS file: vertices edges [fmt [ncon]]")
	}
	if h.vertices, err = scan.HeaderNumber(line, f[0], maxVertices, "vertices"); err != nil {
		return false, err
	}
	if h.edges, err = scan.HeaderNumber(line, f[1], maxEdges, "edges"); err != nil {
		return false, err
	}
	h.both = true
	kinds := []byte("000")
	if len(f) > 2 {
		if len(f[2]) > len(kinds) || len(bytes.Trim(f[2], "01")) > 0 {
			return false, scan.FaultAt(scan.HeaderOffset(line, f[2]), "fmt %s: want up to three digits 0 or 1", scan.Quote(f[2]))
		}
		copy(kinds[3-len(f[2]):], f[2])
	}
	constraints := uint64(1)
	if len(f) > 3 {
		if constraints, err = scan.HeaderNumber(line, f[3], maxConstraints, "weights a vertex (ncon)"); err != nil {
			return false, err
		}
		if kinds[1] == '0' && constraints > 0 {
			return false, scan.FaultAt(scan.HeaderOffset(line, f[3]), "ncon is given, and fmt says that vertices have no weights")
		}
	}
	if kinds[0] == '1' {
		h.skip++
	}
	if kinds[1] == '1' {
		h.skip += int(constraints)
	}
	h.weighted = kinds[2] == '1'
	return true, nil
}

// metis reads the peer's part of a METIS file. Which vertex a line is about depends on
// the lines before: each peer counts its own first, and all tell each other.
func (t *text) metis(ctx context.Context, add func([]byte)) error {
	var h header
	at, ok, err := scan.Header(ctx, t.url, func(line []byte) (bool, error) { return metisHeader(&h, line) })
	if err != nil || !ok {
		return err
	}
	h.Place = at
	t.ps.head = h
	lines := uint64(0)
	count := func(b []byte) error { lines += metisLines(b); return nil }
	if err := t.body(ctx, t.oneFile(count), func([]byte) {}); err != nil {
		return err
	}
	all, before, err := t.sums(lines)
	if err != nil {
		return err
	}
	if all[0] < h.vertices {
		return h.disagrees("the header says %d vertices, a line each, and %d lines follow", h.vertices, all[0])
	}
	t.ps.line = before[0] + 1
	if err := t.body(ctx, t.ps.metis, add); err != nil {
		return err
	}
	if all, _, err = t.sums(t.ps.found, t.ps.sides); err != nil {
		return err
	}
	switch {
	case all[0] != 2*h.edges:
		return h.disagrees("the header says %d edges, each listed at both ends, and the lines list %d neighbours instead of %d", h.edges, all[0], 2*h.edges)
	case all[1] != 0:
		return h.disagrees("an edge is listed at one of its ends only, or with two weights: every edge of a METIS file stands in the lines of both vertices")
	}
	return nil
}

// oneFile refuses a folder of several files: a METIS file is whole.
func (t *text) oneFile(parse func([]byte) error) func([]byte) error {
	return func(b []byte) error {
		if t.records.Pos().File != t.ps.head.End.File {
			return job.Fail(job.FaultInput, "the input has several files, and a METIS graph is one: name the file instead of its folder")
		}
		return parse(b)
	}
}

// metisLines counts the lines of a block that are no comments.
func metisLines(b []byte) (n uint64) {
	for i := 0; i < len(b); i = scan.LineEnd(b, i) {
		if b[i] != '%' {
			n++
		}
	}
	return n
}

// metis parses lines of neighbours; line i is about vertex i.
func (p *parser) metis(b []byte) error {
	p.reset()
	for i := 0; i < len(b); {
		if b[i] == '%' {
			i = scan.LineEnd(b, i)
			continue
		}
		var err error
		if i, err = p.metisLine(b, i); err != nil {
			return err
		}
		p.line++
	}
	return nil
}

func (p *parser) metisLine(b []byte, i int) (next int, err error) {
	before := p.found
	for n := 0; ; n++ {
		s := textField(b, i)
		i = s.hi
		switch {
		case s.lo == s.hi && p.line <= p.head.vertices && n < p.head.skip:
			return i, scan.FaultAt(i, "the line of vertex %d ends before its %d weights", p.line, p.head.skip)
		case s.lo == s.hi:
			if p.found == before && p.line <= p.head.vertices {
				p.addLone(p.line, span{})
			}
			return i + 1, nil
		case p.line > p.head.vertices:
			return i, scan.FaultAt(s.lo, "a line after those of the header's %d vertices", p.head.vertices)
		case n < p.head.skip:
			if _, end, ok := scan.Number(b, s.lo); !ok || end != s.hi {
				return i, scan.FaultAt(s.lo, "%s is no weight of a vertex: want a whole number", scan.Quote(b[s.lo:s.hi]))
			}
			continue
		}
		if i, err = p.metisNeighbour(b, s); err != nil {
			return i, err
		}
	}
}

func (p *parser) metisNeighbour(b []byte, s span) (end int, err error) {
	u, err := p.ordinal(b, s)
	if err != nil {
		return s.hi, err
	}
	v, w := p.line, 1.0
	if u == v {
		return s.hi, scan.FaultAt(s.lo, "vertex %d is its own neighbour: a METIS file has no loops", v)
	}
	end = s.hi
	if p.head.weighted {
		if s = textField(b, end); s.lo == s.hi {
			return end, scan.FaultAt(end, "neighbour %d has no weight; fmt says that edges have one", u)
		}
		end = s.hi
		if w, err = p.parseWeight(b, s); err != nil {
			return end, err
		}
	}
	p.found++
	if side := splitmix.Mix(splitmix.Mix(min(u, v)) + max(u, v) + splitmix.Mix(math.Float64bits(w))); u < v {
		p.sides += side
	} else {
		p.sides -= side
	}
	if p.once && u < v {
		return end, nil
	}
	p.addWeighted(v, u, w)
	return end, nil
}

// ordinal parses the number of a vertex from 1 on.
func (p *parser) ordinal(b []byte, s span) (uint64, error) {
	v, end, ok := scan.Number(b, s.lo)
	if !ok || end != s.hi || v < 1 || v > p.head.vertices {
		return 0, scan.FaultAt(s.lo, "%s is no vertex: want a whole number from 1 to %d", scan.Quote(b[s.lo:s.hi]), p.head.vertices)
	}
	return v, nil
}

// textField returns the field at or after b[i] on the same line, empty at its end.
// There are no comments after fields.
func textField(b []byte, i int) (s span) {
	s.lo, s.hi = scan.Field(b, i)
	return s
}
