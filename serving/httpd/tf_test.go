package httpd_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"scalar/serving/httpd"
)

// document reads an answer of status 200 as JSON.
func document[T any](tb testing.TB, text string) (v T) {
	tb.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		tb.Fatalf("%v: %s", err, text)
	}
	return v
}

// The forms that TensorFlow Serving's REST documents, against what :predict says of the same rows.
func TestTensorFlow(t *testing.T) {
	r := start(t, httpd.Config{})
	type predictions struct{ Predictions [][]float64 }
	type regression struct{ Result []float64 }
	rows := document[predictions](t, r.post("/v1/models/houses:predict", `{"signature_name":"serving_default","instances":[[50,2,"north"],[120,5,"south"]]}`)).Predictions
	for _, body := range []string{
		`{"examples":[{"size":50,"rooms":2,"district":"north"},{"size":120,"rooms":5,"district":"south"}]}`,
		`{"signature_name":"serving_default","examples":[{"size":[50],"rooms":[2],"district":["north"]},{"district":"south","size":120,"rooms":5}]}`,
	} {
		got := document[regression](t, r.post("/v1/models/houses/versions/1:regress", body)).Result
		if len(got) != 2 || got[0] != rows[0][0] || got[1] != rows[1][0] {
			t.Errorf("%s: %v, want %v", body, got, rows)
		}
	}
	north := document[predictions](t, r.post("/v1/models/houses:predict", `{"instances":[[50,2,"north"],[50,7,"north"]]}`)).Predictions
	for _, body := range []string{
		`{"context":{"size":50,"district":["north"]},"examples":[{"rooms":2},{"rooms":[7]}]}`,
		`{"examples":[{"rooms":2},{"rooms":[7]}],"context":{"district":"north","size":[50]}}`,
	} {
		got := document[regression](t, r.post("/v1/models/houses:regress", body)).Result
		if len(got) != 2 || got[0] != north[0][0] || got[1] != north[1][0] {
			t.Errorf("%s: %v, want %v", body, got, north)
		}
	}

	digits := "[1" + strings.Repeat(",0.5", 63) + "]"
	type outputs struct {
		Outputs struct {
			Probabilities [][]float64
			Label         [][]string
		}
	}
	want := document[outputs](t, r.post("/v1/models/digits:predict", `{"inputs":{"input":[`+digits+","+digits+`]}}`)).Outputs
	got := document[struct{ Result [][][2]any }](t, r.post("/v1/models/digits:classify", `{"examples":[{"input":`+digits+`},`+digits+`]}`)).Result
	if len(got) != 2 || len(got[0]) != len(want.Probabilities[0]) {
		t.Fatalf("%v", got)
	}
	best := 0
	for i, pair := range got[1] {
		if pair[1] != want.Probabilities[1][i] {
			t.Errorf("class %d: %v, want %v", i, pair, want.Probabilities[1][i])
		}
		if pair[1].(float64) > got[1][best][1].(float64) {
			best = i
		}
	}
	if got[1][best][0] != want.Label[1][0] {
		t.Errorf("the largest score is of %v, and the label %v", got[1][best][0], want.Label)
	}

	same(t, r.get("/v1/models/houses/versions/1"), `{"model_version_status":[{"version":"1","state":"AVAILABLE","status":{"error_code":"OK","error_message":""}}]}`)
	meta := document[map[string]any](t, r.get("/v1/models/houses/versions/1/metadata"))
	if spec, ok := meta["model_spec"].(map[string]any); !ok || spec["name"] != "houses" || spec["version"] != "1" {
		t.Errorf("%v", meta)
	}
}

// Models of another kind, and examples that are wrong, get a line that says so.
func TestTensorFlowWrong(t *testing.T) {
	r := start(t, httpd.Config{})
	for _, tt := range []struct{ path, body, text string }{
		{"points:classify", `{"examples":[{"input":[1,2]}]}`, `model "points" has no classes: ask it by :predict`},
		{"houses:classify", `{"examples":[{"input":[1,2]}]}`, `model "houses" has no classes: ask it by :predict or :regress`},
		{"points:regress", `{"examples":[{"input":[1,2]}]}`, `model "points" is no regression: ask it by :predict`},
		{"digits:regress", `{"examples":[{"input":[1,2]}]}`, `model "digits" is no regression: ask it by :predict or :classify`},
		{"houses:regress", `{}`, "the request has no examples"},
		{"houses:regress", `{"examples":[]}`, "there are no rows"},
		{"houses:regress", `{"instances":[[1,2,"a"]]}`, "the request has no examples"},
		{"houses:regress", `{"context":{"size":1},"examples":[{"size":2,"rooms":3,"district":"north"}]}`, `the column "size" is in the context, and in it or an example again`},
		{"houses:regress", `{"context":{"size":1},"examples":[[1,2,"north"]]}`, "an object, since there is a context"},
		{"houses:regress", `{"context":{"colour":1},"examples":[{}]}`, `no column "colour"`},
		{"houses:regress", `{"context":[],"examples":[{}]}`, "an object"},
		{"houses:regress", `{"context":{"size":1},"examples":[{"rooms":1}]}`, `lacks the columns "district"`},
		{"houses:regress", `{"examples":[{"size":[1,2],"rooms":1,"district":"north"}]}`, "]"},
		{"houses:regress", `{"signature_name":"other","examples":[{}]}`, `no signature "other"`},
		{"digits:classify", `{"context":{"a":1},"examples":[{}]}`, `no column "a"`},
		{"points:predict", `{"instances":[[{"b64":"eA=="},2]]}`, `input "input" is of numbers (FP32): send an array of them, and no {"b64": …}`},
		{"digits:predict", `{"instances":[{"b64":"iVBORw0KGgo="}]}`, `input "input" is of numbers (FP32): send an array of them, and no {"b64": …}`},
		{"houses:predict", `{"instances":[[1,2,{"b64":"n-rth"}]]}`, `the text "n-rth" of "b64" is no base64`},
		{"houses:predict", `{"instances":[{"b64":"bm9ydGg="}]}`, `a row is {"b64": …}, one text: want 3 values`},
		{"houses:predict", `{"examples":[{}]}`, "neither instances nor inputs"},
	} {
		if m := bad(t, r.do(http.MethodPost, "/v1/models/"+tt.path, []byte(tt.body)), http.StatusBadRequest); !strings.Contains(m, tt.text) {
			t.Errorf("%s %s: %s, want %s", tt.path, tt.body, m, tt.text)
		}
	}
	bad(t, r.do(http.MethodPost, "/v1/models/none:regress", []byte(`{}`)), http.StatusNotFound)
	bad(t, r.do(http.MethodPost, "/v1/models/houses/versions/9:regress", []byte(`{}`)), http.StatusNotFound)
	bad(t, r.do(http.MethodGet, "/v1/models/houses:regress", nil), http.StatusMethodNotAllowed)
}
