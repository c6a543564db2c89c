package httpd_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"scalar/serving/cache"
	"scalar/serving/host"
	"scalar/serving/httpd"
	"scalar/serving/limit"
)

// Keys, namespaces, quotas and caches change while the server runs; what is wrong changes nothing.
func TestSettings(t *testing.T) {
	r := start(t, httpd.Config{Keys: []httpd.Key{key("one", "a", true), key("two", "b", false)}})
	ask := func(token string) answer {
		t.Helper()
		return r.do(http.MethodPost, "/predict/points", []byte("[1,2]"), "Authorization", "Bearer "+token)
	}
	status := func(token string, want int) {
		t.Helper()
		if a := ask(token); a.status != want {
			t.Errorf("%s: %d, want %d: %s", token, a.status, want, a.body)
		}
	}
	set := func(s httpd.Settings) {
		t.Helper()
		if err := r.Set(s); err != nil {
			t.Fatal(err)
		}
	}
	status("one", 200)
	status("two", 200)
	for _, wrong := range []httpd.Settings{
		{},
		{Keys: []httpd.Key{{SHA256: "x"}}},
		{Keys: []httpd.Key{key("three", "a", true)}, Quotas: map[string]limit.Quota{"a": {Requests: -1}}},
		{Keys: []httpd.Key{key("three", "a", true)}, Caches: map[string]cache.Config{"points": {TTL: -1}}},
	} {
		if err := r.Set(wrong); err == nil {
			t.Errorf("%+v was taken", wrong)
		}
		status("one", 200)
		status("three", 401)
	}
	keys := []httpd.Key{key("one", "a", true), key("three", "c", false)}
	set(httpd.Settings{Keys: keys})
	status("two", 401)
	status("three", 200)
	if err := r.host.SetModels(map[string]host.ModelConfig{"points": {Namespaces: []string{"c"}}}); err != nil {
		t.Fatal(err)
	}
	status("one", 403)
	status("three", 200)
	if err := r.host.SetModels(nil); err != nil {
		t.Fatal(err)
	}
	set(httpd.Settings{Keys: keys, Quotas: map[string]limit.Quota{"c": {Requests: .001, Burst: 1}}})
	status("one", 200)
	status("three", 200)
	status("three", 429)
	set(httpd.Settings{Keys: keys})
	status("three", 200)
	open := start(t, httpd.Config{Host: r.host})
	open.get("/v2/health/live")
	if err := open.Set(httpd.Settings{Keys: keys}); err == nil {
		t.Error("an open server has got keys")
	}
}

// A cache that changes its size keeps what it has; one with another TTL begins anew, and one that is gone is gone.
func TestSettingsCaches(t *testing.T) {
	r := start(t, httpd.Config{Caches: map[string]cache.Config{"points": {MaxBytes: 1 << 20}}})
	hits := func(want string) {
		t.Helper()
		if page := r.get("/metrics"); !strings.Contains(page, `bsp_serve_cache_requests_total{model="points",source="hit"} `+want+"\n") {
			t.Errorf("want %s hits", want)
		}
	}
	ask := func() { r.post("/predict/points", "[1,2]") }
	set := func(c map[string]cache.Config) {
		t.Helper()
		if err := r.Set(httpd.Settings{Caches: c}); err != nil {
			t.Fatal(err)
		}
	}
	ask()
	ask()
	hits("1")
	set(map[string]cache.Config{"points": {MaxBytes: 2 << 20}})
	ask()
	hits("2")
	set(map[string]cache.Config{"points": {MaxBytes: 2 << 20, TTL: time.Hour}})
	ask()
	hits("0")
	ask()
	hits("1")
	set(map[string]cache.Config{"points": {MaxBytes: 1, TTL: time.Hour}})
	if page := r.get("/metrics"); !strings.Contains(page, "\nbsp_serve_cache_entries{model=\"points\"} 0\n") {
		t.Error("a cache of a byte keeps answers")
	}
	set(nil)
	ask()
	if page := r.get("/metrics"); strings.Contains(page, "bsp_serve_cache_entries") {
		t.Error("a cache that is gone has metrics")
	}
}

// A request that has begun ends as it began, whatever changes meanwhile.
func TestSettingsMeanwhile(t *testing.T) {
	r := listen(t, httpd.Config{Keys: []httpd.Key{key("one", "a", false)}})
	conn := dial(t, r)
	head := "POST /predict/points HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer one\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
	if _, err := conn.Write([]byte(head)); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, len("HTTP/1.1 100 Continue\r\n\r\n"))
	if _, err := conn.Read(line); err != nil {
		t.Fatal(err)
	}
	if err := r.Set(httpd.Settings{Keys: []httpd.Key{key("two", "b", false)}}); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte("[1,2]")); err != nil {
		t.Fatal(err)
	}
	if a := receive(t, conn); a.status != 200 && a.status != 401 { // it may have been authenticated, or not yet
		t.Errorf("%d: %s", a.status, a.body)
	}
	if a := raw(t, r, strings.Replace(head, "Expect: 100-continue\r\n", "", 1)+"[1,2]"); a.status != 401 {
		t.Errorf("%d: %s", a.status, a.body)
	}
}

// Admins see and change which versions answer whom, as strictly as the configuration.
func TestRoutingHTTP(t *testing.T) {
	h := hosted(t, host.Config{Models: map[string]host.ModelConfig{"points": {Labels: map[string]string{"old": "1"}, Namespaces: []string{"a"}}}})
	r := start(t, httpd.Config{Host: h, Keys: []httpd.Key{key("one", "a", true), key("two", "a", false), key("three", "b", true)}})
	const path = "/v2/repository/models/points/routing"
	r.header.Set("Authorization", "Bearer one")
	same(t, r.get(path), `{"labels":{"old":"1"},"traffic":{},"shadow":{}}`)
	same(t, r.post(path, `{"labels":{"new":"1"},"traffic":{"new":100}}`), `{"labels":{"new":"1"},"traffic":{"new":100},"shadow":{}}`)
	same(t, r.get(path), `{"labels":{"new":"1"},"traffic":{"new":100},"shadow":{}}`)
	r.post("/v1/models/points/labels/new:predict", `{"instances":[[1,2]]}`)
	bad(t, r.do(http.MethodPost, "/v1/models/points/labels/old:predict", []byte(`{"instances":[[1,2]]}`)), 404)
	for body, text := range map[string]string{
		``:                              "the body is empty",
		`{`:                             "JSON, byte 1",
		`[]`:                            "array where an object should be",
		`{"traffic":{"1":90}}`:          "traffic has 90 % in all: want 100",
		`{"traffic":{"1":"all"}}`:       "traffic: string where a number should be",
		`{"traffic":{"1":1e400}}`:       "the body: ",
		`{"traffic":{"1":100,"1":100}}`: "twice",
		`{"labels":{"a":1}}`:            "labels: number where a text should be",
		`{"label":{"a":"1"}}`:           `unknown field "label"`,
		`{"namespaces":["b"]}`:          `unknown field "namespaces"`,
		`{"traffic":{"none":100}}`:      `"none" is neither a version nor one of the labels`,
		`{"shadow":{"1":-1}}`:           "want 0 to 100",
		`{"labels":{"x":"` + strings.Repeat("1", 2<<20) + `"}}`: "longer than the limit of 1048576 bytes",
		strings.Repeat("[", 10_000):                             "brackets are nested",
		`{"traffic":{"1":100}} {}`:                              "follows the document",
	} {
		status := 400
		if len(body) > 1<<20 {
			status = 413
		}
		if m := bad(t, r.do(http.MethodPost, path, []byte(body)), status); !strings.Contains(m, text) {
			t.Errorf("%.40q: %s, want %s", body, m, text)
		}
	}
	same(t, r.get(path), `{"labels":{"new":"1"},"traffic":{"new":100},"shadow":{}}`)
	same(t, r.post(path, `{}`), `{"labels":{},"traffic":{},"shadow":{}}`)
	bad(t, r.do(http.MethodPost, "/v2/repository/models/none/routing", []byte(`{}`)), 404)
	bad(t, r.do(http.MethodGet, "/v2/repository/models/none/routing", nil), 404)
	if a := r.do(http.MethodPut, path, []byte(`{}`)); a.status != 405 || a.header.Get("Allow") != "GET, HEAD, POST" {
		t.Errorf("%d %v", a.status, a.header)
	}
	bad(t, r.do(http.MethodPost, path, []byte(`{}`), "Authorization", "Bearer two"), 403)
	bad(t, r.do(http.MethodGet, path, nil, "Authorization", "Bearer two"), 403)
	for _, method := range []string{http.MethodPost, http.MethodGet} { // an admin of another namespace
		if a := r.do(method, path, []byte(`{}`), "Authorization", "Bearer three"); a.status != 200 {
			t.Errorf("%s: %d %s", method, a.status, a.body)
		}
	}
	bad(t, r.do(http.MethodGet, path, nil, "Authorization", "Bearer none"), 401)
	bad(t, r.do(http.MethodPost, "/v2/repository/index", []byte(`{"ready":true,"ready":true}`)), 400)
}
