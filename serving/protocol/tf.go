package protocol

// ParseTF reads a request of TensorFlow Serving to predict: "instances", an array of rows, or "inputs", the tensor or an object
// with it by its name. A row is an array, an object with it by the input's name or with a value for each
// column, or of a model with one column a value.
func (r *Request) ParseTF(s *Signature, body []byte) error {
	return r.parseTF(s, body, Rows)
}

// ParseClassify reads a request of TensorFlow Serving to classify: "examples", an array of rows as ParseTF takes them. Values of columns
// may be in arrays of one.
func (r *Request) ParseClassify(s *Signature, body []byte) error {
	if s.classes() < 0 {
		return refuse("model %q has no classes: ask it to predict", s.Model)
	}
	return r.parseTF(s, body, Classify)
}

func (r *Request) parseTF(s *Signature, body []byte, form Form) error {
	r.Reset()
	r.Form = form
	r.chooseAll(s)
	p := parser{b: body, r: r, s: s}
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
			break
		}
		if err := p.partTF(key); err != nil {
			return err
		}
	}
	switch {
	case r.Rows > 0:
		return p.end()
	case form == Classify:
		return refuse("the request has no examples")
	}
	return refuse("the request has neither instances nor inputs")
}

// partTF takes the value of a key of the outermost object.
func (p *parser) partTF(key []byte) error {
	classify := p.r.Form == Classify
	switch k := string(key); {
	case k == "signature_name":
		name, err := p.word()
		if err == nil && len(name) > 0 && string(name) != signatureName {
			return refuse("the model has no signature %s: it has %q", clip(name), signatureName)
		}
		return err
	case k == "examples" && classify || k == "instances" && !classify:
		if p.r.Rows > 0 {
			return refuse("the request has rows twice")
		}
		return p.rows()
	case k == "inputs" && !classify:
		if p.r.Rows > 0 {
			return refuse("the request has rows twice")
		}
		p.r.Form = Columns
		return p.inputs()
	case k == "context" && classify:
		return refuse("a context of examples is not taken: put its values into each example")
	}
	return p.skip()
}

// signatureName is the name of the only signature that a model has.
const signatureName = "serving_default"

// inputs takes the tensor, or an object with it by its name.
func (p *parser) inputs() error {
	if p.space() != '{' {
		return p.rows()
	}
	o, err := p.open("an object")
	if err != nil {
		return err
	}
	for {
		key, more, err := p.key(&o)
		if !more || err != nil {
			return err
		}
		if string(key) != p.s.Inputs[0].Name {
			return refuse("the model has no input %s: it takes %q", clip(key), p.s.Inputs[0].Name)
		}
		if p.r.Rows > 0 {
			return refuse("input %q is there twice", p.s.Inputs[0].Name)
		}
		if err := p.rows(); err != nil {
			return err
		}
	}
}
