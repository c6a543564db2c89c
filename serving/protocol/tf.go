package protocol

// ParseTF reads a request of TensorFlow Serving to predict: "instances", an array of rows, or "inputs", the tensor or an object
// with it by its name. A row is an array, an object with it by the input's name or with a value for each
// column, or of a model with one column a value.
func (r *Request) ParseTF(s *Signature, body []byte) error {
	return r.parseTF(s, body, Rows)
}

// ParseClassify reads a request of TensorFlow Serving to classify: "examples", an array of rows as ParseTF takes them, and
// "context", an object with the values that all of them share. Values of columns may be in arrays of one.
func (r *Request) ParseClassify(s *Signature, body []byte) error {
	if s.classes() < 0 {
		return refuse("model %q has no classes: ask it by :predict%s", s.Model, also(s.number() >= 0, " or :regress"))
	}
	return r.parseTF(s, body, Classify)
}

// ParseRegress is ParseClassify of a model that says one number of a row.
func (r *Request) ParseRegress(s *Signature, body []byte) error {
	if s.number() < 0 {
		return refuse("model %q is no regression: ask it by :predict%s", s.Model, also(s.classes() >= 0, " or :classify"))
	}
	return r.parseTF(s, body, Regress)
}

func also(is bool, text string) string {
	if is {
		return text
	}
	return ""
}

// examples reports whether rows are TensorFlow Serving's examples.
func (f Form) examples() bool { return f == Classify || f == Regress }

// tf reads a request of TensorFlow Serving.
type tf struct {
	parser
	rowsAt, contextAt int // where examples and their context begin; 0: there are none
}

func (r *Request) parseTF(s *Signature, body []byte, form Form) error {
	r.Reset()
	r.Form = form
	r.chooseAll(s)
	p := tf{parser: parser{b: body, r: r, s: s}}
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
	if err := p.end(); err != nil {
		return err
	}
	switch {
	case form.examples():
		return p.examples()
	case r.Rows > 0:
		return nil
	}
	return refuse("the request has neither instances nor inputs")
}

// partTF takes the value of a key of the outermost object.
func (p *tf) partTF(key []byte) error {
	examples := p.r.Form.examples()
	switch k := string(key); {
	case k == "signature_name":
		name, err := p.word()
		if err == nil && len(name) > 0 && string(name) != signatureName {
			return refuse("the model has no signature %s: it has %q", clip(name), signatureName)
		}
		return err
	case k == "examples" && examples:
		p.rowsAt = p.i
	case k == "context" && examples:
		p.contextAt = p.i
	case k == "instances" && !examples:
		if p.r.Rows > 0 {
			return refuse("the request has rows twice")
		}
		return p.rows()
	case k == "inputs" && !examples:
		if p.r.Rows > 0 {
			return refuse("the request has rows twice")
		}
		p.r.Form = Columns
		return p.inputs()
	}
	return p.skip()
}

// examples takes the context and then the examples, which come in any order and have been checked to be JSON.
func (p *tf) examples() error {
	if p.contextAt > 0 {
		p.i = p.contextAt
		if err := p.context(); err != nil {
			return err
		}
	}
	if p.rowsAt == 0 {
		return refuse("the request has no examples")
	}
	p.i = p.rowsAt
	return p.rows()
}

// context takes an object of values that all examples share: it is read into a row, of which they are kept.
func (p *tf) context() error {
	r := p.r
	if _, err := p.addRow(); err != nil {
		return err
	}
	p.stamp()
	o, err := p.open("an object")
	for err == nil {
		var key []byte
		var more bool
		var column int
		if key, more, err = p.key(&o); err != nil || !more {
			break
		}
		p.r.keys = p.r.keys[:o.first] // seen has them
		if column, err = p.column(key); err == nil {
			r.common = append(r.common, int32(column))
			err = p.place(column, column)
		}
	}
	r.commonX, r.commonCells = append(r.commonX[:0], r.floats...), append(r.commonCells[:0], r.Cells...)
	r.Rows, r.X, r.floats, r.Cells = 0, nil, r.floats[:0], r.Cells[:0]
	return err
}

// share puts the values of the context into a row, and returns how many they are.
func (p *parser) share(at int) int {
	r := p.r
	for _, column := range r.common {
		r.seen[column] = r.named
		if p.s.Inputs[0].Datatype == BYTES {
			r.Cells[at+int(column)] = r.commonCells[column]
		} else {
			r.X[at+int(column)] = r.commonX[column]
		}
	}
	return len(r.common)
}

// signatureName is the name of the only signature that a model has.
const signatureName = "serving_default"

// inputs takes the tensor, or an object with it by its name.
func (p *tf) inputs() error {
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
