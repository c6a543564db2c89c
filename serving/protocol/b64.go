package protocol

import (
	"bytes"
	"encoding/base64"
)

// TensorFlow Serving's clients send bytes, and texts that are not UTF-8, as an object with them in base64: {"b64": "bm9ydGg="}.

// encoded reports whether such an object begins at i, in a body of TensorFlow Serving.
func (p *parser) encoded() bool {
	if p.r.Form == V2 || p.r.Form == Native || p.i >= len(p.b) || p.b[p.i] != '{' {
		return false
	}
	return bytes.HasPrefix(bytes.TrimLeft(p.b[p.i+1:], " \n\r\t"), []byte(`"b64"`))
}

// b64 takes such an object, which encoded has seen. Padding may be left out.
func (p *parser) b64() (Cell, error) {
	o, err := p.open("an object")
	if err != nil {
		return Cell{}, err
	}
	if _, _, err := p.key(&o); err != nil {
		return Cell{}, err
	}
	from := len(p.r.text)
	text, err := p.word()
	if err != nil {
		return Cell{}, err
	}
	encoding := base64.RawStdEncoding
	if bytes.HasSuffix(text, []byte("=")) {
		encoding = base64.StdEncoding
	}
	at := len(p.r.text)
	if p.r.text, err = encoding.AppendDecode(p.r.text, text); err != nil {
		return Cell{}, refuse("the text %s of \"b64\" is no base64", clip(text))
	}
	p.r.text = append(p.r.text[:from], p.r.text[at:]...) // without what had escapes
	decoded := p.r.text[from:len(p.r.text):len(p.r.text)]
	key, more, err := p.key(&o)
	if err == nil && more {
		err = refuse("an object has %s besides \"b64\"", clip(key))
	}
	return Cell{Kind: Text, Text: decoded}, err
}

// noBytes is the error about such an object where numbers are.
func (p *parser) noBytes() error {
	return refuse("input %q is of numbers (%s): send an array of them, and no {\"b64\": …}", p.s.Inputs[0].Name, p.s.Inputs[0].Datatype)
}

// encodedRow takes such an object as a row, which is that of a model with one column of texts.
func (p *parser) encodedRow(at int) error {
	switch {
	case p.s.Inputs[0].Datatype != BYTES:
		return p.noBytes()
	case len(p.r.common) > 0:
		return p.unexpected("an object of columns, since there is a context,")
	case p.s.Width() != 1:
		return refuse("a row is {\"b64\": …}, one text: want %d values", p.s.Width())
	}
	p.cellsTo(at + 1)
	return p.place(at, 0)
}
