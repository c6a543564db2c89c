package httpd_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"scalar/serving/host"
	"scalar/serving/httpd"
)

// Why a version does not answer is told to its namespace, where the server has its folder only to admins.
func TestReasonPaths(t *testing.T) {
	h := hosted(t, host.Config{Models: map[string]host.ModelConfig{"broken": {Namespaces: []string{"a"}}}})
	folder := filepath.Join(t.TempDir(), "broken")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "model.json"), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, version := range []string{"1", "2"} { // of one nothing is there, and one is no model
		from := folder
		if version == "1" {
			from = filepath.Join(folder, "none")
		}
		if err := h.Load(t.Context(), "broken", version, from); err == nil {
			t.Fatal("it was loaded")
		}
	}
	r := start(t, httpd.Config{Host: h, Keys: []httpd.Key{key("one", "a", true), key("two", "a", false), key("three", "b", false)}})
	index := func(token string) string {
		r.header.Set("Authorization", "Bearer "+token)
		return r.post("/v2/repository/index", "{}") + r.get("/v1/models/digits")
	}
	where := filepath.Dir(folder)
	if all := index("one"); strings.Count(all, where) < 2 {
		t.Errorf("an admin hears %s", all)
	}
	var heard strings.Builder
	heard.WriteString(index("two") + r.get("/v1/models/broken"))
	for _, version := range []string{"1", "2"} {
		a := r.do(http.MethodPost, "/v2/models/broken/versions/"+version+"/infer", []byte("{}"))
		heard.WriteString(bad(t, a, http.StatusServiceUnavailable))
	}
	all := heard.String()
	if strings.Contains(all, where) || strings.Count(all, "broken/1") < 3 || strings.Count(all, "broken/2") < 3 {
		t.Errorf("a namespace hears %s", all)
	}
	if all := index("three"); strings.Contains(all, "broken") {
		t.Errorf("another namespace hears %s", all)
	}
}
