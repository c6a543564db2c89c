package protocol

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"scalar/bsp/scan"
)

// csv reads lines of values (RFC 4180). Blanks around a field that is not in quotes do not belong to it, and lines
// without any byte are left out.
type csv struct {
	parser
	separator byte
	header    triState
	line      int // of the record, from 1
	lines     int // line ends before i
}

func (c *csv) bad(format string, args ...any) error {
	return refuse("line %d of the CSV: %s", c.line, fmt.Sprintf(format, args...))
}

func (c *csv) document() error {
	c.b = bytes.TrimPrefix(c.b, []byte("\xef\xbb\xbf"))
	for first := true; ; first = false {
		c.blankLines()
		if c.i == len(c.b) {
			break
		}
		c.line = c.lines + 1
		if first {
			c.separator = separatorOf(c.b[c.i:], c.s.Width())
			if err := c.first(); err != nil {
				return err
			}
			continue
		}
		if err := c.record(); err != nil {
			return err
		}
	}
	if c.r.Rows == 0 {
		return refuse("the CSV has no line of values")
	}
	return nil
}

func (c *csv) blankLines() {
	for c.i < len(c.b) && (c.b[c.i] == '\n' || c.b[c.i] == '\r') {
		if c.b[c.i] == '\n' {
			c.lines++
		}
		c.i++
	}
}

// separators are those that lines may have, the likeliest first.
const separators = ",;\t"

// separatorOf returns the separator that makes as many fields of the first line as there are columns, or
// the most frequent one.
func separatorOf(b []byte, width int) byte {
	var n [len(separators)]int
	inside := false
	for _, x := range b {
		if x == '"' {
			inside = !inside
		}
		if k := strings.IndexByte(separators, x); k >= 0 && !inside {
			n[k]++
		}
		if x == '\n' && !inside {
			break
		}
	}
	best := 0
	for k := range n {
		if n[k] == width-1 {
			return separators[k]
		}
		if n[k] > n[best] {
			best = k
		}
	}
	return separators[best]
}

// first takes the first line: names, or values.
func (c *csv) first() error {
	start, lines := c.i, c.lines
	names := c.r.keys[:0]
	for more := true; more; {
		var text []byte
		var err error
		if text, more, err = c.field(); err != nil {
			return err
		}
		if names = append(names, text); len(names) > c.s.Width() {
			break
		}
	}
	c.r.keys = names
	if len(names) != c.s.Width() {
		return c.width(len(names))
	}
	c.r.order = c.r.order[:0]
	if !c.names(names) {
		for i := range names {
			c.r.order = append(c.r.order, int32(i))
		}
		c.i, c.lines = start, lines
		return c.record()
	}
	c.stamp()
	for i, name := range names {
		if len(c.s.Columns) > 0 {
			var err error
			if i, err = c.column(name); err != nil {
				return err
			}
		}
		c.r.order = append(c.r.order, int32(i))
	}
	return nil
}

func (c *csv) width(n int) error {
	if n > c.s.Width() {
		return c.bad("more than %d fields: the model has that many columns", c.s.Width())
	}
	return c.bad("%d fields: the model has %d columns", n, c.s.Width())
}

// names reports whether a first line holds names.
func (c *csv) names(fields [][]byte) bool {
	if c.header != unsaid {
		return c.header == yes
	}
	all := true
	for _, f := range fields {
		_, named := c.s.columns[string(f)]
		all = all && named
	}
	if all || c.s.Inputs[0].Datatype != FP32 {
		return all
	}
	return slices.ContainsFunc(fields, func(f []byte) bool {
		_, err := scan.ParseFloat(f, 32)
		return errors.Is(err, strconv.ErrSyntax) && !absent(f)
	})
}

// record takes a line of values.
func (c *csv) record() error {
	at, err := c.addRow()
	if err != nil {
		return err
	}
	c.cellsTo(at + c.s.Width())
	n := 0
	for more := true; more; n++ {
		var text []byte
		if text, more, err = c.field(); err != nil {
			return err
		}
		if n == len(c.r.order) {
			return c.width(n + 1)
		}
		column := int(c.r.order[n])
		if c.s.Inputs[0].Datatype == BYTES {
			c.r.Cells[at+column] = Cell{Kind: Text, Text: text}
			continue
		}
		if c.r.X[at+column], err = c.value(text, column); err != nil {
			return err
		}
	}
	if n < len(c.r.order) {
		return c.width(n)
	}
	return nil
}

// absent reports whether a field has no value, as package ml/data has it.
func absent(text []byte) bool {
	return len(text) == 0 || string(text) == "?" || string(text) == "NA"
}

// value reads a number.
func (c *csv) value(text []byte, column int) (float32, error) {
	if absent(text) {
		return naN, nil
	}
	x, err := scan.ParseFloat(text, 32)
	if err == nil && !math.IsNaN(x) && !math.IsInf(x, 0) {
		return float32(x), nil
	}
	name := strconv.Itoa(column + 1)
	if len(c.s.Columns) > 0 {
		name = clip(c.s.Columns[column])
	}
	return 0, c.bad("%s in column %s is no number that float32 holds", clip(text), name)
}

// field takes a field and what ends it; more says that it was a separator.
func (c *csv) field() (text []byte, more bool, err error) {
	for c.i < len(c.b) && c.blank(c.b[c.i]) {
		c.i++
	}
	if c.i < len(c.b) && c.b[c.i] == '"' {
		if text, err = c.quoted(); err != nil {
			return nil, false, err
		}
	} else {
		start := c.i
		for c.i < len(c.b) && c.b[c.i] != c.separator && c.b[c.i] != '\n' {
			if c.b[c.i] == '"' {
				return nil, false, c.bad("a quote inside a field: put the whole field in quotes, and the quote twice")
			}
			c.i++
		}
		text = bytes.TrimRight(c.b[start:c.i:c.i], " \t\r")
	}
	switch {
	case c.i == len(c.b):
		return text, false, nil
	case c.b[c.i] == c.separator:
		c.i++
		return text, true, nil
	}
	c.i++
	c.lines++
	return text, false, nil
}

func (c *csv) blank(x byte) bool { return x == ' ' || x == '\t' && c.separator != '\t' }

// quoted takes a field in quotes, and blanks after it.
func (c *csv) quoted() ([]byte, error) {
	from := len(c.r.text)
	for start := c.i + 1; ; {
		n := bytes.IndexByte(c.b[start:], '"')
		if n < 0 {
			return nil, c.bad("a field in quotes has no end")
		}
		c.lines += bytes.Count(c.b[start:start+n], []byte("\n"))
		c.r.text = append(c.r.text, c.b[start:start+n]...)
		c.i = start + n + 1
		if c.i == len(c.b) || c.b[c.i] != '"' {
			break
		}
		c.r.text = append(c.r.text, '"')
		start = c.i + 1
	}
	for c.i < len(c.b) && (c.blank(c.b[c.i]) || c.b[c.i] == '\r') {
		c.i++
	}
	if c.i < len(c.b) && c.b[c.i] != c.separator && c.b[c.i] != '\n' {
		return nil, c.bad("something follows the quote that ends a field: a quote inside one is written twice")
	}
	return c.r.text[from:len(c.r.text):len(c.r.text)], nil
}
