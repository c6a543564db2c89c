package httpd_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"scalar/serving/host"
	"scalar/serving/httpd"
	"scalar/serving/protocol"
)

const twoPoints = `{"id":"a","inputs":[{"name":"input","shape":[2,2],"datatype":"FP32","data":[1,2,30,40]}]}`

// direct is what the host says of points, without HTTP.
func direct(t *testing.T, r *running, x ...float32) (clusters []int64, distances []float32) {
	t.Helper()
	l, err := r.host.Acquire("default", []byte("points"), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Release()
	a := &protocol.Answer{}
	if err := l.Predict(context.Background(), time.Time{}, &protocol.Request{Rows: len(x) / 2, X: x}, a); err != nil {
		t.Fatal(err)
	}
	return a.Outputs[0].I64, a.Outputs[1].F32
}

// All forms give the host's answer.
func TestForms(t *testing.T) {
	r := start(t, httpd.Config{})
	clusters, distances := direct(t, r, 1, 2, 30, 40)
	short := func(x float32) string {
		text, err := json.Marshal(x)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	tf := fmt.Sprintf(`{"cluster":[%d],"distance":[%s]},{"cluster":[%d],"distance":[%s]}`, clusters[0], short(distances[0]), clusters[1], short(distances[1]))
	rows := fmt.Sprintf(`{"cluster":%d,"distance":%s},{"cluster":%d,"distance":%s}`, clusters[0], short(distances[0]), clusters[1], short(distances[1]))
	v2 := fmt.Sprintf(`{"id":"a","model_name":"points","model_version":"1","outputs":[{"name":"cluster","datatype":"INT64","shape":[2,1],"data":[%d,%d]},{"name":"distance","datatype":"FP32","shape":[2,1],"data":[%s,%s]}]}`,
		clusters[0], clusters[1], short(distances[0]), short(distances[1]))
	same(t, r.post("/v2/models/points/infer", twoPoints), v2)
	same(t, r.post("/v2/models/points/versions/1/infer", twoPoints, "Content-Type", "application/json; charset=utf-8"), v2)
	same(t, r.post("/v1/models/points:predict", `{"instances":[[1,2],[30,40]]}`), `{"predictions":[`+tf+`]}`)
	same(t, r.post("/v1/models/points/versions/1:predict", `{"instances":[[1,2],[30,40]]}`), `{"predictions":[`+tf+`]}`)
	same(t, r.post("/predict/points", `[[1,2],[30,40]]`), `[`+rows+`]`)
	same(t, r.post("/predict/points", "1,2\n30,40\n", "Content-Type", "text/csv"), `[`+rows+`]`)

	a := r.do(http.MethodPost, "/v2/models/points/infer", []byte(twoPoints[:len(twoPoints)-1]+`,"parameters":{"binary_data_output":true}}`))
	n := 0
	if _, err := fmt.Sscan(a.header.Get("Inference-Header-Content-Length"), &n); err != nil || a.status != http.StatusOK {
		t.Fatalf("%v: %d %v", err, a.status, a.header)
	}
	want := binary.LittleEndian.AppendUint64(nil, uint64(clusters[0]))
	want = binary.LittleEndian.AppendUint64(want, uint64(clusters[1]))
	want = binary.LittleEndian.AppendUint32(want, math.Float32bits(distances[0]))
	want = binary.LittleEndian.AppendUint32(want, math.Float32bits(distances[1]))
	if !bytes.Equal(a.body[n:], want) || !json.Valid(a.body[:n]) {
		t.Errorf("%q, want %q", a.body[n:], want)
	}
	head, tail := binaryPoints(1, 2, 30, 40)
	same(t, r.post("/v2/models/points/infer", head+tail, "Inference-Header-Content-Length", strconv.Itoa(len(head))), strings.Replace(v2, `"id":"a",`, "", 1))
	bare := r.do(http.MethodPost, "/v2/models/points/infer", []byte(tail), "Inference-Header-Content-Length", "0", "Content-Type", "application/octet-stream")
	if !bytes.HasSuffix(bare.body, want) || bare.status != http.StatusOK || bare.header.Get("Inference-Header-Content-Length") != strconv.Itoa(len(bare.body)-len(want)) {
		t.Errorf("%d %q", bare.status, bare.body)
	}
	same(t, r.post("/v1/models/houses:predict", `{"instances":[[50,2,"north"]]}`), `{"predictions":[[`+strings.TrimSuffix(strings.TrimPrefix(r.post("/predict/houses", `{"size":50,"rooms":2,"district":"north"}`), `{"prediction":`), "}")+`]]}`)
}

// binaryPoints is a binary body about points.
func binaryPoints(x ...float32) (head, tail string) {
	var b []byte
	for _, v := range x {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return fmt.Sprintf(`{"inputs":[{"name":"input","shape":[%d,2],"datatype":"FP32","parameters":{"binary_data_size":%d}}]}`, len(x)/2, len(b)), string(b)
}

// same compares two documents.
func same(t *testing.T, got, want string) {
	t.Helper()
	var g, w any
	if err := json.Unmarshal([]byte(got), &g); err != nil {
		t.Fatalf("%v: %s", err, got)
	}
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatalf("%v: %s", err, want)
	}
	if fmt.Sprint(g) != fmt.Sprint(w) {
		t.Errorf("\n%s, want\n%s", got, want)
	}
}

// What there is to read about the server and its models.
func TestDescriptions(t *testing.T) {
	r := start(t, httpd.Config{Version: "5"})
	same(t, r.get("/v2"), `{"name":"bsp","version":"5","extensions":["binary_tensor_data","classification","model_repository","model_repository(unload_dependents)"]}`)
	same(t, r.get("/v2/"), r.get("/v2"))
	same(t, r.get("/v2/health/live"), `{"live":true}`)
	same(t, r.get("/v2/health/ready"), `{"ready":true}`)
	same(t, r.get("/v2/models/points/ready"), `{"name":"points","ready":true}`)
	const points = `{"name":"points","versions":["1"],"platform":"scalar_kmeans","inputs":[{"name":"input","datatype":"FP32","shape":[-1,2]}],` +
		`"outputs":[{"name":"cluster","datatype":"INT64","shape":[-1,1]},{"name":"distance","datatype":"FP32","shape":[-1,1]}]}`
	same(t, r.get("/v2/models/points"), points)
	same(t, r.get("/v2/models/points/versions/1"), points)
	same(t, r.get("/v1/models/points"), `{"model_version_status":[{"version":"1","state":"AVAILABLE","status":{"error_code":"OK","error_message":""}}]}`)
	same(t, r.get("/v1/models/points/versions/1"), r.get("/v1/models/points"))
	if err := r.host.Load(t.Context(), "points", "10", golden(t, "points")); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/v2/models/points", "/v2/models/points/versions/1"} { // what can be asked for
		same(t, r.get(path), strings.Replace(points, `["1"]`, `["1","10"]`, 1))
	}
	if text := r.get("/v1/models/points/metadata"); !strings.Contains(text, `"serving_default"`) {
		t.Errorf("metadata: %s", text)
	}
	if a := r.do(http.MethodHead, "/v2/models/points", nil); a.status != http.StatusOK || len(a.body) > 0 {
		t.Errorf("HEAD: %d %q", a.status, a.body)
	}
}

// Labels of the configuration answer too.
func TestLabels(t *testing.T) {
	r := start(t, httpd.Config{Host: hosted(t, host.Config{Models: map[string]host.ModelConfig{"points": {Labels: map[string]string{"stable": "1", "next": "2"}}}})})
	same(t, r.post("/v1/models/points/labels/stable:predict", `{"instances":[[1,2]]}`), r.post("/v1/models/points:predict", `{"instances":[[1,2]]}`))
	same(t, r.get("/v1/models/points/labels/stable"), r.get("/v1/models/points"))
	bad(t, r.do(http.MethodPost, "/v1/models/points/labels/other:predict", []byte(`{"instances":[[1,2]]}`)), http.StatusNotFound)
	bad(t, r.do(http.MethodGet, "/v1/models/points/labels/other", nil), http.StatusNotFound)
	bad(t, r.do(http.MethodGet, "/v1/models/points/labels/next", nil), http.StatusNotFound)
}

// A model is unloaded and loaded again; the others answer meanwhile.
func TestRepository(t *testing.T) {
	r := start(t, httpd.Config{})
	const others = `{"name":"digits","version":"1","state":"READY","reason":""},{"name":"houses","version":"1","state":"READY","reason":""}`
	all := `[` + others + `,{"name":"points","version":"1","state":"READY","reason":""}]`
	same(t, r.post("/v2/repository/index", ""), all)
	r.post("/v2/repository/models/points/unload", `{"parameters":{"unload_dependents":false}}`)
	same(t, r.post("/v2/repository/index", `{"ready":true}`), `[`+others+`]`)
	same(t, r.post("/v2/repository/index", `{}`), `[`+others+`,{"name":"points","version":"1","state":"UNAVAILABLE","reason":"unloaded"}]`)
	a := r.do(http.MethodPost, "/v2/models/points/infer", []byte(twoPoints))
	bad(t, a, http.StatusServiceUnavailable)
	if a.header.Get("Retry-After") == "" {
		t.Error("503 has no Retry-After")
	}
	same(t, r.get("/v1/models/points"), `{"model_version_status":[{"version":"1","state":"END","status":{"error_code":"OK","error_message":"unloaded"}}]}`)
	r.post("/predict/houses", `[50,2,"north"]`)
	if a := r.do(http.MethodPost, "/v2/repository/models/points/load", nil); a.status != http.StatusOK || len(a.body) > 0 || a.header["Content-Type"] != nil {
		t.Errorf("load: %d %v %q", a.status, a.header, a.body)
	}
	same(t, r.post("/v2/repository/index", ""), all)
	r.post("/v2/models/points/infer", twoPoints)
	bad(t, r.do(http.MethodPost, "/v2/repository/models/none/load", nil), http.StatusNotFound)
	bad(t, r.do(http.MethodPost, "/v2/repository/models/none/unload", nil), http.StatusNotFound)
	bad(t, r.do(http.MethodPost, "/v2/repository/models/points/load", []byte(`{"parameters":{"config":"x"}}`)), http.StatusBadRequest)
	bad(t, r.do(http.MethodPost, "/v2/repository/index", []byte(`{`)), http.StatusBadRequest)
}

// The server is ready when all models have been tried, and live before.
func TestReady(t *testing.T) {
	loaded := false
	r := start(t, httpd.Config{Loaded: func() bool { return loaded }})
	a := r.do(http.MethodGet, "/v2/health/ready", nil)
	if a.status != http.StatusServiceUnavailable {
		t.Errorf("ready: %d", a.status)
	}
	same(t, string(a.body), `{"ready":false}`)
	r.get("/v2/health/live")
	loaded = true
	r.get("/v2/health/ready")
}

// Deadlines that cannot be made are 504, by the body or a header.
func TestDeadline(t *testing.T) {
	r := start(t, httpd.Config{})
	late := twoPoints[:len(twoPoints)-1] + `,"parameters":{"timeout":1}}`
	bad(t, r.do(http.MethodPost, "/v2/models/points/infer", []byte(late)), http.StatusGatewayTimeout)
	r.post("/v2/models/points/infer", twoPoints, "X-Request-Timeout-Ms", "10000")
	for _, text := range []string{"0", "-1", "1.5", "x", "9999999999999999999"} {
		bad(t, r.do(http.MethodPost, "/v2/models/points/infer", []byte(twoPoints), "X-Request-Timeout-Ms", text), http.StatusBadRequest)
	}
}

// A request's id comes back; without one there is a new one.
func TestRequestID(t *testing.T) {
	r := start(t, httpd.Config{})
	if id := r.do(http.MethodGet, "/v2", nil, "X-Request-Id", "abc-1").header.Get("X-Request-Id"); id != "abc-1" {
		t.Errorf("id %q", id)
	}
	seen := map[string]bool{}
	for _, given := range []string{"", "a b", strings.Repeat("x", 200), "é"} {
		id := r.do(http.MethodGet, "/v2/none", nil, "X-Request-Id", given).header.Get("X-Request-Id")
		if len(id) != 16 || seen[id] {
			t.Errorf("id %q of %q", id, given)
		}
		seen[id] = true
	}
}

// Requests are counted by what they ask and their status, models by rows.
func TestMetrics(t *testing.T) {
	r := start(t, httpd.Config{})
	for range 3 {
		r.post("/v2/models/points/infer", twoPoints)
	}
	r.do(http.MethodPost, "/v2/models/points/infer", []byte("{"))
	a := r.do(http.MethodGet, "/metrics", nil)
	if !strings.HasPrefix(a.header.Get("Content-Type"), "text/plain; version=0.0.4") {
		t.Errorf("type %q", a.header.Get("Content-Type"))
	}
	for _, line := range []string{
		`http_requests_total{code="200",route="infer"} 3`, `http_requests_total{code="400",route="infer"} 1`, `http_request_duration_seconds_count{route="infer"} 4`,
		`nv_inference_request_success{model="points",version="1"} 3`, `nv_inference_count{model="points",version="1"} 6`, `nv_inference_exec_count{model="points",version="1"} 3`,
		`bsp_serve_model_duration_seconds_count{model="points",version="1"} 4`, `bsp_serve_model_duration_seconds_bucket{model="points",version="1",le="2.5e-05"} `,
		`nv_inference_request_duration_us{model="points",version="1"} `, `go_goroutines `,
	} {
		if !strings.Contains(r.good(a), "\n"+line) {
			t.Errorf("no line %s in\n%s", line, a.body)
		}
	}
}

// A line of JSON for each request, and for what is none.
func TestAccessLog(t *testing.T) {
	var log bytes.Buffer
	t.Run("serve", func(t *testing.T) { // its end writes what is left
		r := listen(t, httpd.Config{Access: &log, BodyTimeout: 200 * time.Millisecond})
		r.post("/predict/points", "[1,2]", "X-Request-Id", "me")
		r.do(http.MethodGet, "/none%0A%22", nil)
		bad(t, raw(t, r, "what is this\r\n\r\n"), http.StatusBadRequest)
		cut := raw(t, r, "POST /predict/points HTTP/1.1\r\nHost: x\r\nX-Request-Id: cut\r\nContent-Length: 5\r\n\r\n[8")
		if bad(t, cut, http.StatusRequestTimeout); cut.header.Get("X-Request-Id") != "cut" {
			t.Errorf("%v", cut.header)
		}
	})
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	if len(lines) != 4 {
		t.Fatalf("%q", lines)
	}
	var first, second, third, last struct {
		ID, Method, Path, Route, Namespace string
		Status                             int
		In                                 int `json:"bytes_in"`
	}
	for i, to := range []any{&first, &second, &third, &last} {
		if err := json.Unmarshal([]byte(lines[i]), to); err != nil {
			t.Fatal(err)
		}
	}
	if first.ID != "me" || first.Method != "POST" || first.Path != "/predict/points" || first.Route != "predict" || first.Namespace != "default" || first.Status != 200 || first.In != 5 {
		t.Errorf("%+v", first)
	}
	if second.Status != 404 || second.Path != "/none\n\"" || second.In != 0 {
		t.Errorf("%+v", second)
	}
	if third.Status != 400 || third.Method != "" || third.Path != "" || len(third.ID) != 16 {
		t.Errorf("%+v", third)
	}
	if last.Status != 408 || last.Method != "POST" || last.Path != "/predict/points" || last.ID != "cut" {
		t.Errorf("%+v", last)
	}
}

// A panic is 500, is logged with its stack, and ends nothing.
func TestPanic(t *testing.T) {
	var log bytes.Buffer
	broken := true
	r := start(t, httpd.Config{Log: logger(&log), Loaded: func() bool {
		if broken {
			panic("boom")
		}
		return true
	}})
	text := bad(t, r.do(http.MethodGet, "/v2/health/ready", nil), http.StatusInternalServerError)
	if strings.Contains(text, "boom") || !strings.Contains(log.String(), "boom") || !strings.Contains(log.String(), "httpd.go") && !strings.Contains(log.String(), "handle.go") {
		t.Errorf("%q, and the log has %s", text, log.String())
	}
	broken = false
	r.get("/v2/health/ready")
}
