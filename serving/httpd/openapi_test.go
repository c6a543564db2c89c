package httpd_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"scalar/serving/host"
	"scalar/serving/httpd"
)

// TestOpenAPI checks the file against its own specification, that the server has each path of it, and that it answers as is said there.
func TestOpenAPI(t *testing.T) {
	h, loaded := hosted(t, host.Config{Models: map[string]host.ModelConfig{"points": {Labels: map[string]string{"stable": "1"}}}}), true
	r := start(t, httpd.Config{Host: h, Loaded: func() bool { return loaded }})
	doc, err := openapi3.NewLoader().LoadFromData([]byte(r.get("/openapi.yaml")))
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(context.Background()); err != nil {
		t.Fatal(err)
	}
	if n := doc.Paths.Len(); n != 37 {
		t.Errorf("there are %d paths, want 37", n)
	}
	for path, item := range doc.Paths.Map() {
		path = strings.NewReplacer("{model}", "points", "{version}", "1", "{label}", "stable").Replace(path)
		for method, op := range item.Operations() {
			a := r.do(method, path, nil)
			if a.status == http.StatusNotFound || a.status == http.StatusMethodNotAllowed {
				t.Errorf("%s %s: %d %s", method, path, a.status, a.body)
			}
			described(t, op, a)
			if a := r.do(http.MethodPatch, path, nil); a.status != http.StatusMethodNotAllowed {
				t.Errorf("PATCH %s: %d", path, a.status)
			}
		}
	}
	loaded = false
	described(t, doc.Paths.Find("/v2/health/ready").Get, r.do(http.MethodGet, "/v2/health/ready", nil))
}

// described checks an answer against what is said of those of an operation.
func described(t *testing.T, op *openapi3.Operation, a answer) {
	t.Helper()
	of := op.Responses.Status(a.status)
	if of == nil {
		of = op.Responses.Default()
	}
	if of == nil {
		t.Errorf("%s: nothing is said of %d", op.OperationID, a.status)
		return
	}
	kind, _, _ := strings.Cut(a.header.Get("Content-Type"), ";")
	content := of.Value.Content[kind]
	if content == nil || kind != "application/json" {
		if content == nil && len(of.Value.Content) > 0 {
			t.Errorf("%s: %d is of type %s", op.OperationID, a.status, kind)
		}
		return
	}
	var doc any
	if err := json.Unmarshal(a.body, &doc); err != nil {
		t.Errorf("%s: %v: %s", op.OperationID, err, a.body)
	} else if err := content.Schema.Value.VisitJSON(doc); err != nil {
		t.Errorf("%s: %s: %v", op.OperationID, a.body, err)
	}
}
