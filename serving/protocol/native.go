package protocol

import (
	"bytes"
	"net/http"
	"strings"
)

// ParseNative reads a request in the short form. JSON is a row or an array of rows, and a row is an array of
// values or an object of values by the names of the columns. CSV is lines of values, with a line of names before them or
// without. The type of the content says which it is; where it says neither, as that of curl does, what begins with a bracket is JSON.
//
// A first line of CSV holds names if all of its fields are names of columns, or of a model of numbers if one
// is no number; "header=present" or "header=absent" in the type of the content says so. Columns come in any order after
// their names.
func (r *Request) ParseNative(s *Signature, contentType, body []byte) error {
	r.Reset()
	r.Form = Native
	r.chooseAll(s)
	kind, parameters, _ := bytes.Cut(contentType, []byte(";"))
	kind = bytes.TrimSpace(kind)
	p := parser{b: body, r: r, s: s}
	first := p.space()
	switch {
	case bytes.EqualFold(kind, []byte("text/csv")):
	case bytes.EqualFold(kind, []byte("application/json")):
		return p.native()
	case len(kind) > 0 && !bytes.EqualFold(kind, []byte("text/plain")) &&
		!bytes.EqualFold(kind, []byte("application/x-www-form-urlencoded")) && !bytes.EqualFold(kind, []byte("application/octet-stream")):
		return &Error{http.StatusUnsupportedMediaType, "the content is of type " + clip(kind) + ": want application/json or text/csv"}
	case first == '[' || first == '{':
		return p.native()
	}
	c := csv{parser: p, header: headerOf(parameters)}
	c.i = 0
	return c.document()
}

// headerOf returns what the parameters of a type of content say of a header.
func headerOf(parameters []byte) triState {
	if len(parameters) == 0 {
		return unsaid
	}
	switch text := strings.ToLower(string(parameters)); {
	case strings.Contains(text, "header=present"):
		return yes
	case strings.Contains(text, "header=absent"):
		return no
	}
	return unsaid
}

// native takes JSON.
func (p *parser) native() error {
	if p.alone() {
		p.r.Single = true
		if err := p.row(); err != nil {
			return err
		}
	} else if err := p.rows(); err != nil {
		return err
	}
	return p.end()
}

// alone reports whether a row comes rather than an array of rows.
func (p *parser) alone() bool {
	start := p.i
	defer func() { p.i = start }()
	switch p.space() {
	case '{':
		return true
	case '[':
		p.i++
		c := p.space()
		return c != '[' && c != '{' && c != ']'
	}
	return false
}
