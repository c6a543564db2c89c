package main_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// served asks a cluster's prediction server, as whoever has its folder.
type served struct {
	*cluster
	url    string
	client *http.Client
}

func (c *cluster) served() *served {
	c.t.Helper()
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(c.read("ca.pem")) {
		c.t.Fatal("ca.pem has no certificate")
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13}}
	c.t.Cleanup(transport.CloseIdleConnections)
	s := &served{c, strings.TrimSpace(string(c.read("serve.url"))), &http.Client{Transport: transport}}
	if !strings.Contains(c.line, "models at "+s.url+".") {
		c.t.Errorf("%s serves, and it said %q", s.url, c.line)
	}
	return s
}

// read reads a file of the cluster's folder.
func (c *cluster) read(name string) []byte {
	c.t.Helper()
	b, err := os.ReadFile(filepath.Join(c.dir, name))
	if err != nil {
		c.t.Fatal(err)
	}
	return b
}

// ask posts a body; an answer is its status, a blank, and its body, empty if the server is not there.
func (s *served) ask(path, token, body string) string {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	r, err := s.client.Do(req)
	if err != nil {
		return ""
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return ""
	}
	return r.Status[:4] + string(text)
}

// token reads a token.
func (s *served) token(file string) string { return strings.TrimSpace(string(s.read(file))) }

// answers waits until the answer is the wanted one.
func (s *served) answers(path, body, want string) {
	s.t.Helper()
	got, token := "", s.token("serve.token")
	s.eventually(path+" answers "+want, func() bool {
		got = s.ask(path, token, body)
		return got == want
	})
}

// train trains a model of the rows in a file, into the folder that is served.
func (c *cluster) train(points, output, k string) {
	c.t.Helper()
	c.must("job", "submit", "--peers", "2", "--input", points, "--output", filepath.Join(c.dir, "models", output), "kmeans", "--", "--k", k, "--iterations", "5")
}

// fourPoints are two clusters.
const fourPoints = "0,0\n0,1\n9,9\n9,8\n"

// TestDevServes trains models into the folder of a cluster, and asks it about them.
func TestDevServes(t *testing.T) {
	c := startDev(t, "--masters", "1", "--grooms", "1", "--slots", "2")
	s := c.served()
	s.answers("/v2/repository/index", "", "200 []")
	points := writeFile(t, fourPoints)
	const first, second = `200 {"cluster":0,"distance":1.118034}`, `200 {"cluster":0,"distance":4.9497476}`
	c.train(points, "points", "2")
	s.answers("/predict/points", "[8, 8]", first)
	if got := s.ask("/predict/points", "wrong", "[8, 8]"); !strings.HasPrefix(got, "401 ") {
		t.Errorf("with another token: %s", got)
	}
	const unload = "/v2/repository/models/points/unload"
	if got := s.ask(unload, s.token("serve.token"), ""); !strings.HasPrefix(got, "403 ") {
		t.Errorf("unloaded by serve.token: %s", got)
	}
	if got := s.ask(unload, s.token("admin.token"), ""); got != "200 " {
		t.Errorf("unloaded by admin.token: %s", got)
	}
	if err := syscall.Kill(c.daemons()["serve"], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	s.answers("/predict/points", "[8, 8]", first)
	c.train(points, "points/2", "1")
	s.answers("/predict/points", "[8, 8]", second)
	s.answers("/predict/points/versions/1", "[8, 8]", first)
	if _, stderr, code := c.bsp("job", "submit", "--input", points, "--output", filepath.Join(c.dir, "models", "points"), "kmeans", "--", "--k", "2"); code != 2 {
		t.Errorf("a model in the place of another: exit %d, %s", code, stderr)
	}
}

// TestDevServesTheRest starts a cluster in whose folder a damaged model was left: it is up all the same, and what is trained
// now is served.
func TestDevServesTheRest(t *testing.T) {
	dir := t.TempDir()
	bad := filepath.Join(dir, "models", "bad")
	if err := os.MkdirAll(bad, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(bad, "model.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := startDevIn(t, dir, "--masters", "1", "--grooms", "1", "--slots", "2")
	server := c.daemons()["serve"]
	c.train(writeFile(t, fourPoints), "points/3", "2")
	c.served().answers("/predict/points", "[8, 8]", `200 {"cluster":0,"distance":1.118034}`)
	if again := c.daemons()["serve"]; again != server || server == 0 {
		t.Errorf("the server was process %d and is %d: it does not stay", server, again)
	}
}

// TestDevServesNothing has a cluster without a prediction server, in a folder that had one.
func TestDevServesNothing(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "serve.url"), []byte("https://127.0.0.1:1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := startDevIn(t, dir, "--masters", "1", "--grooms", "0", "--serve", "off")
	if d := c.daemons(); len(d) != 1 || strings.Contains(c.line, "models") {
		t.Errorf("daemons %v, said %q", d, c.line)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "serve.url")); !os.IsNotExist(err) {
		t.Errorf("serve.url: %q, %v", b, err)
	}
}
