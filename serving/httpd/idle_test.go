package httpd_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"scalar/serving/httpd"
)

// held returns how many bytes each of some connections takes that has sent a text, of which it has an answer with a status, or none if that is 0.
func held(t *testing.T, r *running, conns int, text string, status int) int64 {
	t.Helper()
	before := live()
	for range conns {
		conn := dial(t, r)
		if _, err := io.WriteString(conn, text); err != nil {
			t.Fatal(err)
		}
		if status == 0 {
			continue
		}
		in := bufio.NewReaderSize(conn, 16)
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != status {
			t.Fatalf("%.60q: %d, %v", text, resp.StatusCode, err)
		}
		resp.Body.Close()
	}
	each := (live() - before) / int64(conns)
	t.Logf("%.60q: %d bytes", text, each)
	return each
}

// A connection keeps little of what its last request needed, and one whose body comes slowly has little more than that for its header, whatever
// a client has sent.
func TestKept(t *testing.T) {
	if raced {
		t.Skip("the race detector takes memory too")
	}
	r := listen(t, httpd.Config{})
	get := func(target, fields string) string {
		return "GET " + target + " HTTP/1.1\r\nHost: x\r\n" + fields + "\r\n"
	}
	const long = 15_000
	slow := "POST /predict/points HTTP/1.1\r\nHost: x\r\nContent-Length: 20000\r\n"
	chunks := "POST /predict/points HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n[1,2]\r\n0\r\n"
	rows := "[" + strings.Repeat("[1,2],", 100_000) + "[1,2]]"
	for _, tt := range []struct {
		text   string
		status int
		conns  int
		most   int64
	}{
		{get("/v2/health/live", ""), 200, 100, 48 << 10},
		{get("/v2/health/live", "A: "+strings.Repeat("a", long)+"\r\n"), 200, 100, 48 << 10},
		{get("/v2/health/live", strings.Repeat("a:b\r\n", 127)), 200, 100, 48 << 10},
		{get("/v2/health/live?"+strings.Repeat("a&", long/2), ""), 200, 100, 48 << 10},
		{get("/ui/form?"+strings.Repeat("a&", long/2), ""), 200, 100, 64 << 10},
		{get("/ui", "Cookie: "+strings.Repeat("a;", long/2)+"\r\n"), 200, 100, 64 << 10},
		{chunks + strings.Repeat("a:b\r\n", 3000) + "\r\n", 200, 100, 48 << 10},
		{get("/v2/health/live", "Trailer: "+strings.Repeat("a,", 100)+"b\r\n"), 200, 100, 48 << 10},
		{slow + strings.Repeat("a:b\r\n", 120) + "\r\n[1", 0, 100, 64 << 10},
		{slow + "A: " + strings.Repeat("a", long) + "\r\n\r\n[1", 0, 100, 128 << 10},
		{"POST /predict/points?" + strings.Repeat("%41", long/3) + " HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat(" ", 60_000), 0, 100, 160 << 10},
		{
			"POST /predict/points HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAccept-Encoding: gzip\r\n" +
				fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(rows), rows), 200, 16, 512 << 10,
		},
	} {
		if each := held(t, r, tt.conns, tt.text, tt.status); each > tt.most {
			t.Errorf("%.60q: a connection has %d bytes", tt.text, each)
		}
	}
}
