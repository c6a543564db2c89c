package graph

import (
	"bytes"
	"context"
)

// Limits of a matrix without entries for most vertices: so many vertices it may have
// in any case, and so many for a byte of its file.
const (
	freeVertices   = 16 << 20
	verticesByByte = 1024
)

// matrixReader returns a reader of the header of a Matrix Market file (Boisvert, Pozo,
// Remington: The Matrix Market Exchange Formats, NISTIR 5935, 1996): a first line that
// says what it is, comments, and a line of sizes.
func matrixReader() headerReader {
	first := true
	return func(h *header, line []byte) (done bool, err error) {
		if first {
			first = false
			return false, h.banner(line)
		}
		if len(line) > 0 && line[0] == '%' || len(bytes.TrimSpace(line)) == 0 {
			return false, nil
		}
		return true, h.matrixSize(line)
	}
}

// banner reads the first line of a Matrix Market file.
func (h *header) banner(line []byte) error {
	f := headerFields(line, 5)
	if len(f) != 5 || !bytes.Equal(bytes.ToLower(f[0]), []byte("%%matrixmarket")) {
		return faultAt(0, "%s is no Matrix Market header: want %%%%MatrixMarket matrix coordinate real|integer|pattern general|symmetric", quote(line))
	}
	words := make([]string, len(f))
	for i, w := range f {
		words[i] = string(bytes.ToLower(w))
	}
	if words[1] != "matrix" || words[2] != "coordinate" {
		return faultAt(offset(line, f[1]), "%s %s: a graph is a matrix in coordinate form (matrix coordinate)", quote(f[1]), quote(f[2]))
	}
	switch words[3] {
	case "real", "integer":
		h.weighted = true
	case "pattern":
	default:
		return faultAt(offset(line, f[3]), "entries of the kind %s: want real, integer or pattern", quote(f[3]))
	}
	switch words[4] {
	case "general":
	case "symmetric":
		h.both = true
	default:
		return faultAt(offset(line, f[4]), "the symmetry %s: want general or symmetric", quote(f[4]))
	}
	return nil
}

// matrixSize reads "rows columns entries".
func (h *header) matrixSize(line []byte) error {
	f := headerFields(line, 3)
	if len(f) != 3 {
		return faultAt(0, "want the sizes of the matrix: rows columns entries")
	}
	var n [3]uint64
	for i, what := range []string{"rows", "columns", "entries"} {
		var err error
		if n[i], err = headerNumber(line, f[i], maxEdges, what); err != nil {
			return err
		}
	}
	switch {
	case n[0] != n[1]:
		return faultAt(0, "%d rows and %d columns: a graph's matrix is square", n[0], n[1])
	case n[0] > maxVertices:
		return faultAt(0, "%d vertices; the limit is %d", n[0], uint64(maxVertices))
	}
	h.vertices, h.edges = n[0], n[2]
	return nil
}

// matrix reads the peer's part of a Matrix Market file. All vertices from 1 to the
// size of the matrix are in the graph: those without an entry too.
func (t *text) matrix(ctx context.Context, add func([]byte)) error {
	h, ok, err := readHeader(ctx, t.url, matrixReader())
	if err != nil || !ok {
		return err
	}
	if size := t.records.InputSize(); h.vertices > freeVertices && h.vertices/verticesByByte > uint64(size) {
		return h.disagrees("%d vertices in a file of %d bytes: the limit is %d for a byte", h.vertices, size, verticesByByte)
	}
	t.ps.head = h
	if err := t.body(ctx, t.ps.matrix, add); err != nil {
		return err
	}
	all, _, err := t.sums(t.ps.found)
	if err != nil {
		return err
	}
	if all[0] != h.edges {
		return h.disagrees("the header says %d entries, and %d follow", h.edges, all[0])
	}
	part := share{t.index, t.peers}
	for lo, hi := part.of(h.vertices); lo < hi; {
		t.ps.reset()
		for n := 0; n < blockBytes/8 && lo < hi; n++ {
			lo++
			t.ps.lone.ids = append(t.ps.lone.ids, lo) // vertices count from 1
		}
		add(nil)
	}
	return nil
}

// matrix parses entries "row column [value]".
func (p *parser) matrix(b []byte) error {
	p.reset()
	for i := 0; i < len(b); {
		s := textField(b, i)
		if s.lo == s.hi || b[s.lo] == '%' && (s.lo == 0 || b[s.lo-1] == '\n') {
			i = lineEnd(b, s.lo)
			continue
		}
		end, err := p.entry(b, s)
		if err != nil {
			return err
		}
		if more := textField(b, end); more.lo < more.hi {
			return faultAt(more.lo, "the line goes on after the entry")
		}
		i = lineEnd(b, end)
	}
	return nil
}

func (p *parser) entry(b []byte, s span) (end int, err error) {
	row, err := p.ordinal(b, s)
	if err != nil {
		return s.hi, err
	}
	if s = textField(b, s.hi); s.lo == s.hi {
		return s.hi, faultAt(s.lo, "the line has one field; want: row column [value]")
	}
	column, err := p.ordinal(b, s)
	if err != nil {
		return s.hi, err
	}
	if p.head.both && row < column {
		return s.hi, faultAt(s.lo, "the entry %d %d is above the diagonal: of a symmetric matrix those at and below it are listed", row, column)
	}
	w, end := 1.0, s.hi
	if p.head.weighted {
		if s = textField(b, end); s.lo == s.hi {
			return end, faultAt(end, "the entry has no value; the header says that entries have one")
		}
		end = s.hi
		if w, err = p.parseWeight(b, s); err != nil {
			return end, err
		}
	}
	p.found++
	p.addWeighted(row, column, w)
	if p.head.both && row != column && !p.once {
		p.addWeighted(column, row, w)
	}
	return end, nil
}

func (p *parser) addWeighted(src, dst uint64, w float64) {
	p.ids = append(p.ids, src, dst)
	if p.keep {
		p.weights = append(p.weights, w)
	}
}
