package httpd_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"scalar/serving/host"
	"scalar/serving/httpd"
	"scalar/serving/protocol"
)

// A taped connection sends a text and ends, and keeps what is written to it.
type taped struct {
	in   io.Reader
	out  bytes.Buffer
	done chan struct{} // closed by Close
}

func (s *taped) Read(b []byte) (int, error)     { return s.in.Read(b) }
func (s *taped) Write(b []byte) (int, error)    { return s.out.Write(b) }
func (*taped) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (*taped) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (*taped) SetDeadline(time.Time) error      { return nil }
func (*taped) SetReadDeadline(time.Time) error  { return nil }
func (*taped) SetWriteDeadline(time.Time) error { return nil }

func (s *taped) Close() error {
	close(s.done)
	return nil
}

// A feed is a listener of connections that a test makes.
type feed chan net.Conn

func (f feed) Accept() (net.Conn, error) {
	if c, ok := <-f; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}

func (feed) Addr() net.Addr { return &net.TCPAddr{} }

func (f feed) Close() error {
	close(f)
	return nil
}

// say sends a text to a server, and returns what it says until it ends the connection.
func (f feed) say(text string) string {
	s := &taped{in: strings.NewReader(text), done: make(chan struct{})}
	f <- s
	<-s.done
	return s.out.String()
}

// Faults keep the last line of a log.
type faults struct{ fault atomic.Pointer[string] }

func (f *faults) Write(line []byte) (int, error) {
	text := string(line)
	f.fault.Store(&text)
	return len(line), nil
}

// What comes over a connection, whatever it is, is answered by what HTTP and docs/serving.md have: no fault of the server's, an error in a
// line of JSON, and an answer of JSON.
func FuzzRequest(f *testing.F) {
	const length, chunked = "Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n"
	for _, seed := range []struct {
		fields, body string
		path         uint8
	}{
		{length, "[8,8]", 0},
		{length, "[8,8]GET /v2 HTTP/1.1\r\nHost: x\r\n\r\n", 0},
		{chunked, "5\r\n[8,8]\r\n0\r\n\r\n", 0},
		{length + chunked, "0\r\n\r\n", 0},
		{"Content-Length: 100\r\n", "[8,8", 0},
		{length + "Content-Type: text/csv; header=absent\r\n", "8,8\r\n", 0},
		{length + "X-Request-Timeout-Ms: 1\r\nX-Request-Id: a\r\n", "[8,8]", 0},
		{length + "Content-Encoding: gzip\r\nAccept-Encoding: gzip;q=0\r\n", "[8,8]", 0},
		{"Content-Length: 89\r\nExpect: 100-continue\r\n", twoPoints, 1},
		{"Content-Length: 89\r\nInference-Header-Content-Length: 89\r\nConnection: close\r\n", twoPoints, 1},
		{"Content-Length: 21\r\n", `{"instances":[[8,8]]}`, 2},
		{"Content-Length: 14\r\n", `{"ready":true}`, 3},
		{"Content-Length: 36\r\n", `{"labels":{"a":"1"},"traffic":{"a":1}`, 4},
		{"X: a\r\n b\r\nHost: y\r\n", "", 4},
		{"Trailer: a\r\n" + chunked, "0\r\na: b\r\n\r\n", 0},
	} {
		f.Add(seed.fields, seed.body, seed.path)
	}
	to := make(feed)
	var log faults
	r := serve(f, httpd.Config{Host: hosted(f, host.Config{Cores: 1}), Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelError}))}, to, "")
	paths := []string{"/predict/points", "/v2/models/points/infer", "/v1/models/points:predict", "/v2/repository/index", "/v2/repository/models/points/routing"}
	f.Fuzz(func(t *testing.T, fields, body string, path uint8) {
		said := to.say("POST " + paths[int(path)%len(paths)] + " HTTP/1.1\r\nHost: x\r\n" + fields + "\r\n" + body)
		if fault := log.fault.Load(); fault != nil {
			t.Fatalf("%s: %q", *fault, said)
		}
		a := receive(t, strings.NewReader(strings.TrimPrefix(said, "HTTP/1.1 100 Continue\r\n\r\n")))
		if a.status != http.StatusOK {
			bad(t, a, a.status)
		} else if protocol.CheckJSON(a.body) != nil && a.header.Get("Content-Encoding") == "" && a.header.Get("Inference-Header-Content-Length") == "" {
			t.Fatalf("%q is no JSON", a.body)
		}
		if r.Counted() != 0 {
			t.Fatalf("%d bytes count after the answer", r.Counted())
		}
	})
}

// A compressed body becomes what was compressed, up to the limit, and what is no such body is the client's fault. The standard library reads the
// same of what both of them take.
func FuzzDecompress(f *testing.F) {
	const limit = 1 << 16
	names := []string{"gzip", "deflate", "zstd"}
	for i, name := range names {
		for _, body := range []string{"", twoPoints, strings.Repeat(" ", limit), strings.Repeat(" ", limit+1)} {
			f.Add(encode(f, name, strings.NewReader(body)), uint8(i))
		}
	}
	s, err := httpd.New(httpd.Config{Host: hosted(f, host.Config{Cores: 1}), MaxBody: limit})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { s.Shutdown(context.Background()) })
	f.Fuzz(func(t *testing.T, body []byte, which uint8) {
		name := names[int(which)%len(names)]
		got, _, err := httpd.Decompress(s, name, encode(t, name, bytes.NewReader(body)))
		if long := len(body) > limit; long != (err != nil) || !long && !bytes.Equal(got, body) {
			t.Fatalf("%s of %q became %q, %v", name, body, got, err)
		}
		got, _, err = httpd.Decompress(s, name, body)
		var known *protocol.Error
		switch {
		case err == nil && len(got) > limit:
			t.Fatalf("%d bytes", len(got))
		case err == nil:
			same, there := decoded(name, body)
			if there && !bytes.Equal(same, got) {
				t.Fatalf("%s: %q, want %q", name, got, same)
			}
		case !errors.As(err, &known) || known.Status != http.StatusBadRequest && known.Status != http.StatusRequestEntityTooLarge || strings.Contains(known.Message, "\n"):
			t.Fatal(err)
		}
	})
}

// decoded is what the standard library reads of a body, if it takes it.
func decoded(name string, body []byte) (text []byte, ok bool) {
	var from io.Reader
	var err error
	switch name {
	case "gzip":
		from, err = gzip.NewReader(bytes.NewReader(body))
	case "deflate":
		from, err = zlib.NewReader(bytes.NewReader(body))
	default:
		return nil, false
	}
	if err != nil {
		return nil, false
	}
	text, err = io.ReadAll(from)
	return text, err == nil
}
