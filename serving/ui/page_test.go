package ui_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"

	"scalar/internal/allocs"
	"scalar/serving/host"
	"scalar/serving/httpd"
	"scalar/serving/limit"
)

// Those of the golden models.
var goldens = []string{"digits", "houses", "points"}

func allGolden(tb testing.TB) map[string]string {
	tb.Helper()
	all := map[string]string{}
	for _, name := range goldens {
		all[name+"/1"] = golden(tb, name)
	}
	return all
}

// secured serves the golden models to namespaces a and b; points are a's alone. The token "one" is of a, "two" of b, "three" of an
// admin of b.
func secured(t *testing.T) *running {
	t.Helper()
	only := map[string]host.ModelConfig{"points": {Namespaces: []string{"a"}}}
	return listen(t, httpd.Config{
		Host: hosted(t, host.Config{Models: only}, allGolden(t)),
		Keys: []httpd.Key{key("one", "a", false), key("two", "b", false), key("three", "b", true)},
	})
}

// from returns the header of a form that the page itself sends.
func (r *running) from(cookie string) map[string]string {
	return map[string]string{"Origin": r.url, "Content-Type": "application/x-www-form-urlencoded", "Cookie": cookie}
}

// signIn returns the cookie of a session.
func (r *running) signIn(t *testing.T, token string) (cookie string) {
	t.Helper()
	a := r.do(t, http.MethodPost, "/ui/sign-in", url.Values{"token": {token}}.Encode(), r.from(""))
	set := a.header.Get("Set-Cookie")
	if a.status != http.StatusSeeOther || a.header.Get("Location") != "/ui" || set == "" {
		t.Fatalf("sign-in: %d, %v", a.status, a.header)
	}
	cookie, attributes, _ := strings.Cut(set, "; ")
	for _, want := range []string{"HttpOnly", "secure", "SameSite=Strict", "path=/ui", "max-age=43200"} {
		if !strings.Contains(strings.ToLower(attributes), strings.ToLower(want)) {
			t.Errorf("the cookie is %q: it lacks %s", set, want)
		}
	}
	if strings.Contains(set, token) {
		t.Errorf("the cookie has the token: %s", set)
	}
	return cookie
}

// test asks by the form.
func (r *running) test(t *testing.T, cookie, target, rows string) answer {
	t.Helper()
	return r.do(t, http.MethodPost, "/ui/test", url.Values{"target": {target}, "rows": {rows}}.Encode(), r.from(cookie))
}

// Without tokens all is open; the answers have what keeps the page to itself.
func TestOpen(t *testing.T) {
	r := listen(t, httpd.Config{Host: hosted(t, host.Config{}, allGolden(t))})
	for _, at := range []string{"/ui", "/ui/", "/ui/figures", "/ui/targets", "/ui/form?target=points"} {
		a := r.do(t, http.MethodGet, at, "", nil)
		if a.status != http.StatusOK || a.header.Get("Content-Type") != "text/html; charset=utf-8" || a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %v", at, a.status, a.header)
		}
		if p := a.header.Get("Content-Security-Policy"); !strings.Contains(p, "default-src 'none'") || !strings.Contains(p, "frame-ancestors 'none'") || strings.Contains(p, "unsafe") ||
			a.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: the policy is %q, in %v", at, p, a.header)
		}
		if bad := regexp.MustCompile(`<script>|<style| style=| on[a-z]+=|javascript:|//[a-z]`).FindString(a.body); bad != "" {
			t.Errorf("%s has %q", at, bad)
		}
	}
	a := r.test(t, "", "points", "[1,2]")
	if a.status != http.StatusOK || !strings.Contains(a.body, "points, version 1") || !strings.Contains(a.body, "cluster") {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := r.test(t, "", "digits/versions/1", "1,2\n3,4"); a.status != http.StatusBadRequest || !strings.Contains(a.body, `role="alert"`) {
		t.Errorf("%d %s", a.status, a.body)
	}
	for target, want := range map[string]int{"none": 404, "points/versions/7": 404, "points/labels/x": 404, "points/labels/": 200} {
		if a := r.test(t, "", target, "[1,2]"); a.status != want {
			t.Errorf("%s: %d, want %d: %s", target, a.status, want, a.body)
		}
	}
	if a := r.do(t, http.MethodPost, "/ui/sign-in", "token=x", r.from("")); a.status != http.StatusSeeOther {
		t.Errorf("signing in where nobody has to: %d", a.status)
	}
}

// What is not there, methods that are not, and bodies that are none.
func TestRefusals(t *testing.T) {
	r := secured(t)
	cookie := r.signIn(t, "one")
	long := strings.Repeat("x", 5<<10)
	for _, tt := range []struct {
		method, path, body string
		header             map[string]string
		status             int
	}{
		{"GET", "/ui/none", "", nil, 404},
		{"GET", "/ui/assets/0000000000000000/app.js", "", nil, 404},
		{"GET", "/ui/assets/app.js", "", nil, 404},
		{"GET", "/ui/assets/../page.go", "", nil, 404},
		{"POST", "/ui", "", r.from(cookie), 405},
		{"GET", "/ui/test", "", r.from(cookie), 405},
		{"GET", "/ui/sign-in", "", nil, 405},
		{"DELETE", "/ui/sign-out", "", r.from(cookie), 405},
		{"GET", "/ui/figures", "", nil, 401},
		{"GET", "/ui/targets", "", nil, 401},
		{"GET", "/ui/form", "", map[string]string{"Cookie": "bsp_ui=made-up"}, 401},
		{"POST", "/ui/test", "target=points&rows=[1,2]", r.from(""), 401},
		{"POST", "/ui/sign-in", "token=" + long, r.from(""), 413},
		{"POST", "/ui/sign-in", "token=four", r.from(""), 401},
		{"POST", "/ui/sign-in", "", r.from(""), 401},
		{"POST", "/ui/test", `{"rows":[1,2]}`, map[string]string{"Origin": r.url, "Content-Type": "application/json", "Cookie": cookie}, 415},
		{"POST", "/ui/test", "rows=" + strings.Repeat("x", 1<<20), r.from(cookie), 413},
	} {
		if a := r.do(t, tt.method, tt.path, tt.body, tt.header); a.status != tt.status {
			t.Errorf("%s %s: %d, want %d: %.200s", tt.method, tt.path, a.status, tt.status, a.body)
		}
	}
	if a := r.do(t, "GET", "/ui/figures", "", nil); a.header.Get("HX-Refresh") != "true" {
		t.Errorf("a page whose session has ended stays: %v", a.header)
	}
}

// Forms of other sites are refused, with and without a session.
func TestForgery(t *testing.T) {
	r := secured(t)
	cookie := r.signIn(t, "one")
	open := listen(t, httpd.Config{Host: r.host})
	form := "application/x-www-form-urlencoded"
	for what, header := range map[string]map[string]string{
		"another origin":   {"Origin": "https://evil.example"},
		"another port":     {"Origin": "http://127.0.0.1:1"},
		"no origin":        {},
		"none that is one": {"Origin": "null"},
		"an empty one":     {"Origin": "http://"},
		"another site":     {"Origin": r.url, "Sec-Fetch-Site": "cross-site"},
		"another of ours":  {"Origin": r.url, "Sec-Fetch-Site": "same-site"},
	} {
		header["Content-Type"], header["Cookie"] = form, cookie
		for _, path := range []string{"/ui/test", "/ui/sign-in", "/ui/sign-out"} {
			if a := r.do(t, http.MethodPost, path, "token=one&target=points&rows=[1,2]", header); a.status != http.StatusForbidden {
				t.Errorf("%s from %s: %d", path, what, a.status)
			}
		}
		if header["Origin"] == r.url {
			header["Origin"] = open.url
		}
		if a := open.do(t, http.MethodPost, "/ui/test", "target=points&rows=[1,2]", header); a.status != http.StatusForbidden {
			t.Errorf("without tokens, from %s: %d", what, a.status)
		}
	}
	good := r.from(cookie)
	good["Sec-Fetch-Site"] = "same-origin"
	if a := r.do(t, http.MethodPost, "/ui/test", "target=points&rows=[1,2]", good); a.status != http.StatusOK {
		t.Errorf("from the page itself: %d %s", a.status, a.body)
	}
}

// A form of very many fields takes the memory of those that are wanted, and a field is what a browser means by it.
func TestManyFields(t *testing.T) {
	r := listen(t, httpd.Config{Host: hosted(t, host.Config{}, allGolden(t))})
	const wanted = "target=points&x&rows=%5B1%2C+2%5D"
	few := r.do(t, http.MethodPost, "/ui/test", wanted, r.from(""))
	form := strings.Repeat("a&", 400_000) + wanted
	var many answer
	took := allocs.Bytes(func() { many = r.do(t, http.MethodPost, "/ui/test", form, r.from("")) })
	for _, a := range []answer{few, many} {
		if a.status != http.StatusOK || !strings.Contains(a.body, "cluster") {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
	if took > 16<<20 {
		t.Errorf("a form of %d bytes took %d", len(form), took)
	}
}

// A session is for /ui alone, ends with signing out, and sees what its namespace may.
func TestSessions(t *testing.T) {
	r := secured(t)
	one, two := r.signIn(t, "one"), r.signIn(t, "two")
	get := func(cookie, path string) answer {
		return r.do(t, http.MethodGet, path, "", map[string]string{"Cookie": cookie})
	}
	for _, path := range []string{"/v2", "/v2/models/digits", "/metrics"} {
		if a := get(one, path); a.status != http.StatusUnauthorized {
			t.Errorf("%s takes the cookie: %d", path, a.status)
		}
	}
	if a := r.do(t, http.MethodPost, "/predict/points", "[1,2]", map[string]string{"Cookie": one}); a.status != http.StatusUnauthorized {
		t.Errorf("/predict takes the cookie: %d", a.status)
	}
	if a := r.do(t, http.MethodGet, "/ui/figures", "", map[string]string{"Authorization": "Bearer one"}); a.status != http.StatusUnauthorized {
		t.Errorf("a token is taken without a session: %d", a.status)
	}
	for _, path := range []string{"/ui", "/ui/figures", "/ui/targets"} {
		if a := get(one, path); a.status != http.StatusOK || !strings.Contains(a.body, "points") || !strings.Contains(a.body, "digits") {
			t.Errorf("%s for a: %d, without its model", path, a.status)
		}
		if a := get(two, path); a.status != http.StatusOK || strings.Contains(a.body, "points") || !strings.Contains(a.body, "digits") {
			t.Errorf("%s for b: %d, with another's model", path, a.status)
		}
	}
	if a := get(two, "/ui/form?target=points"); !strings.Contains(a.body, "there is no model") {
		t.Errorf("another's model is described: %s", a.body)
	}
	if a := r.test(t, two, "points", "[1,2]"); a.status != http.StatusForbidden {
		t.Errorf("another's model answers: %d", a.status)
	}
	if a := r.do(t, http.MethodPost, "/ui/sign-out", "", r.from(one)); a.status != http.StatusSeeOther || !strings.Contains(a.header.Get("Set-Cookie"), "bsp_ui=;") {
		t.Errorf("sign-out: %d %v", a.status, a.header)
	}
	if a := get(one, "/ui/figures"); a.status != http.StatusUnauthorized {
		t.Errorf("after signing out: %d", a.status)
	}
	if a := get(one, "/ui"); a.status != http.StatusOK || !strings.Contains(a.body, `name="token"`) || strings.Contains(a.body, "digits") {
		t.Errorf("the page after signing out: %d %s", a.status, a.body)
	}
	if a := get(two, "/ui/figures"); a.status != http.StatusOK {
		t.Errorf("another's session has ended too: %d", a.status)
	}
}

// A token that is taken back while the server runs ends its sessions, and one that says something else now says it to them.
func TestRevoked(t *testing.T) {
	r := secured(t)
	one, three := r.signIn(t, "one"), r.signIn(t, "three")
	if err := r.Set(httpd.Settings{Keys: []httpd.Key{key("three", "a", false)}}); err != nil {
		t.Fatal(err)
	}
	if a := r.do(t, http.MethodGet, "/ui/figures", "", map[string]string{"Cookie": one}); a.status != http.StatusUnauthorized {
		t.Errorf("a session without its token: %d", a.status)
	}
	if a := r.do(t, http.MethodGet, "/ui", "", map[string]string{"Cookie": three}); a.status != http.StatusOK || !strings.Contains(a.body, "namespace <b>a</b>") || strings.Contains(a.body, "admin") {
		t.Errorf("a session whose token has changed: %d %s", a.status, a.body)
	}
}

// latency is what a page says of a version's latencies.
func latency(t *testing.T, page, version string) string {
	t.Helper()
	_, row, ok := strings.Cut(page, `data-key="`+version+`"`)
	if !ok {
		t.Fatalf("%s is not in %s", version, page)
	}
	_, row, _ = strings.Cut(row, `data-latency="`)
	row, _, _ = strings.Cut(row, `"`)
	return row
}

// A namespace sees its own figures of a model that others use too; an admin sees all.
func TestFigures(t *testing.T) {
	r := secured(t)
	digits := "[" + strings.Repeat("0,", 63) + "1]"
	for range 3 {
		if a := r.do(t, http.MethodPost, "/predict/digits", digits, map[string]string{"Authorization": "Bearer one"}); a.status != http.StatusOK {
			t.Fatal(a)
		}
	}
	if a := r.do(t, http.MethodPost, "/v2/models/digits/infer", "{", map[string]string{"Authorization": "Bearer one"}); a.status != http.StatusBadRequest {
		t.Fatal(a)
	}
	two := r.signIn(t, "two")
	if a := r.test(t, two, "digits", digits); a.status != http.StatusOK {
		t.Fatal(a)
	}
	for token, want := range map[string]int{"one": 4, "two": 1, "three": 5} {
		page := r.do(t, http.MethodGet, "/ui/figures", "", map[string]string{"Cookie": r.signIn(t, token)})
		sum := 0
		for n := range strings.FieldsSeq(latency(t, page.body, "digits/versions/1")) {
			sum += map[string]int{"0": 0, "1": 1, "2": 2, "3": 3, "4": 4, "5": 5}[n]
		}
		if sum != want {
			t.Errorf("token %s sees %d requests, want %d", token, sum, want)
		}
		if errors := strings.Contains(page.body, "1 by clients"); errors != (token != "two") {
			t.Errorf("token %s sees errors: %t", token, errors)
		}
	}
}

// A test request is counted, and refused by the quota, as any other.
func TestQuota(t *testing.T) {
	r := listen(t, httpd.Config{
		Host: hosted(t, host.Config{}, allGolden(t)), Keys: []httpd.Key{key("one", "a", true)},
		Quotas: map[string]limit.Quota{"a": {Requests: 1e-6, Burst: 2}},
	})
	cookie := r.signIn(t, "one")
	for _, want := range []int{200, 200, 429} {
		if a := r.test(t, cookie, "points", "[1,2]"); a.status != want || want == 429 && !strings.Contains(a.body, "quota") {
			t.Errorf("%d, want %d: %s", a.status, want, a.body)
		}
	}
	if a := r.do(t, http.MethodPost, "/predict/points", "[1,2]", map[string]string{"Authorization": "Bearer one"}); a.status != http.StatusTooManyRequests {
		t.Errorf("/predict has a quota of its own: %d", a.status)
	}
	if a := r.do(t, http.MethodGet, "/ui/figures", "", map[string]string{"Cookie": cookie}); a.status != http.StatusOK || !strings.Contains(a.body, "2 refused") {
		t.Errorf("the page does not tell of refusals: %d %s", a.status, a.body)
	}
	metrics := r.do(t, http.MethodGet, "/metrics", "", map[string]string{"Authorization": "Bearer one"}).body
	if want := `http_requests_total{route="predict",code="429"} 2`; !strings.Contains(metrics, want) && !strings.Contains(metrics, `http_requests_total{code="429",route="predict"} 2`) {
		t.Errorf("the metrics lack %s", want)
	}
}

// The page with all that it loads is small, and browsers keep what does not change.
func TestAssets(t *testing.T) {
	r := listen(t, httpd.Config{Host: hosted(t, host.Config{}, allGolden(t))})
	page := r.do(t, http.MethodGet, "/ui", "", nil)
	all := len(page.body)
	found := regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllStringSubmatch(page.body, -1)
	if len(found) != 6 {
		t.Fatalf("the page loads %q: want 6", found)
	}
	for _, m := range found {
		a := r.do(t, http.MethodGet, m[1], "", nil)
		all += len(a.body)
		sum := sha256.Sum256([]byte(a.body))
		tag := a.header.Get("ETag")
		if a.status != http.StatusOK || !strings.Contains(m[1], hex.EncodeToString(sum[:8])) || !strings.Contains(tag, hex.EncodeToString(sum[:8])) {
			t.Errorf("%s: %d, ETag %s", m[1], a.status, tag)
		}
		if c := a.header.Get("Cache-Control"); c != "public, max-age=31536000, immutable" || a.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", m[1], a.header)
		}
		if want := map[string]string{".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}[path.Ext(m[1])]; a.header.Get("Content-Type") != want {
			t.Errorf("%s is %s", m[1], a.header.Get("Content-Type"))
		}
		if again := r.do(t, http.MethodGet, m[1], "", map[string]string{"If-None-Match": tag}); again.status != http.StatusNotModified || again.body != "" {
			t.Errorf("%s again: %d, %d bytes", m[1], again.status, len(again.body))
		}
		packed := r.do(t, http.MethodGet, m[1], "", map[string]string{"Accept-Encoding": "gzip"})
		if packed.header.Get("Content-Encoding") == "gzip" {
			z, err := gzip.NewReader(strings.NewReader(packed.body))
			if err != nil {
				t.Fatal(err)
			}
			var b bytes.Buffer
			if _, err := b.ReadFrom(z); err != nil || b.String() != a.body {
				t.Errorf("%s is another one when compressed: %v", m[1], err)
			}
		} else if len(a.body) > 2000 {
			t.Errorf("%s is not compressed", m[1])
		}
	}
	if t.Logf("the page and all that it loads: %d bytes", all); all >= 300_000 {
		t.Errorf("the page and all that it loads are %d bytes: want less than 300 kB", all)
	}
}

// What is embedded of others is what assets/fetch got, with its licences.
func TestSums(t *testing.T) {
	sums, err := os.ReadFile("assets/sha256sums")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(sums)) {
		want, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		text, err := os.ReadFile("assets/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(text); hex.EncodeToString(sum[:]) != want {
			t.Errorf("%s is not what was fetched", name)
		}
		n++
	}
	if n != 5 {
		t.Errorf("%d files: want 5", n)
	}
}
