package httpd_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"scalar/serving/httpd"
)

// rest reads answers until the connection ends, which is no reset.
func rest(tb testing.TB, conn io.Reader) (all []answer) {
	tb.Helper()
	in := bufio.NewReader(conn)
	for {
		if _, err := in.Peek(1); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			tb.Fatalf("after %d answers: %v", len(all), err)
		}
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			tb.Fatalf("after %d answers: %v", len(all), err)
		}
		body, err := io.ReadAll(resp.Body)
		if err = errors.Join(err, resp.Body.Close()); err != nil {
			tb.Fatal(err)
		}
		all = append(all, answer{resp.StatusCode, resp.Header, body})
	}
}

// halfClose ends what a client writes.
func halfClose(tb testing.TB, conn net.Conn) {
	tb.Helper()
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		tb.Fatal(err)
	}
}

// What others may read otherwise has one answer, an error, and then the connection ends: what is hidden in it is no request.
func TestSmuggling(t *testing.T) { //nolint:revive // a table
	r := listen(t, httpd.Config{})
	const hidden = "GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n"
	const post = "POST /predict/points HTTP/1.1\r\nHost: x\r\n"
	const chunked = post + "Transfer-Encoding: chunked\r\n\r\n"
	for _, text := range []string{
		post + "Content-Length: 5\r\nContent-Length: 5\r\n\r\n[8,8]",
		post + "Content-Length: 5\r\nContent-length: 6\r\n\r\n[8,8]",
		post + "Content-Length: 5, 5\r\n\r\n[8,8]",
		post + "Content-Length: +5\r\n\r\n[8,8]",
		post + "Content-Length: -5\r\n\r\n[8,8]",
		post + "Content-Length: 0x5\r\n\r\n[8,8]",
		post + "Content-Length: 5 5\r\n\r\n[8,8]",
		post + "Content-Length: \r\n\r\n[8,8]",
		post + "Content-Length: 5.\r\n\r\n[8,8]",
		post + "Content-Length: 99999999999999999999\r\n\r\n[8,8]",
		post + "Content-Length : 5\r\n\r\n[8,8]",
		post + "Content-Length\t: 5\r\n\r\n[8,8]",
		post + "Content-Length:\r\n 5\r\n\r\n[8,8]",
		post + "X: a\r\n\tContent-Length: 5\r\n\r\n[8,8]",
		post + "X: a\nContent-Length: 5\r\n\r\n[8,8]",
		post + "X: a\rContent-Length: 5\r\n\r\n[8,8]",
		post + "X: a\x00b\r\nContent-Length: 5\r\n\r\n[8,8]",
		post + "X\x00: a\r\nContent-Length: 5\r\n\r\n[8,8]",
		post + "X: \x7f\r\nContent-Length: 5\r\n\r\n[8,8]",
		post + ": a\r\nContent-Length: 5\r\n\r\n[8,8]",
		post + " X: a\r\nContent-Length: 5\r\n\r\n[8,8]",
		post + "X\r\nContent-Length: 5\r\n\r\n[8,8]",
		post + "Host: y\r\nContent-Length: 5\r\n\r\n[8,8]",
		post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		post + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
		post + "Transfer-Encoding: identity\r\nContent-Length: 5\r\n\r\n[8,8]",
		post + "Transfer-Encoding: identity\r\n\r\n",
		post + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
		post + "Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n",
		post + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
		post + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
		post + "Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
		post + "Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n",
		post + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
		post + "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
		post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"POST /predict/points HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"GET /v2/health/live HTTP/1.1\r\nHost: x\n\n" + hidden,
		"GET /v2/health/live HTTP/1.1\r\nHost: x\n\r\n",
		"GET /v2/health/live HTTP/1.1\r\n\r\n",
		"GET /v2/health/live HTTP/1.1 \r\nHost: x\r\n\r\n",
		"GET /v2/health/live  HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /v2/health/\x00live HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET\t/v2/health/live\tHTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /v2/health/live HTTP/2.0\r\nHost: x\r\n\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"GET /v2/health/live\r\nHost: x\r\n\r\n",
		chunked + "+5\r\n[8,8]\r\n0\r\n\r\n",
		chunked + "-5\r\n[8,8]\r\n0\r\n\r\n",
		chunked + "0x5\r\n[8,8]\r\n0\r\n\r\n",
		chunked + " 5\r\n[8,8]\r\n0\r\n\r\n",
		chunked + "5\n[8,8]\n0\n\n",
		chunked + "5;a=\n\r\n[8,8]\r\n0\r\n\r\n",
		chunked + "5\r\n[8,8]x\r\n0\r\n\r\n",
		chunked + "4\r\n[8,8]\r\n0\r\n\r\n",
		chunked + "fffffffffffffffff\r\n[8,8]\r\n0\r\n\r\n",
		chunked + "\r\n[8,8]\r\n0\r\n\r\n",
		chunked + "5\r\n[8,8]\r\n0\r\nContent-Length: 5\r\n\r\n",
		chunked + "5\r\n[8,8]\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n",
		chunked + "5\r\n[8,8]\r\n0\r\nX: a\x00\r\n\r\n",
	} {
		conn := dial(t, r)
		if _, err := io.WriteString(conn, text+hidden); err != nil {
			t.Fatal(err)
		}
		halfClose(t, conn)
		all := rest(t, conn)
		want := http.StatusBadRequest
		if strings.Contains(text, "HTTP/2.0\r\nHost") {
			want = http.StatusHTTPVersionNotSupported
		}
		if len(all) != 1 || all[0].status != want {
			t.Errorf("%q: %d answers", text, len(all))
			for _, a := range all {
				t.Logf("%d %s", a.status, a.body)
			}
			continue
		}
		bad(t, all[0], want)
	}
}

// What is allowed and seldom is answered, and the connection goes on.
func TestSeldom(t *testing.T) {
	r := listen(t, httpd.Config{})
	const post = "POST /predict/points HTTP/1.1\r\nHost: x\r\n"
	const chunked = post + "Transfer-Encoding: chunked\r\n\r\n"
	for _, tt := range []struct {
		text   string
		status int
	}{
		{post + "Content-Length: 005\r\n\r\n[8,8]", 200},
		{post + "content-length:5\r\n\r\n[8,8]", 200},
		{post + "Transfer-Encoding: Chunked\r\n\r\n5\r\n[8,8]\r\n0\r\n\r\n", 200},
		{chunked + "5;a=b;c=\"d\"\r\n[8,8]\r\n0;e\r\n\r\n", 200},
		{chunked + "0000000000005\r\n[8,8]\r\n000\r\n\r\n", 200},
		{chunked + "1\r\n[\r\n4\r\n8,8]\r\n0\r\nX-Trailer: a\r\n\r\n", 200},
		{"\r\n\r\n" + post + "Content-Length: 5\r\n\r\n[8,8]", 200},
		{"POST http://y/predict/points HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n[8,8]", 200},
		{"POST /predict/points HTTP/1.1\r\nHost: x\r\nExpect: 200-maybe\r\nContent-Length: 5\r\n\r\n[8,8]", 200},
		{"POST /predict/points HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\n[8,8]", 200},
		{"OPTIONS /predict/points HTTP/1.1\r\nHost: x\r\n\r\n", 405},
		{"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 404},
		{"TRACE /v2 HTTP/1.1\r\nHost: x\r\n\r\n", 405},
		{"CONNECT y:80 HTTP/1.1\r\nHost: y:80\r\n\r\n", 404},
		{"GET /v2/health/live HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n", 200},
		{"GET /v2/health/live HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("a:b\r\n", 127) + "\r\n", 200},
		{"GET /v2/health/live HTTP/1.1\r\nHost: x\r\nTrailer: " + strings.Repeat("a,", 100) + "b\r\n\r\n", 200},
		{"GET /v2/../v2//health/%6cive?x HTTP/1.1\r\nHost: x\r\n\r\n", 200},
	} {
		conn := dial(t, r)
		if _, err := io.WriteString(conn, tt.text+"GET /v2/health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		all := rest(t, conn)
		if len(all) != 2 || all[0].status != tt.status || all[1].status != 200 || string(all[1].body) != `{"live":true}` {
			t.Errorf("%q: %v", tt.text, all)
		}
	}
}

// More fields than a header has are refused, and trailers of which it announces so many.
func TestManyFields(t *testing.T) {
	r := listen(t, httpd.Config{})
	trailers := make([]string, 129)
	for i := range trailers {
		trailers[i] = "a" + itoa(i)
	}
	for _, fields := range []string{strings.Repeat("a:b\r\n", 128), "Trailer: " + strings.Join(trailers, ",") + "\r\n"} {
		conn := dial(t, r)
		if _, err := io.WriteString(conn, "GET /v2/health/live HTTP/1.1\r\nHost: x\r\n"+fields+"\r\n"); err != nil {
			t.Fatal(err)
		}
		all := rest(t, conn)
		if len(all) != 1 {
			t.Fatalf("%.60q: %v", fields, all)
		}
		bad(t, all[0], http.StatusRequestHeaderFieldsTooLarge)
	}
}

// A client that has written all before it reads gets its answer and no reset, whatever is wrong with what it writes, or
// nobody wants it.
func TestNoReset(t *testing.T) {
	r := listen(t, httpd.Config{})
	long := strings.Repeat("x", 8<<20)
	for _, tt := range []struct {
		text   string
		status int
	}{
		{"GET /v2 HTTP/1.1\r\nHost: x\r\nA: " + long + "\r\n\r\n", 431},
		{"GET /v2 HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("a:b\r\n", 129) + "\r\n" + long, 431},
		{"GET /v2 HTTP/1.1\r\nHost: x\r\nbroken\r\n\r\n" + long, 400},
		{long, 431},
		{"GET /v2/health/live HTTP/1.1\r\nHost: x\r\nContent-Length: 8388608\r\n\r\n" + long, 200},
		{"GET /v2/health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 8388608\r\n\r\n" + long, 200},
		{"GET /v2/health/live HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n800000\r\n" + long + "\r\n0\r\n\r\n", 200},
		{"POST /nothing HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n800000\r\n" + long + "\r\n0\r\n\r\n", 404},
		{"POST /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 8388608\r\n\r\n" + long, 404},
		{"POST /predict/points HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + long, 400},
		{"POST /predict/points HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 99999999\r\n\r\n" + long, 413},
	} {
		conn := dial(t, r)
		if _, err := io.WriteString(conn, tt.text); err != nil {
			t.Errorf("%.100q: %v", tt.text, err)
			continue
		}
		halfClose(t, conn)
		if all := rest(t, conn); len(all) != 1 || all[0].status != tt.status {
			t.Errorf("%.100q: %v", tt.text, all)
		}
	}
}

// The answer to HEAD has no body, whatever it is.
func TestHead(t *testing.T) {
	r := listen(t, httpd.Config{})
	for _, text := range []string{
		"HEAD /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n",
		"HEAD /nothing HTTP/1.1\r\nHost: x\r\n\r\n",
		"HEAD /predict/points HTTP/1.1\r\nHost: x\r\n\r\n",
		"HEAD /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat(" ", 100_000),
		"HEAD /nothing HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"HEAD /v2 HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n[",
	} {
		conn := dial(t, r)
		if _, err := io.WriteString(conn, text); err != nil {
			t.Fatal(err)
		}
		halfClose(t, conn)
		all, err := io.ReadAll(conn)
		if head, body, found := bytes.Cut(all, []byte("\r\n\r\n")); err != nil || !found || len(body) > 0 || !bytes.HasPrefix(head, []byte("HTTP/1.1 ")) {
			t.Errorf("%.60q: %v, %q", text, err, all)
		}
	}
}
