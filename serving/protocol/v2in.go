package protocol

import "math"

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
	if absent, err := p.null(); absent {
		return size, err
	}
	o, err := p.open("an object of parameters")
	if err != nil {
		return size, err
	}
	for {
		key, more, err := p.key(&o)
		if !more || err != nil {
			return size, err
		}
		switch string(key) {
		case "binary_data_size":
			var v int64
			v, err = p.whole("binary_data_size", 0, math.MaxInt32)
			size = int(v)
		case sharedMemory:
			return size, noSharedMemory()
		default:
			err = p.skip()
		}
		if err != nil {
			return size, err
		}
	}
}

// sharedMemory is the parameter of a tensor that is to be in memory that client and server share (Triton's extension). A client
// that asks for it reads nothing else.
const sharedMemory = "shared_memory_region"

func noSharedMemory() error {
	return refuse("shared memory is not known here: tensors come and go in the body")
}
