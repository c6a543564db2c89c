package httpd_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"scalar/serving/host"
	"scalar/serving/httpd"

	"github.com/valyala/fasthttp/fasthttputil"
)

// models are the golden folders of ml/model: digits has 64 numbers and 10 classes, houses two numbers and a text, points two numbers.
var models = []string{"digits", "houses", "points"}

// A running is a server in memory or on a socket, and its client.
type running struct {
	*httpd.Server

	tb     testing.TB
	host   *host.Host
	client *http.Client
	url    string
	header http.Header // of all requests
}

// hosted returns a host with the golden models.
func hosted(tb testing.TB, c host.Config) *host.Host {
	tb.Helper()
	h, err := host.New(c)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(h.Close)
	for _, name := range models {
		if err := h.Load(context.Background(), name, "1", golden(tb, name)); err != nil {
			tb.Fatal(err)
		}
	}
	return h
}

// golden returns the folder of a golden model.
func golden(tb testing.TB, name string) string {
	tb.Helper()
	folder, err := filepath.Abs("../../ml/model/testdata/v1/" + name)
	if err != nil {
		tb.Fatal(err)
	}
	return folder
}

// start serves the golden models in memory.
func start(tb testing.TB, c httpd.Config) *running {
	tb.Helper()
	ln := fasthttputil.NewInmemoryListener()
	r := serve(tb, c, ln, "http://x")
	r.client.Transport = &http.Transport{
		DialContext:        func(context.Context, string, string) (net.Conn, error) { return ln.Dial() },
		DisableCompression: true,
	}
	return r
}

// listen serves the golden models on a socket.
func listen(tb testing.TB, c httpd.Config) *running {
	tb.Helper()
	ln, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	return serve(tb, c, ln, "http://"+ln.Addr().String())
}

func serve(tb testing.TB, c httpd.Config, ln net.Listener, url string) *running {
	tb.Helper()
	if c.Host == nil {
		c.Host = hosted(tb, host.Config{})
	}
	c.HeaderTimeout = cmp.Or(c.HeaderTimeout, time.Hour) // a busy machine may stand still for longer than slow clients may
	s, err := httpd.New(c)
	if err != nil {
		tb.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(ln) }()
	r := &running{Server: s, tb: tb, host: c.Host, client: &http.Client{Timeout: time.Minute}, url: url, header: http.Header{}}
	tb.Cleanup(func() {
		r.client.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			tb.Errorf("shutdown: %v", err)
		}
		if err := <-done; err != nil {
			tb.Errorf("serve: %v", err)
		}
	})
	return r
}

// An answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// do sends a request; header is names and values by turns.
func (r *running) do(method, path string, body []byte, header ...string) answer {
	r.tb.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, r.url+path, bytes.NewReader(body))
	if err != nil {
		r.tb.Fatal(err)
	}
	req.Header = r.header.Clone()
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := r.client.Do(req)
	if err != nil {
		r.tb.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		r.tb.Fatalf("%s %s: %v", method, path, err)
	}
	return answer{resp.StatusCode, resp.Header, text}
}

// get and post want status 200, and return the body.
func (r *running) get(path string) string {
	r.tb.Helper()
	return r.good(r.do(http.MethodGet, path, nil))
}

func (r *running) post(path, body string, header ...string) string {
	r.tb.Helper()
	return r.good(r.do(http.MethodPost, path, []byte(body), header...))
}

func (r *running) good(a answer) string {
	r.tb.Helper()
	if a.status != http.StatusOK {
		r.tb.Fatalf("status %d: %s", a.status, a.body)
	}
	return string(a.body)
}

// bad checks that an answer is an error of one line.
func bad(tb testing.TB, a answer, status int) string {
	tb.Helper()
	var doc struct{ Error string }
	if err := json.Unmarshal(a.body, &doc); err != nil || doc.Error == "" || bytes.ContainsAny([]byte(doc.Error), "\n\r") {
		tb.Errorf("status %d: %q is no error of one line", a.status, a.body)
	}
	if a.status != status {
		tb.Errorf("status %d, want %d: %s", a.status, status, a.body)
	}
	if t := a.header.Get("Content-Type"); t != "application/json" {
		tb.Errorf("the type of an error is %q", t)
	}
	return doc.Error
}
