package graph

import (
	"encoding/binary"
	"math/bits"

	"scalar/bsp/mtx"
	"scalar/bsp/scan"
	"scalar/bsp/scan/pairs"
)

// A span is a field of a block.
type span struct{ lo, hi int }

// fields finds the fields of the line at b[i:], at most four, up to its end or a
// comment, and returns where the next line starts.
func fields(b []byte, i int) (f [4]span, n, next int) {
	for i < len(b) && b[i] != '\n' {
		if scan.Blank(b[i]) {
			i++
			continue
		}
		if b[i] == '#' || n == len(f) {
			for i < len(b) && b[i] != '\n' {
				i++
			}
			break
		}
		lo := i
		for i < len(b) && b[i] != '\n' && !scan.Blank(b[i]) {
			i++
		}
		f[n] = span{lo, i}
		n++
	}
	return f, n, i + 1
}

// A parser turns blocks of whole lines into ids and weights. Exactly one of ids
// and spans is filled, by the kind of ids; it holds sources and destinations in
// turn, or single vertices. All are reused by the next block.
type parser struct {
	strings     bool
	keep        bool // weights
	nonNegative bool // weights
	ids         []uint64
	spans       []span
	weights     []float64

	lone    vertices   // vertices without an edge in the block
	text    []byte     // of JSON names; spans lie in it instead of the block
	once    bool       // leave out one of the two ways of an edge that stands for both
	head    header     // of METIS and Matrix Market
	entries mtx.Parser // of Matrix Market
	line    uint64     // of METIS: the vertex whose line is next
	found   uint64     // of METIS: neighbours so far
	sides   uint64     // of METIS: 0 if every edge so far was listed at both ends
}

// vertices are ids as a parser holds them.
type vertices struct {
	ids   []uint64
	spans []span
}

func newParser(in Input) *parser {
	return &parser{strings: in.IDs == Strings, keep: in.Weights, nonNegative: in.NonNegative, once: in.once()}
}

func (p *parser) reset() {
	p.ids, p.spans, p.weights = p.ids[:0], p.spans[:0], p.weights[:0]
	p.lone.ids, p.lone.spans, p.text = p.lone.ids[:0], p.lone.spans[:0], p.text[:0]
}

// ends are the ids of edges.
func (p *parser) ends() vertices { return vertices{p.ids, p.spans} }

// names returns what spans lie in.
func (p *parser) names(block []byte) []byte {
	if len(p.text) > 0 {
		return p.text
	}
	return block
}

// edges parses lines "src dst [weight]".
func (p *parser) edges(b []byte) error {
	p.reset()
	for i := 0; i < len(b); {
		switch {
		case p.keep:
		case p.strings:
			i = p.plainNames(b, i)
		default:
			p.ids, i = pairs.Append(p.ids, b, i)
		}
		if i == len(b) {
			break
		}
		f, n, next := fields(b, i)
		switch n {
		case 0:
			i = next
			continue
		case 1:
			return scan.FaultAt(f[0].lo, "the line has one field; want: source destination [weight]")
		case 4:
			return scan.FaultAt(f[3].lo, "the line has more than three fields; want: source destination [weight]")
		}
		for _, s := range f[:2] {
			if err := p.id(b, s); err != nil {
				return err
			}
		}
		if err := p.weight(b, f[2]); err != nil {
			return err
		}
		i = next
	}
	return nil
}

// plainNames parses lines that are two names with one blank between them, and returns the
// start of the first line that is anything else.
func (p *parser) plainNames(b []byte, i int) int {
	for more := true; more; {
		i, more = p.markedNames(b, i)
	}
	spans := p.spans
	for {
		j := fieldEnd(b, i)
		if j == i || j-i > MaxString || j == len(b) || b[i] == '#' || b[j] != ' ' && b[j] != '\t' {
			break
		}
		k := fieldEnd(b, j+1)
		if k == j+1 || k-j > MaxString || k == len(b) || b[j+1] == '#' || b[k] != '\n' {
			break
		}
		spans = append(spans, span{i, j}, span{j + 1, k})
		i = k + 1
	}
	p.spans = spans
	return i
}

// markedNames is plainNames for what lies in a window from i on. more says that it has come to the end of the window, and what follows has not been looked at.
func (p *parser) markedNames(b []byte, i int) (end int, more bool) {
	var masks [pairs.Window / 64]uint64
	n := pairs.Ends(&masks, b[i:])
	line, gap, spans := i, 0, p.spans // gap: the blank of the line, 0 before it
	defer func() { p.spans = spans }()
	for at, mask := range masks[:n/64] {
		for ; mask != 0; mask &= mask - 1 {
			switch j := i + 64*at + bits.TrailingZeros64(mask); {
			case gap == 0 && (j == line || b[line] == '#' || b[j] != ' ' && b[j] != '\t'):
				return line, false
			case gap == 0:
				gap = j
			case j == gap+1 || b[gap+1] == '#' || b[j] != '\n':
				return line, false
			default:
				spans = append(spans, span{line, gap}, span{gap + 1, j})
				line, gap = j+1, 0
			}
		}
	}
	return line, line > i
}

// fieldEnd returns where the next byte up to a blank's 32 is, or the end: eight bytes are
// looked at at once. Such a byte has no top bit, and borrows into it when 33 is taken away.
func fieldEnd(b []byte, i int) int {
	for ; len(b)-i >= 8; i += 8 {
		x := binary.LittleEndian.Uint64(b[i:])
		if low := (x - 0x2121212121212121) &^ x & 0x8080808080808080; low != 0 {
			return i + bits.TrailingZeros64(low)>>3
		}
	}
	for i < len(b) && b[i] > ' ' {
		i++
	}
	return i
}

// vertices parses lines of one id.
func (p *parser) vertices(b []byte) error {
	p.reset()
	for i := 0; i < len(b); {
		f, n, next := fields(b, i)
		if n > 1 {
			return scan.FaultAt(f[1].lo, "the line has more than one field; want one vertex id")
		}
		if n == 1 {
			if err := p.id(b, f[0]); err != nil {
				return err
			}
		}
		i = next
	}
	return nil
}

func (p *parser) id(b []byte, s span) error {
	if p.strings {
		if err := checkLength(s); err != nil {
			return err
		}
		p.spans = append(p.spans, s)
		return nil
	}
	v, err := wholeID(b, s)
	p.ids = append(p.ids, v)
	return err
}

func checkLength(s span) error {
	if s.hi-s.lo > MaxString {
		return scan.FaultAt(s.lo, "an id of %d bytes; the limit is %d", s.hi-s.lo, MaxString)
	}
	return nil
}

func wholeID(b []byte, s span) (uint64, error) {
	v, end, ok := scan.Number(b, s.lo)
	if !ok || end != s.hi {
		return 0, scan.FaultAt(s.lo, "%s is no vertex id: want a whole number from 0 to %d, or take any names with --ids string", scan.Quote(b[s.lo:s.hi]), MaxID)
	}
	return v, nil
}

// weight parses the third field, which may be absent.
func (p *parser) weight(b []byte, s span) error {
	w := 1.0
	if s.hi > 0 {
		var err error
		if w, err = p.parseWeight(b, s); err != nil {
			return err
		}
	}
	if p.keep {
		p.weights = append(p.weights, w)
	}
	return nil
}

// parseWeight parses and checks a weight.
func (p *parser) parseWeight(b []byte, s span) (float64, error) {
	w, ok := scan.Float(b, s.lo, s.hi)
	if !ok {
		return 0, scan.FaultAt(s.lo, "%s is no weight: want a finite number", scan.Quote(b[s.lo:s.hi]))
	}
	if p.keep && p.nonNegative && w < 0 {
		return 0, scan.FaultAt(s.lo, "the weight %s is below 0", scan.Quote(b[s.lo:s.hi]))
	}
	return w, nil
}
