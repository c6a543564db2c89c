package protocol_test

import (
	"slices"
	"testing"

	"scalar/serving/protocol"
)

// Texts come in base64 too, as TensorFlow Serving's clients send them, to that protocol only.
func TestBase64(t *testing.T) {
	one := &protocol.Signature{
		Model: "words", Version: "1", Inputs: []protocol.Tensor{{Name: "input", Datatype: protocol.BYTES, Shape: []int{-1, 1}}}, Texts: []bool{true},
		Outputs: []protocol.Tensor{{Name: "prediction", Datatype: protocol.FP32, Shape: []int{-1, 1}}},
	}
	if err := one.Init(); err != nil {
		t.Fatal(err)
	}
	r := &protocol.Request{}
	for _, tt := range []struct {
		s    *protocol.Signature
		body string
		want []string // of the texts, in the order of rows and columns
	}{
		{houses(t), `{"instances":[[1,2,{"b64":"bm9ydGg="}],[3,{"b64":"NA"},"s"]]}`, []string{"north", "4", "s"}},
		{houses(t), `{"instances":[{"district":{"b64":"\/\/79"},"size":1,"rooms":2}]}`, []string{"\xff\xfe\xfd"}},
		{houses(t), `{"inputs":{"input":[[1,2,{ "b64" : "" }]]}}`, []string{""}},
		{one, `{"instances":[{"b64":"YQ=="},"b",{"b64":"Yw"},[{"b64":"ZA=="}]]}`, []string{"a", "b", "c", "d"}},
	} {
		if err := r.ParseTF(tt.s, []byte(tt.body)); err != nil {
			t.Errorf("%s: %v", tt.body, err)
			continue
		}
		var got []string
		for _, c := range r.Cells {
			if c.Kind == protocol.Text {
				got = append(got, string(c.Text))
			}
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.body, got, tt.want)
		}
	}
	if err := r.ParseNative(one, []byte("application/json"), []byte(`[{"b64":"YQ=="}]`)); err == nil {
		t.Error("the short form takes base64")
	}
	if err := r.ParseV2(one, []byte(`{"inputs":[{"name":"input","shape":[1,1],"datatype":"BYTES","data":[{"b64":"YQ=="}]}]}`), -1); err == nil {
		t.Error("V2 takes base64")
	}
}
