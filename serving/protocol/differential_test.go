package protocol_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"scalar/serving/protocol"
)

// houses is the signature of a model of two numbers and a category.
func houses(tb testing.TB) *protocol.Signature {
	tb.Helper()
	s := &protocol.Signature{
		Model: "houses", Version: "2", Platform: "scalar_linear",
		Inputs:  []protocol.Tensor{{Name: "input", Datatype: protocol.BYTES, Shape: []int{-1, 3}}},
		Outputs: []protocol.Tensor{{Name: "prediction", Datatype: protocol.FP32, Shape: []int{-1, 1}}},
		Columns: []string{"size", "rooms", "district"}, Texts: []bool{false, false, true},
	}
	if err := s.Init(); err != nil {
		tb.Fatal(err)
	}
	return s
}

// points is the signature of clusters.
func points(tb testing.TB) *protocol.Signature {
	tb.Helper()
	s := &protocol.Signature{
		Model: "points", Version: "1", Platform: "scalar_kmeans",
		Inputs: []protocol.Tensor{{Name: "input", Datatype: protocol.FP32, Shape: []int{-1, 1}}},
		Outputs: []protocol.Tensor{
			{Name: "cluster", Datatype: protocol.INT64, Shape: []int{-1, 1}}, {Name: "distance", Datatype: protocol.FP32, Shape: []int{-1, 1}},
		},
	}
	if err := s.Init(); err != nil {
		tb.Fatal(err)
	}
	return s
}

// agree checks that a request is what the twin read, or that both refused.
func agree(t *testing.T, s *protocol.Signature, r *protocol.Request, err error, w *twin) {
	t.Helper()
	refused := w.refused
	checkError(t, err)
	if (err == nil) != (refused == nil) {
		t.Fatalf("got %v, the twin %v", err, refused)
	}
	if err != nil {
		return
	}
	same := func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) || a != a && b != b }
	if r.Rows != w.rows || !slices.EqualFunc(r.X, w.x, same) || !slices.Equal(cellsOf(r.Cells), w.cells) {
		t.Fatalf("%d rows %v %q, the twin %d %v %q", r.Rows, r.X, cellsOf(r.Cells), w.rows, w.x, w.cells)
	}
	if n := r.Rows * s.Width(); len(r.X)+len(r.Cells) != n {
		t.Fatalf("%d numbers and %d cells: want %d", len(r.X), len(r.Cells), n)
	}
}

func checkV2(t *testing.T, s *protocol.Signature, r *protocol.Request, body []byte, header int) bool {
	t.Helper()
	before := string(body)
	err := r.ParseV2(s, body, header)
	w := parseV2(s, body, header)
	agree(t, s, r, err, w)
	if err != nil {
		return false
	}
	if string(body) != before {
		t.Fatal("the body was changed")
	}
	var id string
	if r.ID != nil && json.Unmarshal(r.ID, &id) != nil || id != w.id {
		t.Fatalf("id %s, the twin %q", r.ID, w.id)
	}
	if want := time.Duration(w.timeout) * time.Microsecond; r.Timeout != min(want, protocol.MaxTimeout) {
		t.Fatalf("timeout %v, want %v", r.Timeout, want)
	}
	if !slices.EqualFunc(r.Outputs, w.outputs, func(a, b protocol.OutputChoice) bool {
		return a.Index == b.Index && a.Binary == b.Binary && a.Top == b.Top
	}) {
		t.Fatalf("outputs %+v, want %+v", r.Outputs, w.outputs)
	}
	return true
}

// parts of requests, from which random ones are put together.
func v2Body(rng *rand.Rand) string {
	pick := func(texts ...string) string { return texts[rng.IntN(len(texts))] }
	shuffle := func(keys []string, left int) string {
		rng.Shuffle(len(keys), func(i, k int) { keys[i], keys[k] = keys[k], keys[i] })
		return "{" + strings.Join(keys[:len(keys)-left], pick(",", ", ", ",\n")) + "}"
	}
	mostly := func(usual string, odd ...string) string {
		if rng.IntN(12) > 0 {
			return usual
		}
		return pick(odd...)
	}
	input := []string{
		`"name":` + mostly(`"input"`, `"other"`, `5`, `"\u0069nput"`),
		`"datatype":` + mostly(pick(`"FP32"`, `"FP64"`, `"INT32"`, `"UINT8"`, `"INT64"`), `"BOOL"`, `"BYTES"`, `"fp32"`, `null`),
		`"shape":` + mostly(pick(`[1,4]`, `[2,4]`, `[1,1,2,2]`, `[2,1,2,2]`), `[0,4]`, `[-1,4]`, `[1.0,4]`, `[4]`, `[]`, `[9223372036854775807,4]`, `[99999999999,4]`, `[1e0,4]`, `[4,1]`, `4`, `[1,1,1,1,1,1,1,1,1,4]`),
		`"data":` + mostly(pick(`[1,2,3,4]`, `[[1,2,3,4]]`, `[[[[1,2],[3,4]]]]`, `[1,2,3,4,5,6,7,8]`, `[[1,2,3,4],[5,6,7,8]]`, `[[[[1,2],[3,4]]],[[[5,6],[7,8]]]]`, `[1,null,300,-4]`, `[1,2.5,3,4]`),
			`[1,2,3]`, `[[1,2],[3,4]]`, `[[1,2,3,4]`, `[1,2,[3,4]]`, `[[1,2],3,4]`, `[[1,2,3],[4]]`, `["1","2","3","4"]`, `[]`, `[[]]`, `1`, `{}`, `[1,2,3,1e39]`, `[1,2,3,NaN]`, `[1,2,3,4,]`, `[[1,2,3,4],]`, `[1,2,true,4]`, `[1 2 3 4]`),
	}
	if rng.IntN(3) == 0 {
		input = append(input, `"parameters":`+mostly(`{"x":[1]}`, `{"binary_data_size":16}`, `{"binary_data_size":-1}`, `{"shared_memory_region":"r"}`, `null`, `5`))
	}
	one := shuffle(input, min(1, max(0, rng.IntN(20)-18)))
	top := []string{`"inputs":[` + mostly(one, "", one+","+one, one+",") + `]`}
	for _, part := range []string{
		`"id":` + mostly(`"a\n\u00e9"`, `5`, `null`, `"\ud800"`), `"outputs":` + mostly(pick(`[]`, `[{"name":"label"}]`, `[{"name":"probabilities","parameters":{"classification":2,"binary_data":true}}]`,
			`[{"name":"label","parameters":{"binary_data":false}},{"parameters":{"y":0},"name":"probabilities"}]`), `null`, `[{"name":"label","parameters":null}]`, `[{"name":"other"}]`, `[{}]`, `[{"name":"label"},{"name":"label"}]`, `[{"name":"label","parameters":{"classification":1}}]`, `[{"name":"label","parameters":{"shared_memory_region":"r"}}]`),
		`"parameters":` + mostly(pick(`{}`, `{"timeout":1500}`, `{"binary_data_output":true,"priority":0}`, `{"timeout":0}`), `{"timeout":-1}`, `{"timeout":1.5}`, `{"timeout":1,"timeout":1}`, `{"timeout":99999999999999999999}`, `{"binary_data_output":1}`, `null`, `[]`),
		`"more":{"a":[{}]}`,
	} {
		if rng.IntN(2) == 0 {
			top = append(top, part)
		}
	}
	return shuffle(top, 0)
}

// Random requests, and damaged ones, are read as the twin reads them.
func TestV2Differential(t *testing.T) {
	s, r := iris(t), &protocol.Request{}
	rng := rand.New(rand.NewPCG(7, 8))
	taken := 0
	for i := range 40_000 {
		body := []byte(v2Body(rng))
		if i%4 == 0 {
			body = mutate(rng, body)
		}
		if checkV2(t, s, r, body, -1) {
			taken++
		}
	}
	if taken < 2_000 || taken > 30_000 {
		t.Errorf("%d of 40000 were taken", taken)
	}
}

func FuzzV2(f *testing.F) {
	rng := rand.New(rand.NewPCG(9, 10))
	for range 50 {
		f.Add(v2Body(rng), -1, false)
	}
	f.Add(`{"inputs":[{"name":"input","shape":[1,3],"datatype":"BYTES","data":["1",2,null]}]}`, -1, true)
	f.Add(`{"inputs":[{"name":"input","shape":[1,3],"datatype":"BYTES","parameters":{"binary_data_size":15}}]}`+"\x01\x00\x00\x001\x01\x00\x00\x002\x01\x00\x00\x00a", 98, true)
	f.Add(`{"inputs":[{"name":"input","shape":[1,4],"datatype":"INT8","parameters":{"binary_data_size":4}}]}`+"\x01\x80\x00\xff", 96, false)
	f.Add("\x00\x00\x80\x3f\x00\x00\x00\x40\x00\x00\xc0\x7f\x00\x00\x80\x7f", 0, false)
	texts, numbers := houses(f), iris(f)
	f.Fuzz(func(t *testing.T, body string, header int, bytes bool) {
		s := numbers
		if bytes {
			s = texts
		}
		checkV2(t, s, &protocol.Request{}, []byte(body), header)
	})
}

var rowBodies = []string{
	`[1,2,3,4]`, `[[1,2,3,4],[5,6,7,8]]`, `[[[1,2],[3,4]]]`, `[[[[1,2],[3,4]]],[1,2,3,4]]`, `{"sl":1,"sw":2,"pl":null,"pw":4}`, `[{"pw":1,"sl":2,"sw":3,"pl":4},[1,2,3,4]]`,
	`{"input":[1,2,3,4]}`, `{"input":[1,2,3,4],"sl":1}`, `{"sl":1}`, `{"sl":1,"sl":1,"pl":1,"pw":1}`, `[]`, `[[]]`, `{}`, `[1,2]`, `[[1,2],[3,4]]`, `[1,2,3,4,5]`, `5`, `[5]`, `[5,6]`, `null`,
	`{"size":1,"rooms":2.50,"district":"north"}`, `[5,"2","\n"]`, `[[5,null,0.1],[1e39,2,3]]`, `[1,2,true]`, `{"size":[1],"rooms":[2],"district":["a"]}`, `{"size":[1,2],"rooms":2,"district":3}`, `[[5],[6]]`, `[5,null]`,
	`{"sl":[1],"sw":[2],"pl":[null],"pw":4}`, `{"sl":[],"sw":[2],"pl":[null],"pw":4}`, `[5,"\ud83d\ude00\ud800\b\/\f\r\t\udc00x\ud800\u0041","\\"]`, `{"\u0073l":1,"s\u0077":2,"pl":3,"pw":4}`,
	`{"b64":"bm9ydGg="}`, `[5,6,{"b64":"bm9ydGg"}]`, `[{"b64":"NQ=="},2,{ "b64" : "_"}]`, `{"size":1,"rooms":2,"district":{"b64":"\/\/79"}}`, `[1,2,{"b64":"eA==","x":1}]`, `[1,{"b64":5},3,4]`, `{"size":[{"b64":""}],"rooms":2,"district":["a"]}`,
	`[1,2,1e39]`, `[1,2,1e400]`, `[1e39,2,3]`, `["\ud83d","",""]`,
}

func tfBodies() (bodies []string) {
	for _, rows := range rowBodies {
		bodies = append(bodies, `{"instances":[`+rows+`]}`, `{"instances":`+rows+`,"signature_name":"serving_default"}`, `{"inputs":`+rows+`}`, `{"inputs":{"input":`+rows+`}}`,
			`{"signature_name":"other","instances":`+rows+`}`, `{"instances":`+rows+`,"inputs":`+rows+`}`, `{"examples":[`+rows+`]}`, `{"examples":`+rows+`,"context":{}}`, `{"x":`+rows+`}`,
			`{"context":{"sl":[5],"pw":6},"examples":[`+rows+`]}`, `{"examples":`+rows+`,"context":{"district":["south"]}}`, `{"examples":[{},{}],"context":{"size":1,"rooms":[null],"district":"x"}}`,
			`{"examples":[{"sw":1,"pl":2},{"pl":null,"sw":[3]}],"context":{"sl":5,"pw":[6]}}`, `{"examples":[{"x":7}],"context":`+rows+`}`)
	}
	return bodies
}

func checkRows(t *testing.T, s *protocol.Signature, r *protocol.Request, form protocol.Form, body []byte) bool {
	t.Helper()
	var err error
	switch form {
	case protocol.Native:
		err = r.ParseNative(s, []byte("application/json"), body)
	case protocol.Classify:
		if err = r.ParseClassify(s, body); s.Outputs[0].Labels == nil {
			if err == nil {
				t.Fatal("a model without classes classifies")
			}
			return false
		}
	case protocol.Regress:
		if err = r.ParseRegress(s, body); len(s.Outputs) > 1 || s.Outputs[0].Labels != nil {
			if err == nil {
				t.Fatal("a model of classes or clusters is a regression")
			}
			return false
		}
	default:
		err = r.ParseTF(s, body)
	}
	w := parseRows(s, form, body)
	defer func() {
		if t.Failed() {
			t.Logf("%s: %q", s.Model, body)
		}
	}()
	agree(t, s, r, err, w)
	return err == nil
}

func TestRowsDifferential(t *testing.T) {
	r := &protocol.Request{}
	rng := rand.New(rand.NewPCG(11, 12))
	tf, taken, examples := tfBodies(), 0, map[protocol.Form]int{}
	for _, s := range []*protocol.Signature{iris(t), houses(t), points(t)} {
		for round := range 40 {
			damaged := func(body string) []byte {
				if round == 0 {
					return []byte(body)
				}
				return mutate(rng, []byte(body))
			}
			for _, body := range rowBodies {
				if checkRows(t, s, r, protocol.Native, damaged(body)) {
					taken++
				}
			}
			for _, body := range tf {
				if checkRows(t, s, r, protocol.Rows, damaged(body)) {
					taken++
				}
				for _, form := range []protocol.Form{protocol.Classify, protocol.Regress} {
					if checkRows(t, s, r, form, damaged(body)) {
						examples[form]++
					}
				}
			}
		}
	}
	if taken < 500 || examples[protocol.Classify] < 200 || examples[protocol.Regress] < 200 {
		t.Errorf("%d were taken, of examples %v", taken, examples)
	}
}

func FuzzTF(f *testing.F) {
	for i, body := range tfBodies() {
		f.Add([]byte(body), uint8(i))
	}
	all := []*protocol.Signature{iris(f), houses(f), points(f)}
	f.Fuzz(func(t *testing.T, body []byte, which uint8) {
		form := protocol.Rows
		switch which >> 6 {
		case 2:
			form = protocol.Classify
		case 3:
			form = protocol.Regress
		}
		checkRows(t, all[int(which)%len(all)], &protocol.Request{}, form, body)
	})
}

func FuzzNative(f *testing.F) {
	for i, body := range rowBodies {
		f.Add([]byte(body), uint8(i))
	}
	all := []*protocol.Signature{iris(f), houses(f), points(f)}
	f.Fuzz(func(t *testing.T, body []byte, which uint8) {
		checkRows(t, all[int(which)%len(all)], &protocol.Request{}, protocol.Native, body)
	})
}
