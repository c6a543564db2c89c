package httpd_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"scalar/serving/cache"
	"scalar/serving/httpd"
	"scalar/serving/limit"
)

// TestQuota checks that a tenant over its quota is refused, when it may come back, and that others are not.
func TestQuota(t *testing.T) {
	r := start(t, httpd.Config{
		Keys:   []httpd.Key{key("a", "slow", false), key("b", "other", true)},
		Quotas: map[string]limit.Quota{"slow": {Requests: 0.01, Burst: 2}},
	})
	r.header.Set("Authorization", "Bearer a")
	const row = `[1, 2]`
	for range 2 {
		r.post("/predict/points", row)
	}
	a := r.do(http.MethodPost, "/predict/points", []byte(row))
	if message := bad(t, a, http.StatusTooManyRequests); !strings.Contains(message, "namespace slow has used up its quota of requests") {
		t.Errorf("the message is %q", message)
	}
	if after := a.header.Get("Retry-After"); after != "100" && after != "99" {
		t.Errorf("Retry-After: %q, want some 100 s", after)
	}
	r.get("/v2/models/points") // no prediction
	r.header.Set("Authorization", "Bearer b")
	for range 5 {
		r.post("/predict/points", row)
	}
	if page := r.get("/metrics"); !strings.Contains(page, "\nbsp_serve_quota_refusals_total 1\n") {
		t.Error("the refusal is not counted")
	}
	if _, err := httpd.New(httpd.Config{Host: r.host, Quotas: map[string]limit.Quota{"x": {Requests: -1}}}); err == nil {
		t.Error("a quota below 0 was taken")
	}
}

// TestCache checks that answers are kept by what was asked, not by how: ids and forms are a request's own.
func TestCache(t *testing.T) {
	r := start(t, httpd.Config{Caches: map[string]cache.Config{"points": {MaxBytes: 1 << 20}, "digits": {}}})
	body := func(id string) string {
		return `{"id": "` + id + `", "inputs": [{"name": "input", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]}]}`
	}
	first := r.post("/v2/models/points/infer", body("one"))
	second := r.post("/v2/models/points/infer", body("two"))
	if !strings.Contains(first, `"one"`) || strings.Replace(first, `"one"`, `"two"`, 1) != second {
		t.Errorf("the answers are %s and %s", first, second)
	}
	r.post("/v1/models/points:predict", `{"instances": [[1e0, 2.0]]}`)
	r.post("/predict/points", `[1, 3]`)
	page := r.get("/metrics")
	for _, want := range []string{
		`bsp_serve_cache_requests_total{model="points",source="hit"} 2`,
		`bsp_serve_cache_requests_total{model="points",source="computed"} 2`,
		`bsp_serve_cache_entries{model="points"} 2`,
	} {
		if !strings.Contains(page, "\n"+want+"\n") {
			t.Errorf("the metrics have no %s", want)
		}
	}
	if strings.Contains(page, `cache_entries{model="digits"}`) {
		t.Error("a model without a cache has metrics of one")
	}
	bad(t, r.do(http.MethodPost, "/predict/points", []byte(`[1e39, 3]`)), http.StatusBadRequest)
	if _, err := httpd.New(httpd.Config{Host: r.host, Caches: map[string]cache.Config{"x": {MaxBytes: -1}}}); err == nil {
		t.Error("a cache below 0 was taken")
	}
}

// TestCachedBodies asks the same bytes again and again: each answer is the first one's, of the model and the namespace that are
// asked, in the form that is asked for.
func TestCachedBodies(t *testing.T) {
	r := start(t, httpd.Config{
		Keys: []httpd.Key{key("one", "a", true), key("two", "b", false)}, Caches: map[string]cache.Config{"points": {MaxBytes: 1 << 20}},
	})
	plain := start(t, httpd.Config{Host: r.host})
	body := `{"id": "one", "inputs": [{"name": "input", "datatype": "FP32", "shape": [1, 2], "data": [1, 2]}]`
	asks := []struct{ path, kind, body string }{
		{"/v2/models/points/infer", "application/json", body + "}"},
		{"/v2/models/points/infer", "application/json", strings.Replace(body, "one", "two", 1) + "}"},
		{"/v2/models/points/infer", "application/json", body + `, "outputs": [{"name": "distance"}]}`},
		{"/v2/models/points/infer", "application/json", body + `, "outputs": [{"name": "distance", "parameters": {"binary_data": true}}]}`},
		{"/v1/models/points:predict", "application/json", `{"instances": [[1, 2]]}`},
		{"/predict/points", "application/json", `[1, 2]`},
		{"/predict/points", "application/json", `[[1, 2]]`},
		{"/predict/points", "text/csv", "1,2\n"},
	}
	for round := range 4 {
		for _, token := range []string{"one", "two"} {
			for _, a := range asks {
				want := plain.do(http.MethodPost, a.path, []byte(a.body), "Content-Type", a.kind)
				got := r.do(http.MethodPost, a.path, []byte(a.body), "Content-Type", a.kind, "Authorization", "Bearer "+token)
				if want.status != http.StatusOK || got.status != http.StatusOK || !bytes.Equal(got.body, want.body) {
					t.Errorf("round %d, %s of %s: %d %s, want %d %s", round, a.body, token, got.status, got.body, want.status, want.body)
				}
			}
		}
	}
	page := string(r.do(http.MethodGet, "/metrics", nil, "Authorization", "Bearer one").body)
	for _, want := range []string{`requests_total{model="points",source="hit"} 60`, `requests_total{model="points",source="computed"} 4`, `entries{model="points"} 4`} {
		if !strings.Contains(page, "\nbsp_serve_cache_"+want+"\n") {
			t.Errorf("the metrics have no %s", want)
		}
	}
	slow := r.do(http.MethodPost, "/predict/points", []byte(`[1, 2]`), "Content-Type", "application/json", "Authorization", "Bearer one", "X-Request-Timeout-Ms", "soon")
	bad(t, slow, http.StatusBadRequest)
}

// TestRefusedWhileSending checks that who is refused before its body was read reads the answer, on a socket.
func TestRefusedWhileSending(t *testing.T) {
	r := listen(t, httpd.Config{Keys: []httpd.Key{key("a", "a", false)}})
	for name, send := range map[string]func() answer{
		"no token": func() answer { return r.do(http.MethodPost, "/v2/models/points/infer", make([]byte, 8<<20)) },
		"no route": func() answer { return r.do(http.MethodPost, "/v2/nothing", make([]byte, 8<<20)) },
	} {
		for range 5 {
			if a := send(); a.status != http.StatusUnauthorized && a.status != http.StatusNotFound || !bytes.Contains(a.body, []byte(`{"error":`)) {
				t.Errorf("%s: %d %s", name, a.status, a.body)
			}
		}
	}
}
