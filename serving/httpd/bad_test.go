package httpd_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"scalar/serving/httpd"
)

func logger(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }

// What is wrong with a request gets its status and one line, and nothing is logged as an error of the server.
func TestBadRequests(t *testing.T) { //nolint:revive // a table
	var log bytes.Buffer
	r := start(t, httpd.Config{Log: logger(&log)})
	in := func(rest string) string { return `{"inputs":[{"name":"input",` + rest + `}]}` }
	const infer, post, get = "/v2/models/points/infer", http.MethodPost, http.MethodGet
	for _, tt := range []struct {
		method, path, body string
		header             []string
		status             int
	}{
		{get, "/", "", nil, 404},
		{get, "/v3", "", nil, 404},
		{get, "/v2/models", "", nil, 404},
		{get, "/v2/models/", "", nil, 404},
		{get, "/v2/models/points/versions", "", nil, 404},
		{get, "/v2/models/points/more", "", nil, 404},
		{get, "/v2/models/points/ready/more", "", nil, 404},
		{get, "/v2/health", "", nil, 404},
		{get, "/v2/health/live/x", "", nil, 404},
		{post, "/v1/models/points:explain", `{}`, nil, 404},
		{post, "/v1/models/points:regress", `{}`, nil, 400},
		{get, "/v1/models/points/versions/1/x", "", nil, 404},
		{get, "/v1/models/", "", nil, 404},
		{post, "/v1/models/:predict", `{}`, nil, 404},
		{post, "/predict/", "[]", nil, 404},
		{get, "/v2/models/none", "", nil, 404},
		{get, "/v2/models/none/ready", "", nil, 404},
		{get, "/v2/models/points/versions/2", "", nil, 404},
		{get, "/v1/models/none", "", nil, 404},
		{get, "/v1/models/points/versions/7", "", nil, 404},
		{post, "/v2/models/none/infer", twoPoints, nil, 404},
		{post, "/v2/models/points/versions/2/infer", twoPoints, nil, 404},
		{post, "/v2/models/" + strings.Repeat("x", 5000) + "/infer", twoPoints, nil, 404},
		{get, infer, "", nil, 405},
		{http.MethodPut, infer, twoPoints, nil, 405},
		{http.MethodDelete, "/v2/models/points", "", nil, 405},
		{post, "/v2/health/live", "", nil, 405},
		{get, "/v2/repository/index", "", nil, 405},
		{post, infer, "", nil, 400},
		{post, infer, "{", nil, 400},
		{post, infer, "[]", nil, 400},
		{post, infer, `{"a":1,"a":2}`, nil, 400},
		{post, infer, strings.Repeat("[", 10_000), nil, 400},
		{post, infer, strings.Repeat("x", 100_000), nil, 400},
		{post, infer, "\x00\xff", nil, 400},
		{post, infer, in(`"shape":[1,2],"datatype":"FP32","data":[1,NaN]`), nil, 400},
		{post, infer, in(`"shape":[1,2],"datatype":"FP32","data":[1,1e39]`), nil, 400},
		{post, infer, in(`"shape":[1,2],"datatype":"FP32","data":[1,1e400]`), nil, 400},
		{post, infer, in(`"shape":[-1,2],"datatype":"FP32","data":[]`), nil, 400},
		{post, infer, in(`"shape":[0,2],"datatype":"FP32","data":[]`), nil, 400},
		{post, infer, in(`"shape":[1.5,2],"datatype":"FP32","data":[]`), nil, 400},
		{post, infer, in(`"shape":[9223372036854775807,2],"datatype":"FP32","data":[1]`), nil, 400},
		{post, infer, in(`"shape":[1,3],"datatype":"FP32","data":[1,2,3]`), nil, 400},
		{post, infer, twoPoints, []string{"Inference-Header-Content-Length", "5"}, 400},
		{post, infer, twoPoints, []string{"Inference-Header-Content-Length", "5000"}, 400},
		{post, infer, twoPoints, []string{"Inference-Header-Content-Length", "-1"}, 400},
		{post, infer, twoPoints, []string{"Inference-Header-Content-Length", "1e2"}, 400},
		{post, infer, twoPoints, []string{"Inference-Header-Content-Length", "99999999999999999999"}, 400},
		{post, infer, twoPoints, []string{"Content-Type", "text/plain"}, 415},
		{post, infer, twoPoints, []string{"Content-Type", "application/xml"}, 415},
		{post, infer, twoPoints, []string{"Content-Type", "multipart/form-data; boundary=x"}, 415},
		{post, infer, twoPoints, []string{"Content-Encoding", "br"}, 415},
		{post, infer, twoPoints, []string{"Content-Encoding", "gzip, gzip"}, 415},
		{post, infer, twoPoints, []string{"Content-Encoding", "gzip"}, 400},
		{post, infer, twoPoints, []string{"Content-Encoding", "deflate"}, 400},
		{post, infer, twoPoints, []string{"Content-Encoding", "zstd"}, 400},
		{post, "/v1/models/points:predict", `{"instances":[]}`, nil, 400},
		{post, "/v1/models/points:classify", `{"examples":[[1,2]]}`, nil, 400},
		{post, "/v1/models/points/versions/1/labels/a:predict", `{"instances":[[1,2]]}`, nil, 404},
		{post, "/predict/points", "[1]", nil, 400},
		{post, "/predict/points", "1,2\n", []string{"Content-Type", "application/pdf"}, 415},
		{post, "/predict/houses", `{"size":1,"colour":2}`, nil, 400},
	} {
		a := r.do(tt.method, tt.path, []byte(tt.body), tt.header...)
		body := tt.body[:min(len(tt.body), 80)]
		if a.status != tt.status {
			t.Errorf("%s %.80s %q %v:", tt.method, tt.path, body, tt.header)
		}
		bad(t, a, tt.status)
		if a.status == 405 && a.header.Get("Allow") == "" {
			t.Errorf("%s %s: 405 without Allow", tt.method, tt.path)
		}
	}
	r.post(infer, twoPoints)
	if strings.Contains(log.String(), "level=ERROR") {
		t.Errorf("the log has %s", log.String())
	}
}
