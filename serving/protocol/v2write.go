package protocol

import (
	"encoding/binary"
	"math"
	"strconv"
)

// AppendV2 appends the answer to a request. jsonLength is the length of the JSON if bytes of tensors follow it, for the
// header Inference-Header-Content-Length; −1: all is JSON.
func AppendV2(dst []byte, s *Signature, r *Request, a *Answer) (out []byte, jsonLength int) {
	start, mixed := len(dst), false
	dst = append(dst, '{')
	if r.ID != nil {
		dst = append(append(append(dst, `"id":`...), r.ID...), ',')
	}
	dst = append(dst, s.model...)
	for i := range r.Outputs {
		o := &r.Outputs[i]
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = s.appendTensor(dst, o, a)
		mixed = mixed || o.Binary
	}
	dst = append(dst, "]}"...)
	if !mixed {
		return dst, -1
	}
	jsonLength = len(dst) - start
	for i := range r.Outputs {
		if o := &r.Outputs[i]; o.Binary {
			dst = s.appendBytes(dst, o, a)
		}
	}
	return dst, jsonLength
}

// appendTensor appends the JSON of an output.
func (s *Signature) appendTensor(dst []byte, o *OutputChoice, a *Answer) []byte {
	t, v := &s.Outputs[o.Index], &a.Outputs[o.Index]
	if o.Top > 0 {
		dst = append(appendString(append(dst, `{"name":`...), t.Name), `,"datatype":"BYTES","shape":[`...)
		dst = strconv.AppendInt(dst, int64(a.Rows), 10)
		dst = strconv.AppendInt(append(dst, ','), int64(o.Top), 10)
	} else {
		dst = t.appendShape(append(dst, t.head...), a.Rows)
	}
	if o.Binary {
		dst = append(dst, `],"parameters":{"binary_data_size":`...)
		return append(strconv.AppendInt(dst, int64(t.bytes(o, v, a.Rows)), 10), "}}"...)
	}
	dst = append(dst, `],"data":[`...)
	for row := range a.Rows {
		if row > 0 {
			dst = append(dst, ',')
		}
		if o.Top > 0 {
			dst = t.appendTop(dst, o, v, row)
		} else {
			dst = t.appendRow(dst, v, row)
		}
	}
	return append(dst, "]}"...)
}

// bytes returns how many bytes a binary output has.
func (t *Tensor) bytes(o *OutputChoice, v *Values, rows int) int {
	n := rows * t.width
	switch {
	case o.Top > 0:
		var scratch [128]byte
		size := 0
		for row := range rows {
			top := ranking{x: v.F32[row*t.width : (row+1)*t.width]}
			for range o.Top {
				size += 4 + len(t.appendClass(scratch[:0], top.x, top.next()))
			}
		}
		return size
	case t.Datatype == FP32:
		return 4 * n
	case t.Datatype == INT64:
		return 8 * n
	}
	size := 4 * n
	for _, c := range v.Classes[:n] {
		size += len(t.Labels[c])
	}
	return size
}

// appendBytes appends a binary output.
func (s *Signature) appendBytes(dst []byte, o *OutputChoice, a *Answer) []byte {
	t, v := &s.Outputs[o.Index], &a.Outputs[o.Index]
	n := a.Rows * t.width
	switch {
	case o.Top > 0:
		for row := range a.Rows {
			top := ranking{x: v.F32[row*t.width : (row+1)*t.width]}
			for range o.Top {
				at := len(dst)
				dst = t.appendClass(append(dst, 0, 0, 0, 0), top.x, top.next())
				binary.LittleEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
			}
		}
	case t.Datatype == FP32:
		for _, x := range v.F32[:n] {
			dst = binary.LittleEndian.AppendUint32(dst, math.Float32bits(x))
		}
	case t.Datatype == INT64:
		for _, x := range v.I64[:n] {
			dst = binary.LittleEndian.AppendUint64(dst, uint64(x))
		}
	default:
		for _, c := range v.Classes[:n] {
			dst = binary.LittleEndian.AppendUint32(dst, uint32(len(t.Labels[c])))
			dst = append(dst, t.Labels[c]...)
		}
	}
	return dst
}

// appendTop appends the largest values of a row as texts in JSON, with commas.
func (t *Tensor) appendTop(dst []byte, o *OutputChoice, v *Values, row int) []byte {
	top := ranking{x: v.F32[row*t.width : (row+1)*t.width]}
	for k := range o.Top {
		if k > 0 {
			dst = append(dst, ',')
		}
		i := top.next()
		dst = append(appendFloat(append(dst, '"'), top.x[i]), ':')
		dst = strconv.AppendInt(dst, int64(i), 10)
		if i < len(t.quoted) {
			dst = append(append(dst, ':'), t.quoted[i][1:len(t.quoted[i])-1]...)
		}
		dst = append(dst, '"')
	}
	return dst
}

// appendClass appends value:index:label.
func (t *Tensor) appendClass(dst []byte, x []float32, i int) []byte {
	dst = strconv.AppendInt(append(appendFloat(dst, x[i]), ':'), int64(i), 10)
	if i < len(t.Labels) {
		dst = append(append(dst, ':'), t.Labels[i]...)
	}
	return dst
}

// A ranking goes through numbers from the largest on, the first of equals first; NaN counts as the least.
type ranking struct {
	x    []float32
	last int // the one before, plus 1
}

// next returns the index of the next number.
func (r *ranking) next() int {
	best := -1
	for i := range r.x {
		if r.last > 0 && !r.before(r.last-1, i) {
			continue
		}
		if best < 0 || r.before(i, best) {
			best = i
		}
	}
	r.last = best + 1
	return best
}

// before reports whether number i comes before number k.
func (r *ranking) before(i, k int) bool {
	a, b := r.x[i], r.x[k]
	switch {
	case a == b || a != a && b != b:
		return i < k
	case a != a || b != b:
		return b != b
	}
	return a > b
}
