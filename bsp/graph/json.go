package graph

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"scalar/bsp/scan"
)

// maxNesting bounds how deep the value of a JSON vertex may be nested.
const maxNesting = 64

// json parses lines [id,value,[[neighbour,weight],…]], as Apache Hama's examples have
// them. The value is any JSON and is not kept; a neighbour may lack its weight. Ids are
// JSON numbers or strings.
func (p *parser) json(b []byte) error {
	p.reset()
	for i := 0; i < len(b); {
		if !p.strings {
			if i = p.plainJSON(b, i); i == len(b) {
				break
			}
		}
		next := scan.LineEnd(b, i)
		if len(bytes.TrimSpace(b[i:next])) > 0 {
			if err := p.slowJSON(b[i:next], i); err != nil {
				return err
			}
		}
		i = next
	}
	return nil
}

// plainJSON parses lines of numbers without blanks, or with one after each comma, and
// returns the start of the first line that is anything else.
func (p *parser) plainJSON(b []byte, i int) int {
	for i < len(b) {
		ids, weights, lone := len(p.ids), len(p.weights), len(p.lone.ids)
		c := jsonCursor{b: b, at: i, ok: true}
		c.vertex(p)
		if !c.ok {
			p.ids, p.weights, p.lone.ids = p.ids[:ids], p.weights[:weights], p.lone.ids[:lone]
			break
		}
		i = c.at
	}
	return i
}

// A jsonCursor reads a plain line; ok is false once the line is not plain.
type jsonCursor struct {
	b  []byte
	at int
	ok bool
}

// is steps over ch, if that is next.
func (c *jsonCursor) is(ch byte) bool {
	if c.at < len(c.b) && c.b[c.at] == ch {
		c.at++
		return true
	}
	return false
}

func (c *jsonCursor) want(ch byte) { c.ok = c.is(ch) && c.ok }

// comma wants a comma and a blank that may be there.
func (c *jsonCursor) comma() {
	c.want(',')
	c.is(' ')
}

func (c *jsonCursor) vertex(p *parser) {
	c.want('[')
	v := c.id()
	c.comma()
	c.decimal()
	c.comma()
	c.want('[')
	if c.ok && c.is(']') {
		p.lone.ids = append(p.lone.ids, v)
	} else {
		for c.ok {
			c.neighbour(p, v)
			if !c.ok || c.is(']') {
				break
			}
			c.comma()
		}
	}
	c.want(']')
	c.is('\r')
	if c.at < len(c.b) {
		c.want('\n')
	}
}

func (c *jsonCursor) neighbour(p *parser, v uint64) {
	c.want('[')
	u, w := c.id(), 1.0
	if c.ok && !c.is(']') {
		c.comma()
		if s := c.decimal(); c.ok {
			var err error
			w, err = p.parseWeight(c.b, s)
			c.ok = err == nil
		}
		c.want(']')
	}
	if c.ok {
		p.addWeighted(v, u, w)
	}
}

// id reads a whole number that does not begin with a needless 0.
func (c *jsonCursor) id() uint64 {
	if !c.ok {
		return 0
	}
	v, end, ok := scan.Number(c.b, c.at)
	c.ok = ok && (c.b[c.at] != '0' || end == c.at+1)
	c.at = end
	return v
}

// decimal steps over a number as JSON writes it, without an exponent.
func (c *jsonCursor) decimal() span {
	lo := c.at
	c.is('-')
	if digits := c.digits(); digits == 0 || digits > 1 && c.b[c.at-digits] == '0' {
		c.ok = false
	}
	if c.is('.') && c.digits() == 0 {
		c.ok = false
	}
	return span{lo, c.at}
}

func (c *jsonCursor) digits() (n int) {
	for c.at < len(c.b) && c.b[c.at]-'0' <= 9 {
		c.at++
		n++
	}
	return n
}

// slowJSON parses any line; lo is where it is in its block.
func (p *parser) slowJSON(line []byte, lo int) error {
	if !utf8.Valid(line) {
		return scan.FaultAt(lo, "the line is not UTF-8")
	}
	r := &jsonReader{line: line, lo: lo, d: json.NewDecoder(bytes.NewReader(line))}
	r.d.UseNumber()
	if err := r.delim('['); err != nil {
		return err
	}
	v, head, err := r.id(p)
	if err != nil {
		return err
	}
	if err := r.skip(); err != nil {
		return err
	}
	if err := r.delim('['); err != nil {
		return err
	}
	n := 0
	for ; r.d.More(); n++ {
		if err := r.neighbour(p, v, head); err != nil {
			return err
		}
	}
	if n == 0 {
		p.addLone(v, head)
	}
	if err := errors.Join(r.delim(']'), r.delim(']')); err != nil {
		return err
	}
	if _, err := r.d.Token(); !errors.Is(err, io.EOF) {
		return r.fault("the line goes on after the array")
	}
	return nil
}

// A jsonReader reads a line token by token.
type jsonReader struct {
	line []byte
	lo   int
	d    *json.Decoder
	from int // of the last token, or before it
}

const jsonForm = "want [id,value,[[neighbour,weight],…]]"

// fault is about the last token.
func (r *jsonReader) fault(format string, args ...any) error {
	at := min(r.from, len(r.line))
	at += len(r.line[at:]) - len(bytes.TrimLeft(r.line[at:], " \t\r\n,"))
	return scan.FaultAt(r.lo+min(at, len(r.line)-1), format, args...)
}

func (r *jsonReader) token() (json.Token, error) {
	r.from = int(r.d.InputOffset())
	t, err := r.d.Token()
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, r.fault("the line ends too early; %s", jsonForm)
	case err != nil:
		return nil, r.fault("%v; %s", err, jsonForm)
	}
	return t, nil
}

func (r *jsonReader) delim(want json.Delim) error {
	t, err := r.token()
	if err != nil {
		return err
	}
	if t != want {
		return r.fault("%s where %q should be; %s", scan.Quote([]byte(showToken(t))), want.String(), jsonForm)
	}
	return nil
}

func showToken(t json.Token) string {
	switch t := t.(type) {
	case json.Delim:
		return t.String()
	case json.Number:
		return t.String()
	case string:
		return t
	}
	return "a value"
}

// skip steps over one value.
func (r *jsonReader) skip() error {
	for depth := 0; ; {
		t, err := r.token()
		if err != nil {
			return err
		}
		switch t {
		case json.Delim('['), json.Delim('{'):
			depth++
		case json.Delim(']'), json.Delim('}'):
			depth--
		}
		switch {
		case depth > maxNesting:
			return r.fault("the value is nested deeper than %d", maxNesting)
		case depth < 0:
			return r.fault("the vertex has no value; %s", jsonForm)
		case depth == 0:
			return nil
		}
	}
}

// id reads an id: a number, or with names the span of a name in the parser's text.
func (r *jsonReader) id(p *parser) (v uint64, s span, err error) {
	t, err := r.token()
	if err != nil {
		return 0, s, err
	}
	var name string
	switch t := t.(type) {
	case string:
		name = t
	case json.Number:
		name = t.String()
	default:
		return 0, s, r.fault("the id is neither a number nor a string; %s", jsonForm)
	}
	if !p.strings {
		if v, err = wholeID([]byte(name), span{0, len(name)}); err != nil {
			return 0, s, r.fault("%v", err)
		}
		return v, s, nil
	}
	if what := wrongName(name); what != "" {
		return 0, s, r.fault("%s is no name of a vertex: %s", scan.Quote([]byte(name)), what)
	}
	s.lo = len(p.text)
	p.text = append(p.text, name...)
	s.hi = len(p.text)
	return 0, s, nil
}

// wrongName says what names cannot be, since they stand between blanks in text; empty:
// nothing is wrong.
func wrongName(name string) string {
	switch {
	case name == "":
		return "it is empty"
	case len(name) > MaxString:
		return "it is longer than 65536 bytes"
	case name[0] == '#':
		return "it begins with #"
	case strings.ContainsAny(name, " \t\r\n"):
		return "it has a blank, a tab or an end of line in it"
	}
	return ""
}

// neighbour reads [id] or [id,weight].
func (r *jsonReader) neighbour(p *parser, v uint64, head span) error {
	if err := r.delim('['); err != nil {
		return err
	}
	u, name, err := r.id(p)
	if err != nil {
		return err
	}
	w := 1.0
	if r.d.More() {
		t, err := r.token()
		if err != nil {
			return err
		}
		x, ok := t.(json.Number)
		if !ok {
			return r.fault("the weight is no number; %s", jsonForm)
		}
		if w, err = p.parseWeight([]byte(x), span{0, len(x)}); err != nil {
			return r.fault("%v", err)
		}
	}
	if err := r.delim(']'); err != nil {
		return err
	}
	if !p.strings {
		p.addWeighted(v, u, w)
		return nil
	}
	p.spans = append(p.spans, head, name)
	if p.keep {
		p.weights = append(p.weights, w)
	}
	return nil
}
