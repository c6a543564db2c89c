package main_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"scalar/internal/pki"
)

// A serving is a bsp serve that runs.
type serving struct {
	t           *testing.T
	cmd         *exec.Cmd
	stdout      chan string // its lines
	stderr      chan string
	url         string
	client      *http.Client
	told        strings.Builder // what was read of stderr
	certificate *x509.Certificate
}

// startServing starts bsp serve on a free port.
func startServing(t *testing.T, args ...string) *serving {
	t.Helper()
	s := &serving{t: t, client: &http.Client{Timeout: patience}}
	s.cmd = exec.CommandContext(t.Context(), "bsp", append([]string{"serve", "--listen", "127.0.0.1:0", "--poll", "10ms"}, args...)...)
	lines := func(r io.ReadCloser, err error) chan string {
		if err != nil {
			t.Fatal(err)
		}
		c := make(chan string, 10_000)
		go func() {
			defer close(c)
			for in := bufio.NewScanner(r); in.Scan(); {
				c <- in.Text()
			}
		}()
		return c
	}
	s.stdout, s.stderr = lines(s.cmd.StdoutPipe()), lines(s.cmd.StderrPipe())
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.cmd.Process.Kill() })
	return s
}

// says waits for a line of stderr with a text.
func (s *serving) says(text string) string {
	s.t.Helper()
	late := time.After(patience)
	for {
		select {
		case line, ok := <-s.stderr:
			s.told.WriteString(line + "\n")
			if strings.Contains(line, text) {
				return line
			}
			if !ok {
				s.t.Fatalf("it ended without %q:\n%s", text, &s.told)
			}
		case <-late:
			s.t.Fatalf("not within %v: %q\n%s", patience, text, &s.told)
		}
	}
}

// ready waits for the line that says so.
func (s *serving) ready() {
	s.t.Helper()
	select {
	case line := <-s.stdout:
		url, ok := strings.CutPrefix(line, "ready: ")
		if !ok {
			s.t.Fatalf("stdout has %q", line)
		}
		s.url = url
	case <-time.After(patience):
		s.t.Fatalf("not ready within %v", patience)
	}
}

// ends waits for the end, and returns the exit code.
func (s *serving) ends() int {
	s.t.Helper()
	for line := range s.stderr {
		s.told.WriteString(line + "\n")
	}
	err := s.cmd.Wait()
	if ended, ok := errors.AsType[*exec.ExitError](err); ok {
		return ended.ExitCode()
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return 0
}

// ask returns the status and the body of an answer to a GET, or a POST if there is a body.
func (s *serving) ask(token, path, body string) (int, string) {
	s.t.Helper()
	method := http.MethodGet
	if body != "" {
		method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.TLS != nil {
		s.certificate = resp.TLS.PeerCertificates[0]
	}
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// wants checks the status of an answer.
func (s *serving) wants(status int, token, path, body string) string {
	s.t.Helper()
	got, text := s.ask(token, path, body)
	if got != status {
		s.t.Errorf("%s with %q: %d, want %d: %s", path, token, got, status, text)
	}
	return text
}

// trust makes the client trust a CA and nobody else, for connections from now on.
func (s *serving) trust(ca []byte) {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	s.client.CloseIdleConnections()
	s.client.Transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13}}
}

// put writes a file whole, by a rename.
func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

func slurp(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func keyLine(token, namespace string, admin bool) string {
	sum := sha256.Sum256([]byte(token))
	return fmt.Sprintf("  - {sha256: %s, namespace: %s, admin: %t}\n", hex.EncodeToString(sum[:]), namespace, admin)
}

// A reloading test changes the files of a server with TLS that runs. Token one is an admin's.
type reloading struct {
	*serving

	file, data string
}

const predictPath, routingPath = "/predict/points", "/v2/repository/models/points/routing"

func startReloading(t *testing.T, text string) *reloading {
	t.Helper()
	dir := t.TempDir()
	r := &reloading{file: filepath.Join(dir, "serve.yaml"), data: filepath.Join(dir, "data")}
	put(t, r.file, text)
	r.serving = startServing(t, "--model", "points="+goldenModels+"/points", "--config", r.file, "--data", r.data)
	r.ready()
	r.trust(slurp(t, filepath.Join(r.data, "ca.crt")))
	r.wants(200, "one", predictPath, "[1,2]")
	return r
}

// begin sends the head of a request and part of its body; more of it is asked for by what it returns, which waits for the answer.
func (r *reloading) begin(token string) (end func() error) {
	r.t.Helper()
	body, path := io.Pipe()
	answered := make(chan error, 1)
	go func() {
		req, err := http.NewRequestWithContext(r.t.Context(), http.MethodPost, r.url+predictPath, body)
		if err == nil {
			req.Header.Set("Authorization", "Bearer "+token)
			req.Header.Set("Content-Type", "application/json")
			var resp *http.Response
			if resp, err = r.client.Do(req); err == nil {
				if resp.Body.Close(); resp.StatusCode != 200 {
					err = fmt.Errorf("status %d", resp.StatusCode)
				}
			}
		}
		answered <- err
	}()
	for _, part := range [][]byte{[]byte("[1,"), bytes.Repeat([]byte(" "), 8<<20)} { // more than is on its way: the handler reads
		if _, err := path.Write(part); err != nil {
			r.t.Fatal(err)
		}
	}
	return func() error {
		if _, err := path.Write([]byte("2]")); err != nil {
			return err
		}
		return errors.Join(path.Close(), <-answered)
	}
}

// TestServeReload takes a key from a server: its requests that have begun end well, and others are refused. What is wrong changes nothing and is told
// once.
func TestServeReload(t *testing.T) {
	one, two := keyLine("one", "a", true), keyLine("two", "b", false)
	s := startReloading(t, "keys:\n"+one+two)
	s.wants(200, "two", predictPath, "[1,2]")
	end := s.begin("two")
	put(t, s.file, "keys:\n"+one+"quotas: {c: {requests: 5}}\ncaches: {points: {max_bytes: 1MiB}}\n")
	s.says("the configuration was renewed")
	s.wants(401, "two", predictPath, "[1,2]")
	s.wants(200, "one", predictPath, "[1,2]")
	if err := end(); err != nil {
		t.Errorf("a request that had begun: %v", err)
	}
	if page := s.wants(200, "one", "/metrics", ""); !strings.Contains(page, `bsp_serve_cache_bytes{model="points"}`) {
		t.Error("there is no cache")
	}
	for text, why := range map[string]string{
		"keys:\n" + two + "routing: {points: {traffic: {\"1\": 5}}}\n": "traffic has 5 % in all: want 100",
		"keys:\n" + two + "quotas: {b: {requests: -1}}\n":              "quota of b: requests: -1",
		"keys: [{sha256: 5, namespace: b}]\n":                          "key 1: sha256",
		"keys:\n" + two + "colour: red\n":                              `unknown field \"colour\"`,
		"keys: [":                                                      s.file,
	} {
		put(t, s.file, text)
		if line := s.says("the configuration was not renewed, as before"); !strings.Contains(line, why) {
			t.Errorf("%s\nwant %s", line, why)
		}
		s.wants(401, "two", predictPath, "[1,2]")
		s.wants(200, "one", predictPath, "[1,2]")
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := s.ends(); code != 0 {
		t.Errorf("exit code %d\n%s", code, &s.told)
	}
	if n := strings.Count(s.told.String(), "the configuration was not renewed"); n != 5 {
		t.Errorf("what is wrong was told %d times, want 5:\n%s", n, &s.told)
	}
}

// TestServeRouting checks that what is routed over HTTP holds until the configuration is read again, and that settings of the start are named.
func TestServeRouting(t *testing.T) {
	one := keyLine("one", "a", true)
	s := startReloading(t, "keys:\n"+one)
	put(t, s.file, "max_conns: 77\nkeys:\n"+one+"routing: {points: {labels: {stable: \"1\"}}}\n")
	if line := s.says("read at the start only"); !strings.Contains(line, "settings=max_conns") {
		t.Error(line)
	}
	s.says("the configuration was renewed")
	const file, http = `{"labels":{"stable":"1"},"traffic":{},"shadow":{}}`, `{"labels":{"http":"1"},"traffic":{"http":100},"shadow":{}}`
	for _, c := range [][2]string{{"", file}, {http, http}, {"", http}} {
		if got := s.wants(200, "one", routingPath, c[0]); got != c[1] {
			t.Errorf("%s, want %s", got, c[1])
		}
	}
	if err := s.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	s.says("what was routed over HTTP has ended")
	s.says("the configuration was renewed")
	if got := s.wants(200, "one", routingPath, ""); got != file {
		t.Errorf("%s, want %s", got, file)
	}
}

// TestServeCertificate gives a server a certificate that is none, which changes nothing, and another one, which new connections have.
func TestServeCertificate(t *testing.T) {
	s := startReloading(t, "keys:\n"+keyLine("one", "a", true))
	old := s.certificate
	put(t, filepath.Join(s.data, "serve.crt"), "nonsense")
	s.says("the certificate was not renewed, as before")
	s.trust(slurp(t, filepath.Join(s.data, "ca.crt")))
	s.wants(200, "one", predictPath, "[1,2]")
	if !s.certificate.Equal(old) {
		t.Error("the certificate is another one")
	}
	now := time.Now()
	ca, err := pki.NewCA("other", 96*time.Hour, now)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := ca.Issue(pki.Request{Role: "serve", Name: "serve", IPs: []net.IP{net.IPv4(127, 0, 0, 1)}, Life: 48 * time.Hour, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(s.data, "serve.key"), string(pair.Key))
	put(t, filepath.Join(s.data, "serve.crt"), string(pair.Cert))
	s.says("the certificate was renewed")
	s.trust(ca.CertPEM())
	s.wants(200, "one", predictPath, "[1,2]")
}

// TestServeToken writes another token into the folder of a server.
func TestServeToken(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	s := startServing(t, "--model", "points="+goldenModels+"/points", "--data", data)
	s.ready()
	s.trust(slurp(t, filepath.Join(data, "ca.crt")))
	old := strings.TrimSpace(string(slurp(t, filepath.Join(data, "token"))))
	s.wants(200, old, "/predict/points", "[1,2]")
	put(t, filepath.Join(data, "token"), "")
	s.says("is empty")
	s.wants(200, old, "/predict/points", "[1,2]")
	put(t, filepath.Join(data, "token"), "another\n")
	s.says("the configuration was renewed")
	s.wants(401, old, "/predict/points", "[1,2]")
	s.wants(200, "another", "/predict/points", "[1,2]")
}

// TestServeMemory checks that the limit of all bodies fits the memory that the process may have.
func TestServeMemory(t *testing.T) {
	for limit, want := range map[string]string{"700MiB": "3.670016e+08", "100MiB": "2.68435456e+08", "100GiB": "1.073741824e+09"} {
		t.Setenv("GOMEMLIMIT", limit)
		s := startServing(t, "--model", "points="+goldenModels+"/points", "--insecure")
		s.ready()
		if page := s.wants(200, "", "/metrics", ""); !strings.Contains(page, "\nbsp_serve_bodies_limit_bytes "+want+"\n") {
			i := strings.Index(page, "\nbsp_serve_bodies_limit_bytes")
			t.Errorf("GOMEMLIMIT=%s: %.60s, want %s", limit, page[max(i, 0):], want)
		}
	}
}
