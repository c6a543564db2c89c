package protocol

import (
	"math"
	"time"
)

// ParseV2 reads a request of the Open Inference Protocol V2. headerLength is that of the JSON, which bytes of tensors follow, as
// the header Inference-Header-Content-Length says; below 0: all is JSON; 0: the body is the numbers of the input.
func (r *Request) ParseV2(s *Signature, body []byte, headerLength int) error {
	r.Reset()
	v := v2{parser: parser{b: body, r: r, s: s}}
	if headerLength >= 0 {
		if headerLength > len(body) {
			return refuse("Inference-Header-Content-Length is %d and the body has %d bytes", headerLength, len(body))
		}
		v.b, v.bytes = body[:headerLength:headerLength], body[headerLength:]
	}
	if headerLength == 0 {
		if err := v.bare(); err != nil {
			return err
		}
	} else if err := v.document(); err != nil {
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
			err = p.outputs()
		default:
			err = p.skip()
		}
		if err != nil {
			return err
		}
	}
}

// null takes a null in the place of what may be left out, as clients write whose fields always are there, and reports whether there
// is one.
func (p *v2) null() (is bool, err error) {
	if p.space() != 'n' {
		return false, nil
	}
	return true, p.literal("null")
}

// id takes a text and keeps it as it stands.
func (p *v2) id() error {
	if absent, err := p.null(); absent {
		return err
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
	if absent, err := p.null(); absent {
		return err
	}
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
