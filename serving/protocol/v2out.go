package protocol

// maxTop is the most classes that an output is asked for by "classification".
const maxTop = 100

// outputs takes the outputs that the request asks for.
func (p *v2) outputs() error {
	if absent, err := p.null(); absent {
		return err
	}
	return p.array(p.tensorOut)
}

// tensorOut takes one of them.
func (p *v2) tensorOut() error {
	o, err := p.open("an object that is an output")
	if err != nil {
		return err
	}
	choice, named := OutputChoice{}, false
	for {
		key, more, err := p.key(&o)
		if err != nil {
			return err
		}
		if !more {
			break
		}
		switch string(key) {
		case "name":
			named = true
			choice.Index, err = p.outputName()
		case parametersKey:
			err = p.outputParameters(&choice)
		default:
			err = p.skip()
		}
		if err != nil {
			return err
		}
	}
	if !named {
		return refuse("an output has no name")
	}
	t := &p.s.Outputs[choice.Index]
	if choice.Top > 0 && t.Datatype != FP32 {
		return refuse("output %q is %s: classification is of FP32", t.Name, t.Datatype)
	}
	choice.Top = min(choice.Top, t.width)
	for i := range p.r.Outputs {
		if p.r.Outputs[i].Index == choice.Index {
			return refuse("output %q is there twice", t.Name)
		}
	}
	p.r.Outputs = append(p.r.Outputs, choice)
	return nil
}

func (p *v2) outputName() (int, error) {
	name, err := p.word()
	if err != nil {
		return 0, err
	}
	i := p.s.output(name)
	if i < 0 {
		return 0, refuse("the model has no output %s: it gives %s", clip(name), p.s.outputs())
	}
	return i, nil
}

func (p *v2) outputParameters(choice *OutputChoice) error {
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
		case "binary_data":
			var v bool
			v, err = p.boolean()
			choice.said = stateOf(v)
		case "classification":
			var v int64
			v, err = p.whole("parameter \"classification\"", 0, maxTop)
			choice.Top = int(v)
		case sharedMemory:
			return noSharedMemory()
		default:
			err = p.skip()
		}
		if err != nil {
			return err
		}
	}
}
