package master_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"scalar/bsp/job"
	"scalar/master"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/goccy/go-yaml"
)

func loadDescription(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(master.OpenAPI())
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestDescriptionIsValid(t *testing.T) {
	t.Parallel()
	doc := loadDescription(t)
	if err := doc.Validate(t.Context()); err != nil {
		t.Error(err)
	}
	var plain map[string]any
	if err := yaml.UnmarshalWithOptions(master.OpenAPI(), &plain, yaml.Strict()); err != nil {
		t.Errorf("a second reader: %v", err)
	}
	if plain["openapi"] != "3.1.0" {
		t.Errorf("version %v", plain["openapi"])
	}
}

func TestDescriptionMatchesRoutes(t *testing.T) {
	t.Parallel()
	described := map[string]*openapi3.Operation{}
	ids := map[string]bool{}
	for path, item := range loadDescription(t).Paths.Map() {
		for method, op := range item.Operations() {
			described[method+" "+path] = op
			if op.OperationID == "" || ids[op.OperationID] {
				t.Errorf("%s %s: operation id %q", method, path, op.OperationID)
			}
			ids[op.OperationID] = true
			for _, name := range strings.FieldsFunc(path, func(r rune) bool { return r == '/' }) {
				if name, ok := strings.CutPrefix(name, "{"); ok && !hasParameter(item.Parameters, strings.TrimSuffix(name, "}")) {
					t.Errorf("%s: parameter %s is not described", path, name)
				}
			}
		}
	}
	for _, rt := range master.Routes() {
		name := rt.Method + " " + rt.Path
		op := described[name]
		delete(described, name)
		switch {
		case op == nil:
			t.Errorf("%s is not described", name)
		case rt.Role == "" && (op.Security == nil || len(*op.Security) > 0):
			t.Errorf("%s needs no token, and the description says so not", name)
		case rt.Role != "" && (op.Security != nil || !strings.Contains(op.Summary, "Needs role "+string(rt.Role))):
			t.Errorf("%s needs role %s, and the description says %q", name, rt.Role, op.Summary)
		case rt.Role != "" && op.Responses.Value("401") == nil:
			t.Errorf("%s: no 401", name)
		}
	}
	for name := range described {
		t.Errorf("%s is described and not there", name)
	}
}

func hasParameter(list openapi3.Parameters, name string) bool {
	return slices.ContainsFunc(list, func(p *openapi3.ParameterRef) bool { return p.Value.Name == name && p.Value.In == "path" })
}

// TestDescriptionHasEveryField compares the schemas with the Go types, both ways.
func TestDescriptionHasEveryField(t *testing.T) {
	t.Parallel()
	types := map[string]any{
		"Spec": job.Spec{}, "Program": job.Program{}, "File": job.File{}, "Info": job.Info{}, "Seconds": job.Seconds{},
		"Failure": job.Failure{}, "Placed": job.Placed{}, "Slow": job.Slow{}, "Range": job.Range{}, "Why": job.Why{}, "Reason": job.Reason{},
		"Node": job.Node{}, "Token": job.Token{},
	}
	maps.Copy(types, master.Bodies)
	schemas := loadDescription(t).Components.Schemas
	for name, schema := range schemas {
		v, ok := types[name]
		if !ok {
			if schema.Value.Enum == nil {
				t.Errorf("schema %s has no type", name)
			}
			continue
		}
		fields, required := map[string]bool{}, map[string]bool{}
		typ := reflect.TypeOf(v)
		for field := range typ.Fields() {
			tag, options, _ := strings.Cut(field.Tag.Get("json"), ",")
			if tag == "" {
				continue
			}
			fields[tag] = true
			required[tag] = !strings.Contains(options, "omit")
			if schema.Value.Properties[tag] == nil {
				t.Errorf("schema %s lacks %s", name, tag)
			}
		}
		for property := range schema.Value.Properties {
			if !fields[property] {
				t.Errorf("schema %s has %s, the type has not", name, property)
			}
		}
		if name == "Spec" || name == "Program" || name == "File" || name == "NewToken" {
			continue // what people send may leave things out
		}
		for field, is := range required {
			if is != slices.Contains(schema.Value.Required, field) {
				t.Errorf("schema %s: %s is always there: %v, required: %v", name, field, is, !is)
			}
		}
	}
	for name := range types {
		if schemas[name] == nil {
			t.Errorf("no schema %s", name)
		}
	}
}

// TestAnswersFitTheDescription checks what a master really answers.
func TestAnswersFitTheDescription(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 1)
	n := c.nodes[0]
	id := string(c.submit(t, n, "described", ""))
	doc := loadDescription(t)
	for _, call := range []struct{ method, path, route string }{
		{"GET", "/v1/jobs", "/v1/jobs"},
		{"GET", "/v1/jobs/" + id, "/v1/jobs/{id}"},
		{"GET", "/v1/jobs/" + id + "/why", "/v1/jobs/{id}/why"},
		{"GET", "/v1/jobs/" + id + "/plan", "/v1/jobs/{id}/plan"},
		{"GET", "/v1/jobs/none-9", "/v1/jobs/{id}"},
		{"GET", "/v1/nodes", "/v1/nodes"},
		{"GET", "/v1/tokens", "/v1/tokens"},
		{"GET", "/v1/status", "/v1/status"},
		{"POST", "/v1/jobs", "/v1/jobs"},
		{"POST", "/v1/jobs/" + id + "/stop", "/v1/jobs/{id}/stop"},
	} {
		resp := c.do(t, n, request{method: call.method, path: call.path})
		op := doc.Paths.Value(call.route).GetOperation(call.method)
		want := op.Responses.Status(resp.status)
		if want == nil {
			t.Errorf("%s %s answers %d, which is not described", call.method, call.path, resp.status)
			continue
		}
		var v any
		if err := json.Unmarshal(resp.body, &v); err != nil {
			t.Errorf("%s %s: %v", call.method, call.path, err)
			continue
		}
		if err := want.Value.Content["application/json"].Schema.Value.VisitJSON(v); err != nil {
			t.Errorf("%s %s answers %s: %v", call.method, call.path, resp.body, err)
		}
	}
	if resp := c.do(t, n, request{method: http.MethodGet, path: "/v1/openapi.yaml", token: "-"}); string(resp.body) != string(master.OpenAPI()) {
		t.Error("the description is not served as it is")
	}
}
