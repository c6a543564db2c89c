package protocol

import (
	"math"
	"time"
)

// ParseV2 reads a request of the Open Inference Protocol V2. headerLength is that of the JSON, which bytes of tensors follow, as
// the header Inference-Header-Content-Length says; below 0: all is JSON.
func (r *Request) ParseV2(s *Signature, body []byte, headerLength int) error {
	r.Reset()
	v := v2{parser: parser{b: body, r: r, s: s}}
	if headerLength >= 0 {
		if headerLength > len(body) {
			return refuse("Inference-Header-Content-Length is %d and the body has %d bytes", headerLength, len(body))
		}
		v.b, v.bytes = body[:headerLength:headerLength], body[headerLength:]
	}
	if err := v.document(); err != nil {
		return err
	}
	if !v.input {
		return refuse("the request has no input %q", s.Inputs[0].Name)
	}
	if len(v.bytes) > 0 {
		return refuse("%d bytes follow the JSON and the tensors that it describes", len(v.bytes))
	}
	if len(r.Outputs) == 0 {
		r.chooseAll(s)
	}
	for i := range r.Outputs {
		o := &r.Outputs[i]
		o.Binary = o.said == yes || o.said == unsaid && v.binary
	}
	return nil
}

// parametersKey is the key of what requests, inputs and outputs say besides.
const parametersKey = "parameters"

// v2 reads the JSON of a request.
type v2 struct {
	parser
	bytes  []byte // after the JSON, not yet taken
	input  bool   // there was one
	binary bool   // outputs are binary that do not say otherwise
}

func (p *v2) document() error {
	o, err := p.open("an object")
	if err != nil {
		return err
	}
	for {
		key, more, err := p.key(&o)
		if err != nil {
			return err
		}
		if !more {
			return p.end()
		}
		switch string(key) {
		case "id":
			err = p.id()
		case parametersKey:
			err = p.parameters()
		case "inputs":
			err = p.array(p.tensorIn)
		case "outputs":
			err = p.array(p.tensorOut)
		default:
			err = p.skip()
		}
		if err != nil {
			return err
		}
	}
}

// id takes a text and keeps it as it stands.
func (p *v2) id() error {
	if p.space() == 'n' {
		return p.literal("null")
	}
	start := p.i
	if _, _, err := p.raw(); err != nil {
		return err
	}
	p.r.ID = p.b[start:p.i:p.i]
	return nil
}

// array takes an array of objects.
func (p *v2) array(element func() error) error {
	if err := p.take('[', "an array"); err != nil {
		return err
	}
	for n := 0; ; n++ {
		if more, err := p.next(n); !more || err != nil {
			return err
		}
		if err := element(); err != nil {
			return err
		}
	}
}

func (p *v2) parameters() error {
	o, err := p.open("an object of parameters")
	if err != nil {
		return err
	}
	for {
		key, more, err := p.key(&o)
		if !more || err != nil {
			return err
		}
		switch string(key) {
		case "timeout":
			var v int64
			v, err = p.whole("parameter \"timeout\"", 0, math.MaxInt64/1000)
			p.r.Timeout = min(time.Duration(v)*time.Microsecond, MaxTimeout)
		case "binary_data_output":
			p.binary, err = p.boolean()
		default:
			err = p.skip()
		}
		if err != nil {
			return err
		}
	}
}

// inTensor is an input that is being read.
type inTensor struct {
	name, datatype []byte
	shape          bool // Request.shape has it
	rows           int
	data           int // where the data begins; −1: none
	size           int // of the data in bytes after the JSON; −1: none
	taken          bool
}

// tensorIn takes an input.
func (p *v2) tensorIn() error {
	t := inTensor{data: -1, size: -1}
	o, err := p.open("an object that is a tensor")
	if err != nil {
		return err
	}
	for {
		key, more, err := p.key(&o)
		if err != nil {
			return err
		}
		if !more {
			return p.finish(&t)
		}
		switch string(key) {
		case "name":
			t.name, err = p.word()
		case "datatype":
			t.datatype, err = p.word()
		case "shape":
			t.shape = true
			err = p.shape()
		case parametersKey:
			t.size, err = p.sizeOf(t.size)
		case "data":
			err = p.data(&t)
		default:
			err = p.skip()
		}
		if err != nil {
			return err
		}
	}
}

// data takes the data if all is known of it, and else remembers where it is.
func (p *v2) data(t *inTensor) error {
	p.space()
	t.data = p.i
	if t.name == nil || t.datatype == nil || !t.shape || t.taken {
		return p.pass()
	}
	return p.values(t)
}

// finish takes an input of which all is known.
func (p *v2) finish(t *inTensor) error {
	if t.taken {
		if t.size >= 0 {
			return refuse("input %s has data and binary_data_size", clip(t.name))
		}
		return nil
	}
	if t.size >= 0 && t.data < 0 {
		if err := p.known(t); err != nil {
			return err
		}
		return p.binaryIn(t)
	}
	if t.size >= 0 {
		return refuse("input %s has data and binary_data_size", clip(t.name))
	}
	end := p.i
	if t.data >= 0 {
		p.i = t.data
	}
	if err := p.values(t); err != nil {
		return err
	}
	p.i = end
	return nil
}

// known checks what was said of an input, and that it is the model's.
func (p *v2) known(t *inTensor) error {
	in := &p.s.Inputs[0]
	switch {
	case t.name == nil:
		return refuse("an input has no name")
	case string(t.name) != in.Name:
		return refuse("the model has no input %s: it takes %q", clip(t.name), in.Name)
	case p.input:
		return refuse("input %q is there twice", in.Name)
	case t.datatype == nil:
		return refuse("input %q has no datatype", in.Name)
	case !t.shape:
		return refuse("input %q has no shape", in.Name)
	}
	if err := in.checkDatatype(t.datatype); err != nil {
		return err
	}
	var ok bool
	if t.rows, ok = in.takes(p.r.shape); !ok {
		return refuse("input %q has the shape %s: want %s", in.Name, shapeText(p.r.shape), in.shapes())
	}
	p.input, p.r.Rows = true, t.rows
	return p.s.checkRows(t.rows)
}

// values takes the data at i.
func (p *v2) values(t *inTensor) error {
	if err := p.known(t); err != nil {
		return err
	}
	if t.data < 0 {
		return refuse("input %s has no data", clip(t.name))
	}
	t.taken = true
	return p.batch(p.r.shape, t.datatype)
}

// shape takes the dimensions of a tensor, all above 0.
func (p *v2) shape() error {
	if err := p.take('[', "an array of dimensions"); err != nil {
		return err
	}
	p.r.shape = p.r.shape[:0]
	for n := 0; ; n++ {
		more, err := p.next(n)
		if !more || err != nil {
			return err
		}
		if n == maxRank {
			return refuse("a shape has more than %d dimensions", maxRank)
		}
		d, err := p.whole("a dimension of a shape", 1, 1<<48)
		if err != nil {
			return err
		}
		p.r.shape = append(p.r.shape, int(d))
	}
}

// sizeOf takes the parameters of an input.
func (p *v2) sizeOf(size int) (int, error) {
	o, err := p.open("an object of parameters")
	if err != nil {
		return size, err
	}
	for {
		key, more, err := p.key(&o)
		if !more || err != nil {
			return size, err
		}
		if string(key) == "binary_data_size" {
			var v int64
			v, err = p.whole("binary_data_size", 0, math.MaxInt32)
			size = int(v)
		} else {
			err = p.skip()
		}
		if err != nil {
			return size, err
		}
	}
}
