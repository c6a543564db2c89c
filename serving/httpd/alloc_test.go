package httpd_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"scalar/serving/cache"
	"scalar/serving/httpd"

	"github.com/valyala/fasthttp"
)

func itoa(n int) string { return strconv.Itoa(n) }

// A path is a body and what it is sent to.
type hot struct{ name, head, body string }

// hotPaths are requests as clients send them.
func hotPaths() []hot {
	head, tail := binaryPoints(1, 2)
	digits := "[0" + strings.Repeat(",0.5", 63) + "]"
	return []hot{
		{"JSON", "POST /v2/models/digits/infer HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n", `{"id":"a","inputs":[{"name":"input","shape":[1,64],"datatype":"FP32","data":` + digits + `}]}`},
		{
			"binary", "POST /v2/models/points/versions/1/infer HTTP/1.1\r\nHost: x\r\nInference-Header-Content-Length: " + itoa(len(head)) + "\r\n",
			strings.TrimSuffix(head, "}") + "}" + tail,
		},
		{"TF", "POST /v1/models/digits:predict HTTP/1.1\r\nHost: x\r\n", `{"instances":[` + digits + `]}`},
		{"native", "POST /predict/digits HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n", digits},
		{"token", "POST /predict/points HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer one\r\n", "[1,2]"},
	}
}

// exchange sends a request many times over one connection; it allocates nothing itself.
func exchange(tb testing.TB, r *running, p hot) (once func()) {
	tb.Helper()
	conn := dial(tb, r)
	request := fmt.Appendf(nil, "%sContent-Length: %d\r\n\r\n%s", p.head, len(p.body), p.body)
	buf := make([]byte, 64<<10)
	return func() {
		if _, err := conn.Write(request); err != nil {
			tb.Fatal(err)
		}
		if err := read(conn, buf); err != nil {
			tb.Fatalf("%s: %v", p.name, err)
		}
	}
}

// handled gives a request to the handler many times.
func handled(tb testing.TB, r *running, p hot) (once func()) {
	tb.Helper()
	var req fasthttp.Request
	if err := req.Read(bufio.NewReader(strings.NewReader(fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", p.head, len(p.body), p.body)))); err != nil {
		tb.Fatal(err)
	}
	var ctx fasthttp.RequestCtx
	ctx.Init(&req, nil, nil)
	return func() {
		ctx.Response.Reset()
		r.Handle(&ctx)
		if ctx.Response.StatusCode() != http.StatusOK {
			tb.Fatalf("%s: %s", p.name, ctx.Response.Body())
		}
	}
}

// read reads one answer with status 200 and drops it.
func read(conn net.Conn, buf []byte) error {
	n := 0
	for {
		m, err := conn.Read(buf[n:])
		if n += m; err != nil {
			return err
		}
		end := bytes.Index(buf[:n], []byte("\r\n\r\n"))
		if end < 0 {
			continue
		}
		at := bytes.Index(buf[:end], []byte("\nContent-Length: "))
		if at < 0 || !bytes.HasPrefix(buf, []byte("HTTP/1.1 200 ")) {
			return fmt.Errorf("%s: %w", buf[:n], io.ErrUnexpectedEOF)
		}
		length := 0
		for _, d := range buf[at+len("\nContent-Length: "):] {
			if d < '0' || d > '9' {
				break
			}
			length = length*10 + int(d-'0')
		}
		if n == end+4+length {
			return nil
		}
	}
}

// A request that is like others before it allocates nothing, from its first byte to the last of its answer.
func TestAllocations(t *testing.T) {
	if raced {
		t.Skip("pools drop at random under the race detector")
	}
	r := listen(t, httpd.Config{Keys: nil})
	secured := listen(t, httpd.Config{Host: r.host, Keys: []httpd.Key{key("one", "a", false)}})
	cached := listen(t, httpd.Config{Host: r.host, Caches: map[string]cache.Config{"digits": {MaxBytes: 1 << 20}, "points": {MaxBytes: 1 << 20}}})
	for _, p := range hotPaths() {
		if p.name == "token" {
			checkAllocations(t, secured, p)
			continue
		}
		checkAllocations(t, r, p)
		checkAllocations(t, cached, p)
	}
}

func checkAllocations(t *testing.T, to *running, p hot) {
	t.Helper()
	once := exchange(t, to, p)
	for range 200 {
		once()
	}
	if n := testing.AllocsPerRun(2000, once); n > 0 {
		t.Errorf("%s: %v allocations", p.name, n)
	}
	handle := handled(t, to, p)
	for range 200 {
		handle()
	}
	if n := testing.AllocsPerRun(2000, handle); n > 0 {
		t.Errorf("%s: %v allocations in the handler", p.name, n)
	}
}

// BenchmarkRequest is a request and its answer over the loopback, one connection.
func BenchmarkRequest(b *testing.B) {
	r := listen(b, httpd.Config{})
	for _, p := range hotPaths()[:4] {
		b.Run(p.name, func(b *testing.B) {
			once := exchange(b, r, p)
			b.ReportAllocs()
			for b.Loop() {
				once()
			}
		})
		b.Run(p.name+"/handler", func(b *testing.B) {
			once := handled(b, r, p)
			b.ReportAllocs()
			for b.Loop() {
				once()
			}
		})
	}
}
