package protocol_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"scalar/internal/allocs"
	"scalar/serving/protocol"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

// golden compares with a file.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *rewrite {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s:\ngot  %s\nwant %s", path, got, want)
	}
}

// goldenExamples is a body of examples that a model takes, and the answer.
func goldenExamples(t *testing.T, s *protocol.Signature, r *protocol.Request, a *protocol.Answer) (body string, out []byte) {
	t.Helper()
	var err error
	switch s.Model {
	case "iris":
		body = `{"examples":[[1,2,3,4],[1,2,3,4]]}`
		err = r.ParseClassify(s, []byte(body))
	case "houses":
		body = `{"context":{"size":1},"examples":[{"rooms":2,"district":"a"},{"district":["a"],"rooms":[2]}]}`
		err = r.ParseRegress(s, []byte(body))
	default:
		return "", nil
	}
	if err != nil {
		t.Fatal(err)
	}
	return body, protocol.AppendTF(nil, s, r, a)
}

// What is written, in all forms, for each kind of model.
func TestGolden(t *testing.T) {
	models := []struct {
		s *protocol.Signature
		a *protocol.Answer
	}{
		{iris(t), &protocol.Answer{Rows: 2, Outputs: []protocol.Values{{F32: []float32{.25, 1e-7, .75, 1, 0, 3e-45}}, {Classes: []int32{2, 0}}}}},
		{houses(t), &protocol.Answer{Rows: 2, Outputs: []protocol.Values{{F32: []float32{1e21, -16777216}}}}},
		{points(t), &protocol.Answer{Rows: 2, Outputs: []protocol.Values{{I64: []int64{0, 1 << 60}}, {F32: []float32{.1, 1e20}}}}},
	}
	var b bytes.Buffer
	line := func(name string, text []byte) {
		t.Helper()
		if !json.Valid(text) {
			t.Errorf("%s is no JSON: %s", name, text)
		}
		fmt.Fprintf(&b, "%s\n%s\n\n", name, text)
	}
	for _, m := range models {
		r := &protocol.Request{}
		row := map[string]string{"iris": `[1,2,3,4]`, "houses": `[1,2,"a"]`, "points": `[1]`}[m.s.Model]
		line(m.s.Model+" metadata", protocol.AppendMetadata(nil, m.s, slices.Compact([]string{"1", m.s.Version})))
		line(m.s.Model+" TF metadata", protocol.AppendTFMetadata(nil, m.s))
		for _, body := range []string{`{"instances":[` + row + "," + row + `]}`, `{"inputs":[` + row + "," + row + `]}`} {
			if err := r.ParseTF(m.s, []byte(body)); err != nil {
				t.Fatal(err)
			}
			line(m.s.Model+" "+body, protocol.AppendTF(nil, m.s, r, m.a))
		}
		if body, examples := goldenExamples(t, m.s, r, m.a); body != "" {
			line(m.s.Model+" "+body, examples)
		}
		for _, body := range []string{row, "[" + row + "," + row + "]"} {
			if err := r.ParseNative(m.s, nil, []byte(body)); err != nil {
				t.Fatal(err)
			}
			a := *m.a
			a.Rows = r.Rows
			line(m.s.Model+" "+body, protocol.AppendNative(nil, m.s, r, &a))
		}
		in := m.s.Inputs[0]
		body := fmt.Sprintf(`{"id":"a\/\u00e9","inputs":[{"name":"input","shape":[2,%d],"datatype":%q,"data":[%s,%s]}]}`, in.Shape[1], in.Datatype, row, row)
		if err := r.ParseV2(m.s, []byte(body), -1); err != nil {
			t.Fatal(err)
		}
		out, n := protocol.AppendV2(nil, m.s, r, m.a)
		if n != -1 {
			t.Errorf("the JSON is %d bytes long", n)
		}
		line(m.s.Model+" V2", out)
	}
	line("error", protocol.AppendError(nil, "a \"b\"\n\\ \x01\x7f é \xff \u2028"))
	golden(t, "bodies.golden", b.Bytes())
}

// Mixed bodies are what their JSON says, and have the values of the answer.
func TestBinaryAnswer(t *testing.T) {
	s, r := iris(t), &protocol.Request{}
	a := &protocol.Answer{Rows: 2, Outputs: []protocol.Values{{F32: []float32{.25, .5, .75, 1, 0, float32(math.Inf(1))}}, {Classes: []int32{2, 0}}}}
	for _, tt := range []struct{ outputs, want string }{
		{`[]`, "\x00\x00\x80>\x00\x00\x00?\x00\x00@?\x00\x00\x80?\x00\x00\x00\x00\x00\x00\x80\x7f\x02\x00\x00\x00c\"\x01\x00\x00\x00a"},
		{`[{"name":"label"},{"name":"probabilities","parameters":{"binary_data":false}}]`, "\x02\x00\x00\x00c\"\x01\x00\x00\x00a"},
		{`[{"name":"probabilities","parameters":{"classification":2}}]`, "\x09\x00\x00\x000.75:2:c\"\x07\x00\x00\x000.5:1:b\x09\x00\x00\x00null:2:c\"\x05\x00\x00\x001:0:a"},
	} {
		head := `{"parameters":{"binary_data_output":true},"outputs":` + tt.outputs + `,"inputs":[{"name":"input","shape":[2,4],"datatype":"FP32","data":[1,2,3,4,5,6,7,8]}]}`
		if err := r.ParseV2(s, []byte(head), -1); err != nil {
			t.Fatal(err)
		}
		out, n := protocol.AppendV2([]byte("before"), s, r, a)
		out = out[len("before"):]
		if string(out[n:]) != tt.want {
			t.Errorf("%s: %q, want %q", tt.outputs, out[n:], tt.want)
		}
		var doc struct {
			Outputs []struct {
				Datatype   string
				Shape      []int
				Parameters struct {
					Size int `json:"binary_data_size"`
				}
			}
		}
		if err := json.Unmarshal(out[:n], &doc); err != nil {
			t.Fatalf("%v: %s", err, out[:n])
		}
		sum := 0
		for _, o := range doc.Outputs {
			sum += o.Parameters.Size
		}
		if sum != len(out)-n {
			t.Errorf("%s: %d bytes, and %d follow", out[:n], sum, len(out)-n)
		}
	}
}

// Floats are written as encoding/json writes them.
func TestFloatText(t *testing.T) {
	s, r := iris2(t), &protocol.Request{}
	if err := r.ParseNative(s, nil, []byte(`[1,2]`)); err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(15, 16))
	for i := range 50_000 {
		x := math.Float32frombits(rng.Uint32())
		if i%2 == 0 {
			x = float32(rng.NormFloat64())
		}
		if x-x != 0 {
			continue
		}
		want, err := json.Marshal(x)
		if err != nil {
			t.Fatal(err)
		}
		got := protocol.AppendNative(nil, s, r, &protocol.Answer{Rows: 1, Outputs: []protocol.Values{{F32: []float32{x}}}})
		if string(got) != `{"prediction":`+string(want)+`}` {
			t.Fatalf("%s, want %s", got, want)
		}
	}
}

// Texts are read again as they were; what is not UTF-8 becomes U+FFFD.
func TestTexts(t *testing.T) {
	rng := rand.New(rand.NewPCG(17, 18))
	for range 20_000 {
		b := make([]byte, rng.IntN(12))
		for i := range b {
			b[i] = "ab\"\\/\n\t\r\x00\x1f\x7f\xc3\xa9\xf0\x9f\x98\x80\xed\xa0\xff"[rng.IntN(20)]
		}
		var doc struct{ Error string }
		out := protocol.AppendError(nil, string(b))
		if err := json.Unmarshal(out, &doc); err != nil {
			t.Fatalf("%q: %v", out, err)
		}
		if want := string([]rune(string(b))); doc.Error != want {
			t.Fatalf("%q, want %q", doc.Error, want)
		}
	}
}

// The errors that people meet say what is wrong in one line.
func TestErrors(t *testing.T) {
	s, r := iris(t), &protocol.Request{}
	in := func(rest string) string { return `{"inputs":[{"name":"input",` + rest + `}]}` }
	var b strings.Builder
	for _, body := range []string{
		``, `[]`, `{}`, `{"inputs":[]}`, `{"inputs":[{}]}`, `{"inputs":[{"name":"input"}]}`, `{"inputs":5}`, `{"inputs":[5]}`, `{"id":5}`, `{"a":1,"a":2}`, `{"a":`, `{"a":nul}`, `{"a":01}`, `{"a":"` + "\xff" + `"}`, `{} {}`,
		`{"inputs":[{"name":"x","shape":[1,4],"datatype":"FP32","data":[1,2,3,4]}]}`,
		in(`"shape":[1,4],"datatype":"BOOL","data":[1,2,3,4]`), in(`"shape":[1,5],"datatype":"FP32","data":[1,2,3,4,5]`), in(`"shape":[4],"datatype":"FP32","data":[1,2,3,4]`),
		in(`"shape":[-1,4],"datatype":"FP32","data":[1,2,3,4]`), in(`"shape":[0,4],"datatype":"FP32","data":[]`), in(`"shape":[1.5,4],"datatype":"FP32","data":[]`),
		in(`"shape":[4611686018427387904,4],"datatype":"FP32","data":[1]`), in(`"shape":[281474976710656,4],"datatype":"FP32","data":[1]`), in(`"shape":[2000000,4],"datatype":"FP32","data":[1]`),
		in(`"shape":[1,4],"datatype":"FP32","data":[1,2,3]`), in(`"shape":[1,4],"datatype":"FP32","data":[1,2,3,4,5]`), in(`"shape":[1,4],"datatype":"FP32","data":[[1,2],[3,4]]`),
		in(`"shape":[1,4],"datatype":"FP32","data":[1,2,3,1e39]`), in(`"shape":[1,4],"datatype":"FP32","data":[1,2,3,-1e400]`), in(`"shape":[1,4],"datatype":"FP32","data":[1,2,3,NaN]`), in(`"shape":[1,4],"datatype":"FP32","data":[1,2,3,"4"]`),
		in(`"shape":[1,4],"datatype":"INT8","data":[1,2,3,128]`), in(`"shape":[1,4],"datatype":"UINT8","data":[1,2,3,-1]`), in(`"shape":[1,4],"datatype":"INT32","data":[1,2,3,4.0]`),
		in(`"shape":[1,4],"datatype":"FP32"`), in(`"shape":[1,4],"datatype":"FP32","parameters":{"binary_data_size":16}`), in(`"shape":[1,4],"datatype":"FP32","parameters":{"binary_data_size":16},"data":[1,2,3,4]`),
		in(`"shape":[1,4],"datatype":"FP32","parameters":{"shared_memory_region":"r","shared_memory_byte_size":16}`), `{"outputs":[{"name":"label","parameters":{"shared_memory_region":"r"}}]}`,
		`{"outputs":[{"name":"x"}]}`, `{"outputs":[{"name":"label"},{"name":"label"}]}`, `{"parameters":{"timeout":-5}}`, `{"parameters":{"timeout":"5"}}`,
		`{"inputs":[{"name":"input","shape":[1,4],"datatype":"FP32","data":[1,2,3,4]},{"name":"input","shape":[1,4],"datatype":"FP32","data":[1,2,3,4]}]}`, strings.Repeat("[", 10_000), `{"x":` + strings.Repeat("[", 10_000),
	} {
		err := r.ParseV2(s, []byte(body), -1)
		if err == nil {
			t.Errorf("%s is taken", body)
			continue
		}
		checkError(t, err)
		if len(body) > 200 {
			body = body[:10] + "…"
		}
		fmt.Fprintf(&b, "%q\n  %v\n", body, err)
	}
	golden(t, "errors.golden", []byte(b.String()))
}

// Bytes of tensors that are not as long as said.
func TestBinaryErrors(t *testing.T) {
	s := map[string]*protocol.Signature{"FP32": iris(t), "BYTES": houses(t)}
	long := binary.LittleEndian.AppendUint32(nil, 1<<31)
	for _, tt := range []struct {
		datatype, size, bytes string
		extra                 int // to the length of the header
		want                  string
	}{
		{"FP32", "16", strings.Repeat("x", 15), 0, `input "input" has binary_data_size 16, and 15 bytes follow the JSON`},
		{"FP32", "16", strings.Repeat("x", 17), 0, `1 bytes follow the JSON and the tensors that it describes`},
		{"FP32", "12", strings.Repeat("x", 12), 0, `input "input" has binary_data_size 12: its shape of FP32 takes 16`},
		{"FP64", "16", strings.Repeat("x", 16), 0, `input "input" has binary_data_size 16: its shape of FP64 takes 32`},
		{"FP32", "99999999999", "", 0, `binary_data_size is 99999999999: the most is 2147483647`},
		{"FP32", "16", strings.Repeat("x", 16), 1000, `Inference-Header-Content-Length is `},
		{"FP32", "16", strings.Repeat("x", 16), 1, `input "input" has binary_data_size 16, and 15 bytes follow the JSON`},
		{"FP32", "16", strings.Repeat("x", 16), -1, `JSON, byte `},
		{"FP64", "32", strings.Repeat("\xff\xff\xff\xff\xff\xff\xef\x7f", 4), 0, `1.7976931348623157e+308 is beyond float32, whose largest number is 3.4028235e38`},
		{"BYTES", "3", "\x00\x00\x00", 0, `input "input" ends within text 0 of the 3 of its shape`},
		{"BYTES", "12", "\x01\x00\x00\x00a\x04\x00\x00\x00bcd", 0, `input "input" ends within text 1 of the 3 of its shape`},
		{"BYTES", "8", string(long) + "abcd", 0, `input "input" ends within text 0 of the 3 of its shape`},
		{"BYTES", "13", strings.Repeat("\x00", 13), 0, `input "input" has 1 bytes after the 3 texts of its shape`},
	} {
		sig := s["FP32"]
		if tt.datatype == "BYTES" {
			sig = s["BYTES"]
		}
		head := `{"inputs":[{"name":"input","shape":[1,` + strconv.Itoa(sig.Width()) + `],"datatype":"` + tt.datatype + `","parameters":{"binary_data_size":` + tt.size + `}}]}`
		err := (&protocol.Request{}).ParseV2(sig, []byte(head+tt.bytes), len(head)+tt.extra)
		checkError(t, err)
		if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%s %s %q: %v", tt.datatype, tt.size, tt.bytes, err)
		}
	}
}

// A body that is the numbers of the input alone, as Triton's raw binary requests are.
func TestBare(t *testing.T) {
	s, all := iris(t), []byte{}
	for _, x := range []float32{1, -2.5, 3, 4, 5, 6, 7, 8} {
		all = binary.LittleEndian.AppendUint32(all, math.Float32bits(x))
	}
	s.MaxRows = 2
	for n := range 4*len(all) + 1 {
		if got := checkV2(t, s, &protocol.Request{}, slices.Repeat(all, 4)[:n], 0); got != (n == 16 || n == 32) {
			t.Errorf("%d bytes are taken: %t", n, got)
		}
	}
	checkV2(t, houses(t), &protocol.Request{}, all[:12], 0)
	r := &protocol.Request{}
	if err := r.ParseV2(s, all, 0); err != nil {
		t.Fatal(err)
	}
	a := &protocol.Answer{Rows: 2, Outputs: []protocol.Values{{F32: []float32{.25, 0, .75, 1, 0, 0}}, {Classes: []int32{2, 0}}}}
	if out, n := protocol.AppendV2(nil, s, r, a); n < 0 || len(out) != n+24+4+2+4+1 || !json.Valid(out[:n]) {
		t.Errorf("%d of JSON, %q", n, out)
	}
}

// All integers and FP64 in binary are read as encoding/binary reads them.
func TestBinaryTypes(t *testing.T) {
	s, rng := iris(t), rand.New(rand.NewPCG(19, 20))
	for _, tt := range []struct {
		datatype string
		bytes    int
	}{{"FP32", 4}, {"FP64", 8}, {"INT8", 1}, {"INT16", 2}, {"INT32", 4}, {"INT64", 8}, {"UINT8", 1}, {"UINT16", 2}, {"UINT32", 4}, {"UINT64", 8}} {
		head := fmt.Sprintf(`{"inputs":[{"name":"input","shape":[2,4],"datatype":%q,"parameters":{"binary_data_size":%d}}]}`, tt.datatype, 8*tt.bytes)
		for range 200 {
			body := []byte(head)
			for range 8 * tt.bytes {
				body = append(body, byte(rng.Uint32()))
			}
			if tt.datatype == "FP64" {
				for i := range 8 {
					binary.LittleEndian.PutUint64(body[len(head)+8*i:], math.Float64bits(rng.NormFloat64()))
				}
			}
			if !checkV2(t, s, &protocol.Request{}, body, len(head)) {
				t.Fatalf("%q is refused", body)
			}
		}
	}
}

// A request keeps nothing of the one before, whatever that was.
func TestReuse(t *testing.T) {
	shared, rng := &protocol.Request{}, rand.New(rand.NewPCG(21, 22))
	all, tf := []*protocol.Signature{iris(t), houses(t), points(t)}, tfBodies()
	for range 20_000 {
		s := all[rng.IntN(3)]
		switch rng.IntN(4) {
		case 0:
			checkV2(t, s, shared, []byte(v2Body(rng)), -1)
		case 1:
			checkRows(t, s, shared, protocol.Native, []byte(rowBodies[rng.IntN(len(rowBodies))]))
		case 2:
			checkRows(t, s, shared, []protocol.Form{protocol.Rows, protocol.Classify}[rng.IntN(2)], []byte(tf[rng.IntN(len(tf))]))
		default:
			body, header := v2Binary()
			err := shared.ParseV2(s, body, header)
			w := parseV2(s, body, header)
			agree(t, s, shared, err, w)
		}
	}
}

// A shape asks for no memory that its data does not need.
func TestMemory(t *testing.T) {
	s := iris(t)
	body := []byte(`{"inputs":[{"name":"input","shape":[1000000,4],"datatype":"FP32","data":[1,2,3]}]}`)
	if bytes := allocs.Bytes(func() {
		if (&protocol.Request{}).ParseV2(s, body, -1) == nil {
			t.Error("taken")
		}
	}); bytes > 64<<10 {
		t.Errorf("%d bytes", bytes)
	}
}
