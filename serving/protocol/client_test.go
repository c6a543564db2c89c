package protocol_test

import (
	"slices"
	"testing"

	"scalar/serving/protocol"
)

// Bodies as tritonclient 2.73.0 makes them, of numpy arrays.
func TestClientBodies(t *testing.T) {
	const (
		numbers = `{"inputs":[{"name":"input","shape":[1,4],"datatype":"FP32","parameters":{"binary_data_size":16}}]`
		raw     = "\x00\x00\x00\x00\xab\xaa\xaa>\xab\xaa*?\x00\x00\x80?"
		texts   = `{"inputs":[{"name":"input","shape":[1,3],"datatype":"BYTES",`
		all     = `,"parameters":{"binary_data_output":true}}`
	)
	thirds := []float32{0, 1. / 3, 2. / 3, 1}
	for _, tt := range []struct {
		name, head, bytes string
		x                 []float32
		outputs           []protocol.OutputChoice
	}{
		{
			name: "JSON", head: `{"inputs":[{"name":"input","shape":[1,4],"datatype":"FP32","data":[0.0,0.3333333432674408,0.6666666865348816,1.0]}]` + all, x: thirds,
			outputs: []protocol.OutputChoice{{Index: 0, Binary: true}, {Index: 1, Binary: true}},
		},
		{
			name: "binary", head: `{"id":"a\"b",` + numbers[1:] + `,"parameters":{"timeout":500,"binary_data_output":true}}`, bytes: raw, x: thirds,
			outputs: []protocol.OutputChoice{{Index: 0, Binary: true}, {Index: 1, Binary: true}},
		},
		{
			name: "outputs", head: numbers + `,"outputs":[{"name":"label","parameters":{"binary_data":true}},{"name":"probabilities","parameters":{"binary_data":false}}]}`, bytes: raw, x: thirds,
			outputs: []protocol.OutputChoice{{Index: 1, Binary: true}, {Index: 0}},
		},
		{
			name: "classes", head: numbers + `,"outputs":[{"name":"probabilities","parameters":{"classification":2,"binary_data":true}}]}`, bytes: raw, x: thirds,
			outputs: []protocol.OutputChoice{{Index: 0, Binary: true, Top: 2}},
		},
		{
			name: "whole numbers", head: `{"inputs":[{"name":"input","shape":[1,4],"datatype":"INT64","parameters":{"binary_data_size":32}}]` + all,
			bytes: "\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x00\x00\x00\x00",
			x:     []float32{0, 1, 2, 3}, outputs: []protocol.OutputChoice{{Index: 0, Binary: true}, {Index: 1, Binary: true}},
		},
		{name: "texts", head: texts + `"parameters":{"binary_data_size":19}}]` + all, bytes: "\x01\x00\x00\x001\x03\x00\x00\x002.5\x03\x00\x00\x00n\xc3\xa9", outputs: []protocol.OutputChoice{{Binary: true}}},
		{name: "texts in JSON", head: texts + `"data":["1","2.5","n\u00E9"]}]` + all, outputs: []protocol.OutputChoice{{Binary: true}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, r, header := iris(t), &protocol.Request{}, -1
			if tt.x == nil {
				s = houses(t)
			}
			if tt.bytes != "" {
				header = len(tt.head)
			}
			if err := r.ParseV2(s, []byte(tt.head+tt.bytes), header); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(r.X, tt.x) || tt.x == nil && !slices.Equal(cellTexts(r), []string{"1", "2.5", "né"}) {
				t.Errorf("%v %q", r.X, cellTexts(r))
			}
			if !slices.EqualFunc(r.Outputs, tt.outputs, func(a, b protocol.OutputChoice) bool {
				return a.Index == b.Index && a.Binary == b.Binary && a.Top == b.Top
			}) {
				t.Errorf("%+v", r.Outputs)
			}
		})
	}
}
