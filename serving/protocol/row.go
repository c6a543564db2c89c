package protocol

import (
	"math"
	"slices"
	"strings"
)

// addRow makes room for one more row, and returns where its values begin.
func (p *parser) addRow() (at int, err error) {
	r, width := p.r, p.s.Width()
	if err := p.s.checkRows(r.Rows + 1); err != nil {
		return 0, err
	}
	at = r.Rows * width
	r.Rows++
	if p.s.Inputs[0].Datatype == BYTES {
		r.Cells = slices.Grow(r.Cells[:at], width)
		return at, nil
	}
	r.floats = slices.Grow(r.floats[:at], width)[:at+width]
	r.X = r.floats
	return at, nil
}

// rows takes an array of rows, at least one.
func (p *parser) rows() error {
	if err := p.take('[', "an array of rows"); err != nil {
		return err
	}
	for n := 0; ; n++ {
		more, err := p.next(n)
		switch {
		case err != nil:
			return err
		case !more && n == 0:
			return refuse("there are no rows")
		case !more:
			return nil
		}
		if err := p.row(); err != nil {
			return err
		}
	}
}

// row takes a row: an array, an object, or of a model with one column a value.
func (p *parser) row() error {
	at, err := p.addRow()
	if err != nil {
		return err
	}
	switch c := p.space(); {
	case c == '[' && len(p.r.common) == 0:
		return p.plainRow(at)
	case c == '{' && p.encoded() && !slices.Contains(p.s.Columns, "b64"):
		return p.encodedRow(at)
	case c == '{':
		return p.namedRow(at)
	case len(p.r.common) > 0:
		return p.unexpected("an object, since there is a context,")
	case p.s.Width() == 1:
		p.cellsTo(at + 1)
		return p.place(at, 0)
	}
	return p.unexpected("a row, which is an array or an object,")
}

// plainRow takes the array that is a row, flat or nested as a shape that the input has.
func (p *parser) plainRow(at int) error {
	shape := p.rowShape()
	if p.s.Inputs[0].Datatype == BYTES {
		return p.tensor(shape, func() (int, error) { return p.cells(at + p.s.Width()) })
	}
	return p.tensor(shape, func() (int, error) {
		n, err := p.floats(at)
		at += n
		return n, err
	})
}

// rowShape returns the shape of a row that is as deep as the brackets at i.
func (p *parser) rowShape() []int {
	in, depth := &p.s.Inputs[0], 0
	for _, c := range p.b[p.i:] {
		if c == '[' {
			depth++
		} else if !blank(c) {
			break
		}
	}
	for _, also := range in.Also {
		if depth > 1 && len(also) == depth+1 {
			return also[1:]
		}
	}
	return in.Shape[1:]
}

// namedRow takes an object: the values of all columns by their names, or the row by the name of the input.
func (p *parser) namedRow(at int) error {
	p.stamp()
	o, err := p.open("an object")
	if err != nil {
		return err
	}
	for got := p.share(at); ; got++ {
		key, more, err := p.key(&o)
		if err != nil {
			return err
		}
		if !more {
			return p.complete(got)
		}
		p.r.keys = p.r.keys[:o.first] // seen has them
		if got == 0 && string(key) == p.s.Inputs[0].Name && p.space() == '[' {
			return p.wrapped(at, &o)
		}
		column, err := p.column(key)
		if err != nil {
			return err
		}
		if err := p.place(at+column, column); err != nil {
			return err
		}
	}
}

// stamp makes Request.seen ready for a row with names, whose cells are all there.
func (p *parser) stamp() {
	width := p.s.Width()
	if p.r.named == 0 {
		p.r.seen = slices.Grow(p.r.seen[:0], width)[:width]
		clear(p.r.seen)
	}
	p.r.named++
	p.cellsTo(p.r.Rows * width)
}

// cellsTo sets the length of the cells of a BYTES input, which addRow made room for.
func (p *parser) cellsTo(n int) {
	if p.s.Inputs[0].Datatype == BYTES {
		p.r.Cells = p.r.Cells[:n]
	}
}

// wrapped takes the row that is the only value of an object.
func (p *parser) wrapped(at int, o *object) error {
	p.cellsTo(at)
	if err := p.plainRow(at); err != nil {
		return err
	}
	key, more, err := p.key(o)
	if err == nil && more {
		return refuse("a row has %s besides %q", clip(key), p.s.Inputs[0].Name)
	}
	return err
}

// column returns the column of a name, which is to be new to the row.
func (p *parser) column(name []byte) (int, error) {
	i, ok := p.s.columns[string(name)]
	switch {
	case len(p.s.columns) == 0:
		return 0, refuse("the columns of the model have no names: send a row as an array instead of an object with %s", clip(name))
	case !ok:
		return 0, refuse("the model has no column %s: it has %s", clip(name), listed(p.s.Columns))
	case p.r.seen[i] == p.r.named && slices.Contains(p.r.common, int32(i)):
		return 0, refuse("the column %s is in the context, and in it or an example again", clip(name))
	case p.r.seen[i] == p.r.named:
		return 0, refuse("a row has the column %s twice", clip(name))
	}
	p.r.seen[i] = p.r.named
	return i, nil
}

// complete checks that a row with names has all of the columns.
func (p *parser) complete(got int) error {
	if got == p.s.Width() {
		return nil
	}
	if len(p.s.Columns) == 0 {
		return refuse("a row has no values: want %d", p.s.Width())
	}
	var lacking []string
	for i, name := range p.s.Columns {
		if p.r.seen[i] != p.r.named {
			lacking = append(lacking, name)
		}
	}
	return refuse("a row lacks the columns %s (null is a missing value)", listed(lacking))
}

// listed lists some names for an error.
func listed(names []string) string {
	const most = 8
	texts := make([]string, 0, most+1)
	for _, name := range names[:min(len(names), most)] {
		texts = append(texts, clip(name))
	}
	if len(names) > most {
		texts = append(texts, "…")
	}
	return strings.Join(texts, ", ")
}

// place takes the value of a column.
func (p *parser) place(at, column int) error {
	if p.r.Form.examples() && p.space() == '[' {
		p.i++
		if err := p.place1(at, column); err != nil {
			return err
		}
		return p.take(']', "]")
	}
	return p.place1(at, column)
}

func (p *parser) place1(at, column int) (err error) {
	if p.s.Inputs[0].Datatype == BYTES {
		p.r.Cells[at], err = p.cell(column)
		return err
	}
	p.space()
	p.r.X[at], err = p.slow()
	return err
}

// naN is a missing value.
var naN = float32(math.NaN())
