package protocol_test

import (
	"strings"
	"testing"

	"scalar/serving/protocol"
)

// Signatures that make no sense are refused when they are made ready.
func TestInit(t *testing.T) {
	in := protocol.Tensor{Name: "input", Datatype: protocol.FP32, Shape: []int{-1, 4}}
	out := protocol.Tensor{Name: "prediction", Datatype: protocol.FP32, Shape: []int{-1, 1}}
	with := func(change func(*protocol.Signature)) *protocol.Signature {
		s := &protocol.Signature{Model: "m", Version: "1", Inputs: []protocol.Tensor{in}, Outputs: []protocol.Tensor{out}}
		change(s)
		return s
	}
	if err := with(func(*protocol.Signature) {}).Init(); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*protocol.Signature){
		"want one input":             func(s *protocol.Signature) { s.Inputs = append(s.Inputs, in) },
		"and outputs":                func(s *protocol.Signature) { s.Outputs = nil },
		"and dimensions above 0":     func(s *protocol.Signature) { s.Inputs[0].Shape = []int{-1, 0} },
		"a shape of -1":              func(s *protocol.Signature) { s.Outputs[0].Shape = []int{1, 4} },
		"want FP32, INT64 or BYTES,": func(s *protocol.Signature) { s.Outputs[0].Datatype = "FP64" },
		"want FP32 or BYTES of":      func(s *protocol.Signature) { s.Inputs[0].Datatype = protocol.INT64 },
		"has the shapes":             func(s *protocol.Signature) { s.Inputs[0].Also = [][]int{{-1, 5}} },
		"1 names and 0 kinds":        func(s *protocol.Signature) { s.Columns = []string{"a"} },
		"0 names and 1 kinds":        func(s *protocol.Signature) { s.Texts = []bool{true} },
		"two columns":                func(s *protocol.Signature) { s.Columns = []string{"a", "b", "c", "a"} },
		"two outputs are named":      func(s *protocol.Signature) { s.Outputs = append(s.Outputs, out) },
	} {
		if err := with(change).Init(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: want %q", err, want)
		}
	}
}

// More rows than a model takes are refused in all forms, as soon as they are seen.
func TestLimits(t *testing.T) {
	r := &protocol.Request{}
	for _, s := range []*protocol.Signature{iris(t), houses(t)} {
		row, columns := `[1,2,3,4]`, "4"
		if s.Model == "houses" {
			row, columns = `[1,2,3]`, "3"
		}
		body := func(rows int) string { return strings.Repeat(","+row, rows)[1:] }
		for _, limit := range []func(){func() { s.MaxRows, s.MaxCells = 3, 1000 }, func() { s.MaxRows, s.MaxCells = 1000, 3*s.Width()*map[string]int{"iris": 1, "houses": 8}[s.Model] }} {
			limit()
			for rows := 3; rows <= 4; rows++ {
				shape := `"shape":[` + string(rune('0'+rows)) + "," + columns + `]`
				for form, err := range map[string]error{
					"V2":     r.ParseV2(s, []byte(`{"inputs":[{"name":"input","datatype":"`+s.Inputs[0].Datatype+`",`+shape+`,"data":[`+body(rows)+`]}]}`), -1),
					"TF":     r.ParseTF(s, []byte(`{"instances":[`+body(rows)+`]}`)),
					"native": r.ParseNative(s, nil, []byte("["+body(rows)+"]")),
					"CSV":    r.ParseNative(s, nil, []byte(strings.NewReplacer("],[", "\n", "[", "", "]", "").Replace(body(rows)))),
				} {
					if checkError(t, err); (err == nil) != (rows == 3) || err != nil && !strings.Contains(err.Error(), "more than 3 rows") {
						t.Errorf("%s of %d rows for %s: %v", form, rows, s.Model, err)
					}
				}
			}
		}
	}
}
