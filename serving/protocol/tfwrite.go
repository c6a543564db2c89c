package protocol

import "strconv"

// AppendTF appends the answer to a request of TensorFlow Serving: "predictions" by row, "outputs" by
// tensor, or the "result" of classes or of regression. A model with one output has its values without its name.
func AppendTF(dst []byte, s *Signature, r *Request, a *Answer) []byte {
	switch r.Form {
	case Columns:
		return s.appendOutputs(dst, r, a)
	case Classify:
		return s.appendResult(dst, a)
	case Regress:
		return s.appendNumbers(dst, a)
	default:
	}
	dst = append(dst, `{"predictions":[`...)
	for row := range a.Rows {
		if row > 0 {
			dst = append(dst, ',')
		}
		if len(r.Outputs) == 1 {
			dst = s.appendValue(dst, r.Outputs[0].Index, a, row)
			continue
		}
		dst = s.appendNamed(dst, r, a, row, false)
	}
	return append(dst, "]}"...)
}

// appendNamed appends an object of the outputs of a row. Of those of one column the value is bare, if it is to be.
func (s *Signature) appendNamed(dst []byte, r *Request, a *Answer, row int, bare bool) []byte {
	for i := range r.Outputs {
		k := r.Outputs[i].Index
		t := &s.Outputs[k]
		dst = append(append(dst, "{,"[min(i, 1)]), t.key...)
		if bare && t.width == 1 {
			dst = t.appendRow(dst, &a.Outputs[k], row)
		} else {
			dst = s.appendValue(dst, k, a, row)
		}
	}
	return append(dst, '}')
}

// appendValue appends a row of an output as an array.
func (s *Signature) appendValue(dst []byte, output int, a *Answer, row int) []byte {
	return append(s.Outputs[output].appendRow(append(dst, '['), &a.Outputs[output], row), ']')
}

func (s *Signature) appendOutputs(dst []byte, r *Request, a *Answer) []byte {
	dst = append(dst, `{"outputs":`...)
	for i := range r.Outputs {
		k := r.Outputs[i].Index
		if len(r.Outputs) > 1 {
			dst = append(append(dst, "{,"[min(i, 1)]), s.Outputs[k].key...)
		}
		dst = append(dst, '[')
		for row := range a.Rows {
			if row > 0 {
				dst = append(dst, ',')
			}
			dst = s.appendValue(dst, k, a, row)
		}
		dst = append(dst, ']')
	}
	if len(r.Outputs) > 1 {
		dst = append(dst, '}')
	}
	return append(dst, '}')
}

// appendResult appends pairs of a label and its score for each row.
func (s *Signature) appendResult(dst []byte, a *Answer) []byte {
	k := s.classes()
	t, v := &s.Outputs[k], &a.Outputs[k]
	dst = append(dst, `{"result":[`...)
	for row := range a.Rows {
		if row > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, '[')
		for i, x := range v.F32[row*t.width : (row+1)*t.width] {
			dst = append(append(append(dst, '['), t.quoted[i]...), ',')
			dst = append(appendFloat(dst, x), ']', ',')
		}
		dst[len(dst)-1] = ']'
	}
	return append(dst, "]}"...)
}

// appendNumbers appends the number of each row.
func (s *Signature) appendNumbers(dst []byte, a *Answer) []byte {
	dst = append(dst, `{"result":[`...)
	for row, x := range a.Outputs[s.number()].F32[:a.Rows] {
		if row > 0 {
			dst = append(dst, ',')
		}
		dst = appendFloat(dst, x)
	}
	return append(dst, "]}"...)
}

// AppendNative appends the answer to a request in the short form: an object of the outputs by their names for each row, in an
// array unless the request had a row alone. Outputs of one column are values, others arrays.
func AppendNative(dst []byte, s *Signature, r *Request, a *Answer) []byte {
	if r.Single && a.Rows == 1 {
		return s.appendNamed(dst, r, a, 0, true)
	}
	dst = append(dst, '[')
	for row := range a.Rows {
		if row > 0 {
			dst = append(dst, ',')
		}
		dst = s.appendNamed(dst, r, a, row, true)
	}
	return append(dst, ']')
}

// AppendError appends the body of an answer that is an error: {"error":"…"}.
func AppendError(dst []byte, message string) []byte {
	return append(appendString(append(dst, `{"error":`...), message), '}')
}

// AppendMetadata appends the metadata of a model as V2 has it, with all versions that can be asked for.
func AppendMetadata(dst []byte, s *Signature, versions []string) []byte {
	dst = appendString(append(dst, `{"name":`...), s.Model)
	dst = append(dst, `,"versions":[`...)
	for i, v := range versions {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, v)
	}
	dst = appendString(append(dst, `],"platform":`...), s.Platform)
	dst = appendPorts(append(dst, `,"inputs":[`...), s.Inputs)
	dst = appendPorts(append(dst, `],"outputs":[`...), s.Outputs)
	return append(dst, "]}"...)
}

func appendPorts(dst []byte, ports []Tensor) []byte {
	for i := range ports {
		t := &ports[i]
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(t.appendShape(append(dst, t.head...), -1), "]}"...)
	}
	return dst
}

// AppendTFMetadata appends the metadata of a model as TensorFlow Serving has it.
func AppendTFMetadata(dst []byte, s *Signature) []byte {
	dst = appendString(append(dst, `{"model_spec":{"name":`...), s.Model)
	dst = appendString(append(dst, `,"signature_name":"","version":`...), s.Version)
	dst = append(dst, `},"metadata":{"signature_def":{"signature_def":{"`+signatureName+`":{"inputs":{`...)
	dst = appendDefs(dst, s.Inputs)
	dst = appendDefs(append(dst, `},"outputs":{`...), s.Outputs)
	return append(dst, `},"method_name":"tensorflow/serving/predict"}}}}}`...)
}

func appendDefs(dst []byte, ports []Tensor) []byte {
	for i := range ports {
		t := &ports[i]
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(append(append(dst, t.key...), `{"dtype":"`...), typeOfTF(t.Datatype)...)
		dst = append(dst, `","tensor_shape":{"dim":[`...)
		for k, d := range t.Shape {
			if k > 0 {
				dst = append(dst, ',')
			}
			dst = append(strconv.AppendInt(append(dst, `{"size":"`...), int64(d), 10), `","name":""}`...)
		}
		dst = append(appendString(append(dst, `],"unknown_rank":false},"name":`...), t.Name), '}')
	}
	return dst
}

func typeOfTF(datatype string) string {
	switch datatype {
	case FP32:
		return "DT_FLOAT"
	case INT64:
		return "DT_INT64"
	}
	return "DT_STRING"
}
