package protocol

import (
	"bytes"
	"strconv"

	"scalar/serving/internal/decimal"
)

// levels follows the brackets of a tensor's data, whose numbers come flat or nested as its shape is.
type levels struct {
	shape []int
	depth int
	n     [maxRank]int // elements of each open array
	flat  bool         // the outermost array has numbers
}

// maxRank is the most dimensions of a tensor.
const maxRank = 8

// tensor takes the data of the input in a shape that it has, and hands each innermost array to run, which takes it from behind its
// opening bracket to its closing one and returns its elements.
func (p *parser) tensor(shape []int, run func() (int, error)) error {
	l := levels{shape: shape}
	if p.space() != '[' {
		return p.unexpected("an array of data")
	}
	for {
		for p.space() == '[' {
			if l.flat || l.depth == len(shape) {
				return p.malformed("the data is nested otherwise than its shape %s", shapeText(shape))
			}
			l.n[l.depth] = 0
			l.depth++
			p.i++
		}
		n, err := run()
		if err != nil {
			return err
		}
		if err := l.ran(p, n); err != nil {
			return err
		}
		if done, err := l.close(p); done || err != nil {
			return err
		}
	}
}

// ran ends an innermost array of n elements.
func (l *levels) ran(p *parser, n int) error {
	l.depth--
	switch {
	case l.depth == 0 && len(l.shape) > 1:
		l.flat = true
		want := 1
		for _, d := range l.shape {
			want *= d
		}
		if n != want {
			return p.count(n, want, l.shape)
		}
	case l.depth != len(l.shape)-1:
		return p.malformed("the data is nested otherwise than its shape %s", shapeText(l.shape))
	case n != l.shape[l.depth]:
		return p.count(n, l.shape[l.depth], l.shape)
	}
	return nil
}

func (p *parser) tooMany() error {
	return refuse("the data has more values than its shape takes: a row has %d", p.s.Width())
}

func (p *parser) count(n, want int, shape []int) error {
	return refuse("an array of data has %d elements: want %d for the shape %s", n, want, shapeText(shape))
}

// close takes what is between two innermost arrays.
func (l *levels) close(p *parser) (done bool, err error) {
	for l.depth > 0 {
		at := l.depth - 1
		l.n[at]++
		switch p.space() {
		case ',':
			if p.i++; p.space() != '[' {
				return false, p.unexpected("[")
			}
			return false, nil
		case ']':
			p.i++
			if l.n[at] != l.shape[at] {
				return false, p.count(l.n[at], l.shape[at], l.shape)
			}
			l.depth--
		default:
			return false, p.unexpected("a comma or ]")
		}
	}
	return true, nil
}

// floats takes numbers up to the closing bracket of their array into r.X, which has room for them, from at on.
func (p *parser) floats(at int) (n int, err error) {
	x := p.r.X[at:]
	if p.space() == ']' {
		p.i++
		return 0, nil
	}
	for {
		k := p.run(x[n:])
		n += k
		if k == 0 {
			v, err := p.slow()
			if err != nil {
				return n, err
			}
			if n == len(x) {
				return n, p.tooMany()
			}
			x[n] = v
			n++
		}
		if more, err := p.next(n); !more || err != nil {
			return n, err
		}
	}
}

// run takes numbers as long as package decimal reads them. The last bytes of the body get a window behind them.
func (p *parser) run(x []float32) (n int) {
	if rest := len(p.b) - p.i; rest < decimal.Window {
		var tail [2 * decimal.Window]byte
		copy(tail[:], p.b[p.i:])
		n, end := decimal.Run(x, tail[:rest+decimal.Window], 0)
		p.i += end
		return n
	}
	n, p.i = decimal.Run(x, p.b, p.i)
	return n
}

func blank(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }

// slow takes a number that package decimal left, or a null.
func (p *parser) slow() (float32, error) {
	if p.i < len(p.b) && p.b[p.i] == 'n' {
		return naN, p.literal("null")
	}
	start := p.i
	end, ok := numberEnd(p.b, p.i)
	if !ok {
		if p.i = end; p.i == start {
			if p.encoded() {
				return 0, p.noBytes()
			}
			return 0, p.unexpected("a number")
		}
		return 0, p.unexpected("a digit")
	}
	p.i = end
	return exact(p.b[start:end])
}

// exact reads a float32.
func exact(text []byte) (float32, error) {
	x, err := strconv.ParseFloat(string(text), 32)
	if err != nil {
		return 0, refuse("%s is beyond float32, whose largest number is 3.4028235e38", bare(text))
	}
	return float32(x), nil
}

// whole32 takes whole numbers of a type of integers, as floats does.
func (p *parser) whole32(at int, t *integers) (n int, err error) {
	x := p.r.X[at:]
	for {
		more, err := p.next(n)
		if !more || err != nil {
			return n, err
		}
		if n == len(x) {
			return n, p.tooMany()
		}
		if p.space() == 'n' {
			x[n] = naN
			err = p.literal("null")
		} else {
			x[n], err = p.integer(t)
		}
		if err != nil {
			return n, err
		}
		n++
	}
}

// integer takes a whole number of a type.
func (p *parser) integer(t *integers) (float32, error) {
	p.space()
	text, err := p.number()
	if err != nil {
		return 0, err
	}
	// A whole number of at most 20 digits, and 2^63 as a float32 is right for the largest of them.
	digits := bytes.TrimPrefix(text, []byte("-"))
	if v, err := strconv.ParseUint(string(digits), 10, 64); err == nil {
		if len(digits) == len(text) {
			if v <= t.most {
				return float32(v), nil
			}
		} else if v <= t.least {
			return -float32(v), nil
		}
	}
	return 0, refuse("%s is no %s", bare(text), t.name)
}

// cells takes texts, numbers and nulls into r.Cells, at most limit in all.
func (p *parser) cells(limit int) (n int, err error) {
	for {
		more, err := p.next(n)
		if !more || err != nil {
			return n, err
		}
		if len(p.r.Cells) >= limit {
			return n, p.tooMany()
		}
		c, err := p.cell(len(p.r.Cells) % p.s.Width())
		if err != nil {
			return n, err
		}
		p.r.Cells = append(p.r.Cells, c)
		n++
	}
}

// cell takes a value of a column.
func (p *parser) cell(column int) (Cell, error) {
	switch p.space() {
	case '"':
		text, err := p.word()
		return Cell{Kind: Text, Text: text}, err
	case 'n':
		return Cell{Kind: Missing}, p.literal("null")
	case '{':
		if p.encoded() {
			return p.b64()
		}
	}
	if c := p.space(); c != '-' && c-'0' > 9 {
		return Cell{}, p.unexpected("a number, a text or null")
	}
	text, err := p.number()
	if err != nil {
		return Cell{}, err
	}
	if p.s.Texts == nil || !p.s.Texts[column] {
		x, err := exact(text)
		return Cell{Kind: Number, Number: float64(x)}, err
	}
	x, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		return Cell{}, refuse("%s is beyond float64", bare(text))
	}
	return Cell{Kind: Number, Number: x}, nil
}

// batch takes the data of the input at i, in a shape and a datatype that were checked.
func (p *parser) batch(shape []int, datatype []byte) error {
	in := &p.s.Inputs[0]
	n := shape[0] * in.width
	at := 0
	if in.Datatype == BYTES {
		return p.tensor(shape, func() (int, error) { return p.cells(n) })
	}
	// A number takes two bytes with its comma: more are not there, whatever the shape says.
	p.r.room(min(n, (len(p.b)-p.i)/2+1))
	if t := integersOf(datatype); t != nil {
		return p.tensor(shape, func() (int, error) {
			k, err := p.whole32(at, t)
			at += k
			return k, err
		})
	}
	return p.tensor(shape, func() (int, error) {
		k, err := p.floats(at)
		at += k
		return k, err
	})
}
