package httpd_test

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"scalar/internal/pki"
	"scalar/serving/host"
	"scalar/serving/httpd"
)

// certificate makes one for localhost.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	now := time.Now()
	ca, err := pki.NewCA("test", time.Hour, now)
	if err != nil {
		t.Fatal(err)
	}
	p, err := ca.Issue(pki.Request{Role: "serve", Name: "serve", DNS: []string{"localhost"}, IPs: []net.IP{net.IPv4(127, 0, 0, 1)}, Life: time.Hour, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	cert, err := tls.X509KeyPair(p.Cert, p.Key)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca.CertPEM())
	return cert, pool
}

func key(token, namespace string, admin bool) httpd.Key {
	sum := sha256.Sum256([]byte(token))
	return httpd.Key{SHA256: hex.EncodeToString(sum[:]), Namespace: namespace, Admin: admin}
}

// The token decides who may use what. Probes need none.
func TestTokens(t *testing.T) {
	for _, tls13 := range []bool{false, true} {
		c := httpd.Config{
			Host: hosted(t, host.Config{Models: map[string]host.ModelConfig{"points": {Namespaces: []string{"a"}}}}),
			Keys: []httpd.Key{key("one", "a", false), key("two", "b", false), key("three", "a", true), key("other", "b", true)},
		}
		if !tls13 {
			checkTokens(t, start(t, c))
			continue
		}
		cert, pool := certificate(t)
		c.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS13}
		r := listen(t, c)
		r.url = strings.Replace(r.url, "http:", "https:", 1)
		r.client.Transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
		checkTokens(t, r)
		old := tls.Dialer{Config: &tls.Config{RootCAs: pool, MaxVersion: tls.VersionTLS12}}
		if _, err := old.DialContext(t.Context(), "tcp", strings.TrimPrefix(r.url, "https://")); err == nil {
			t.Error("TLS 1.2 is taken")
		}
	}
}

func checkTokens(t *testing.T, r *running) {
	t.Helper()
	const infer, one, two, three = "/v2/models/points/infer", "Bearer one", "Bearer two", "Bearer three"
	for _, tt := range []struct {
		method, path, token string
		status              int
	}{
		{"POST", infer, one, 200},
		{"POST", infer, "bearer  one ", 200},
		{"POST", infer, two, 403},
		{"POST", infer, "", 401},
		{"POST", infer, "Bearer four", 401},
		{"POST", infer, "Basic one", 401},
		{"POST", infer, "Bearer ", 401},
		{"POST", infer, "Bearer " + strings.Repeat("x", 300), 401},
		{"GET", "/v2", "", 401},
		{"GET", "/metrics", "", 401},
		{"GET", "/metrics", one, 403},
		{"GET", "/metrics", three, 200},
		{"GET", "/v2/health/ready", "", 200},
		{"GET", "/v2/health/live", "Bearer four", 200},
		{"GET", "/v2/models/points", two, 403},
		{"GET", "/v2/models/digits", two, 200},
		{"GET", "/v1/models/points", two, 403},
		{"GET", "/v1/models/points/metadata", two, 403},
		{"POST", "/predict/points", two, 403},
		{"POST", "/v1/models/points:predict", two, 403},
		{"POST", "/v2/repository/models/points/load", one, 403},
		{"POST", "/v2/repository/models/points/unload", two, 403},
		{"POST", "/v2/repository/models/points/load", three, 200},
		{"POST", "/v2/repository/models/points/load", "Bearer other", 200},
		{"POST", infer, "Bearer other", 403},
		{"GET", "/v2/models/none", "", 401},
		{"GET", "/v2/models/none", one, 404},
	} {
		body := twoPoints
		if strings.HasSuffix(tt.path, "load") {
			body = ""
		}
		header := []string{"Authorization", tt.token}
		if tt.token == "" {
			header = nil
		}
		a := r.do(tt.method, tt.path, []byte(body), header...)
		if a.status != tt.status {
			t.Errorf("%s %s with %q: %d, want %d", tt.method, tt.path, tt.token, a.status, tt.status)
		}
		if tt.status >= 400 {
			bad(t, a, tt.status)
		}
		if (a.status == 401) != (a.header.Get("WWW-Authenticate") == "Bearer") {
			t.Errorf("%s %s: status %d with %v", tt.method, tt.path, a.status, a.header)
		}
	}
	if text := r.good(r.do("POST", "/v2/repository/index", nil, "Authorization", two)); strings.Contains(text, "points") {
		t.Errorf("another namespace's model is listed: %s", text)
	}
}

// Keys that are none are refused at the start.
func TestKeys(t *testing.T) {
	good := key("one", "a", false)
	for want, keys := range map[string][]httpd.Key{
		"key 1: sha256":                       {{SHA256: "one", Namespace: "a"}},
		"key 2: sha256":                       {good, {SHA256: strings.Repeat("zz", 32), Namespace: "a"}},
		"key 1: the namespace":                {{SHA256: good.SHA256, Namespace: "a b"}},
		"key 2: its token is that of another": {good, {SHA256: good.SHA256, Namespace: "b"}},
	} {
		if _, err := httpd.New(httpd.Config{Host: hosted(t, host.Config{}), Keys: keys}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
