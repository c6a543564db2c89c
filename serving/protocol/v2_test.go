package protocol_test

import (
	"testing"

	"scalar/serving/protocol"
)

func iris(tb testing.TB) *protocol.Signature {
	tb.Helper()
	s := &protocol.Signature{
		Model: "iris", Version: "1", Platform: "scalar_softmax",
		Inputs: []protocol.Tensor{{Name: "input", Datatype: protocol.FP32, Shape: []int{-1, 4}, Also: [][]int{{-1, 1, 2, 2}}}},
		Outputs: []protocol.Tensor{
			{Name: "probabilities", Datatype: protocol.FP32, Shape: []int{-1, 3}, Labels: []string{"a", "b", `c"`}},
			{Name: "label", Datatype: protocol.BYTES, Shape: []int{-1, 1}, Labels: []string{"a", "b", `c"`}},
		},
		Columns: []string{"sl", "sw", "pl", "pw"},
	}
	if err := s.Init(); err != nil {
		tb.Fatal(err)
	}
	return s
}

func irisAnswer() *protocol.Answer {
	return &protocol.Answer{Rows: 1, Outputs: []protocol.Values{{F32: []float32{.25, 1e-7, .75}}, {Classes: []int32{2}}}}
}

func TestV2(t *testing.T) {
	s, r := iris(t), &protocol.Request{}
	for _, tt := range []struct{ in, want string }{
		{
			`{"id":"x","inputs":[{"name":"input","shape":[1,4],"datatype":"FP32","data":[1,2.5,-3e2,0.1]}]}`,
			`{"id":"x","model_name":"iris","model_version":"1","outputs":[{"name":"probabilities","datatype":"FP32","shape":[1,3],"data":[0.25,1e-7,0.75]},{"name":"label","datatype":"BYTES","shape":[1,1],"data":["c\""]}]}`,
		},
		{ // what may be left out may be null
			`{"id":null,"parameters":null,"outputs":null,"inputs":[{"name":"input","shape":[1,4],"datatype":"FP32","parameters":null,"data":[1,2.5,-300,0.1]}]}`,
			`{"model_name":"iris","model_version":"1","outputs":[{"name":"probabilities","datatype":"FP32","shape":[1,3],"data":[0.25,1e-7,0.75]},{"name":"label","datatype":"BYTES","shape":[1,1],"data":["c\""]}]}`,
		},
		{
			`{"outputs":[{"name":"label","parameters":null}],"inputs":[{"data":[[[[1,2.5],[-300,0.1]]]],"name":"input","shape":[1,1,2,2],"datatype":"FP32"}]}`,
			`{"model_name":"iris","model_version":"1","outputs":[{"name":"label","datatype":"BYTES","shape":[1,1],"data":["c\""]}]}`,
		},
		{
			`{"outputs":[{"name":"probabilities","parameters":{"classification":2}}],"inputs":[{"data":[1,2.5,-300,1e-1],"name":"input","shape":[1,4],"datatype":"FP64"}]}`,
			`{"model_name":"iris","model_version":"1","outputs":[{"name":"probabilities","datatype":"BYTES","shape":[1,2],"data":["0.75:2:c\"","0.25:0:a"]}]}`,
		},
	} {
		if err := r.ParseV2(s, []byte(tt.in), -1); err != nil {
			t.Fatal(err)
		}
		if len(r.X) != 4 || r.X[1] != 2.5 || r.X[2] != -300 || r.X[3] != .1 {
			t.Errorf("%v", r.X)
		}
		if got, n := protocol.AppendV2(nil, s, r, irisAnswer()); string(got) != tt.want || n != -1 {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
}
