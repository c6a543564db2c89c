package httpd_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"scalar/serving/host"
	"scalar/serving/httpd"
)

// dial returns a connection to a server on a socket.
func dial(tb testing.TB, r *running) net.Conn {
	tb.Helper()
	conn, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", strings.TrimPrefix(strings.TrimPrefix(r.url, "http://"), "https://"))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		tb.Fatal(err)
	}
	return conn
}

// raw writes a text to a server and reads an answer.
func raw(tb testing.TB, r *running, text string) answer {
	tb.Helper()
	conn := dial(tb, r)
	if _, err := io.WriteString(conn, text); err != nil {
		tb.Fatal(err)
	}
	return receive(tb, conn)
}

// receive reads an answer.
func receive(tb testing.TB, conn io.Reader) answer {
	tb.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		tb.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		tb.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, body}
}

// A client that writes all of an 80 MiB body before it reads gets its answer, and no reset. So does one that
// writes chunks without saying how much, and over TLS.
func TestLongBody(t *testing.T) {
	const long = 80 << 20
	h := hosted(t, host.Config{})
	cert, pool := certificate(t)
	plain, secure := listen(t, httpd.Config{Host: h}), listen(t, httpd.Config{Host: h, TLS: &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS13}})
	block := bytes.Repeat([]byte(" "), 1<<20)
	for _, chunked := range []bool{false, true} {
		for _, r := range []*running{plain, secure} {
			conn := dial(t, r)
			if r == secure {
				conn = tls.Client(conn, &tls.Config{RootCAs: pool, ServerName: "localhost", MinVersion: tls.VersionTLS13})
			}
			head := fmt.Sprintf("Content-Length: %d\r\n\r\n", long)
			if chunked {
				head = "Transfer-Encoding: chunked\r\n\r\n"
			}
			if _, err := io.WriteString(conn, "POST /v2/models/points/infer HTTP/1.1\r\nHost: x\r\nX-Request-Id: me\r\n"+head); err != nil {
				t.Fatal(err)
			}
			for range long / len(block) {
				var err error
				if chunked {
					_, err = fmt.Fprintf(conn, "%x\r\n%s\r\n", len(block), block)
				} else {
					_, err = conn.Write(block)
				}
				if err != nil {
					t.Fatalf("chunked %t: %v", chunked, err)
				}
			}
			a := receive(t, conn)
			bad(t, a, http.StatusRequestEntityTooLarge)
			if a.header.Get("X-Request-Id") != "me" {
				t.Errorf("%v", a.header)
			}
		}
	}
	plain.post("/v2/models/points/infer", twoPoints)
}

// A client that waits for 100 Continue need not send what is too long, and may send the rest.
func TestExpect(t *testing.T) {
	r := listen(t, httpd.Config{MaxBody: 1000})
	const head = "POST /v2/models/points/infer HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
	bad(t, raw(t, r, head+"Content-Length: 1001\r\n\r\n"), http.StatusRequestEntityTooLarge)
	conn := dial(t, r)
	fmt.Fprintf(conn, "%sContent-Length: %d\r\n\r\n", head, len(twoPoints))
	in := bufio.NewReader(conn)
	if line, err := in.ReadString('\n'); err != nil || line != "HTTP/1.1 100 Continue\r\n" {
		t.Fatalf("%q, %v", line, err)
	}
	in.ReadString('\n')
	io.WriteString(conn, twoPoints)
	if a := receive(t, in); a.status != http.StatusOK {
		t.Errorf("%d: %s", a.status, a.body)
	}
}

// A body of the limit is read, and one of a byte more is not, whatever says its length.
func TestLimit(t *testing.T) {
	r := start(t, httpd.Config{MaxBody: len(twoPoints)})
	r.post("/v2/models/points/infer", twoPoints)
	bad(t, r.do(http.MethodPost, "/v2/models/points/infer", []byte(twoPoints+" ")), http.StatusRequestEntityTooLarge)
	for extra, status := range map[string]int{"": http.StatusOK, " ": http.StatusRequestEntityTooLarge} {
		req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, r.url+"/v2/models/points/infer", io.MultiReader(strings.NewReader(twoPoints+extra))) // chunked
		if err != nil {
			t.Fatal(err)
		}
		resp, err := r.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != status {
			t.Errorf("chunked, %q more: %d", extra, resp.StatusCode)
		}
	}
}

// What is no request, or half of one, gets its answer.
func TestMalformed(t *testing.T) {
	r := listen(t, httpd.Config{HeaderTimeout: 300 * time.Millisecond, BodyTimeout: 300 * time.Millisecond})
	const head = "POST /v2/models/points/infer HTTP/1.1\r\nHost: x\r\n"
	for _, tt := range []struct {
		text   string
		status int
	}{
		{"hello\r\n\r\n", 400},
		{"GET /v2 HTTP/1.1\r\nHost: x\r\nbroken\r\n\r\n", 400},
		{"GET /v2 HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
		{"GET /v2 HTTP/1.1\r\nHost: [x\r\n\r\n", 400},
		{head + "Content-Length: x\r\n\r\n", 400},
		{head + "Content-Length: -5\r\n\r\n", 400},
		{head + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n", 400},
		{"GET /v2 HTTP/1.1\r\nHost: x\r\nA: " + strings.Repeat("a", 20_000) + "\r\n\r\n", 431},
		{head + "Content-Length: 100\r\n\r\n" + twoPoints[:50], 408},
		{head + "Content-Length: 100000\r\n\r\n" + strings.Repeat(" ", 50_000), 408},
		{head + "Transfer-Encoding: chunked\r\n\r\n10\r\nabc", 408},
		{"GET /v2 HT", 408},
		{head + "Content-Length: 50\r\n\r\n" + twoPoints, 400},
		{head + "Content-Length: 0\r\n\r\n" + twoPoints, 400},
		{head + "Content-Length: 4611686018427387904\r\n\r\n" + twoPoints, 413},
		{head + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n" + twoPoints, 400},
	} {
		a := raw(t, r, tt.text)
		if a.status != tt.status {
			t.Errorf("%.150q:", tt.text)
		}
		bad(t, a, tt.status)
	}
	// Half a body and the end of what the client writes.
	for _, n := range []int{100, 100_000} {
		conn := dial(t, r)
		fmt.Fprintf(conn, "%sContent-Length: %d\r\n\r\n%s", head, n, strings.Repeat(" ", n/2))
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		bad(t, receive(t, conn), http.StatusBadRequest)
	}
	same(t, string(raw(t, r, "GET /v2/health/live HTTP/1.0\r\n\r\n").body), `{"live":true}`)
	same(t, string(raw(t, r, "GET /v2/health/live HTTP/1.1\r\nHost: [::1]:80\r\nConnection: close\r\n\r\n").body), `{"live":true}`)
}

// A thousand clients that send half a request take little memory, are closed by the deadline, and others are answered meanwhile.
func TestSlowClients(t *testing.T) {
	r := listen(t, httpd.Config{HeaderTimeout: 3 * time.Second, BodyTimeout: 3 * time.Second})
	memory := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapInuse + m.StackInuse
	}
	before := memory()
	conns := make([]net.Conn, 0, 1000)
	for i := range 1000 {
		conn := dial(t, r)
		conns = append(conns, conn)
		text := "POST /v2/models/points/infer HTTP/1.1\r\nHost: x\r\nContent-Length: 60000000\r\n\r\n{\"inputs\""
		if i%2 == 0 {
			text = text[:30]
		}
		if _, err := io.WriteString(conn, text); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	r.post("/v2/models/points/infer", twoPoints)
	if took := time.Since(began); took > time.Second {
		t.Errorf("another client waited for %v", took)
	}
	if more := int64(memory()) - int64(before); more > 64<<20 {
		t.Errorf("they take %d bytes", more)
	} else {
		t.Logf("1000 half requests take %d KiB", more>>10)
	}
	for _, conn := range conns {
		if _, err := io.Copy(io.Discard, conn); err != nil && !strings.Contains(err.Error(), "reset") {
			t.Fatal(err)
		}
	}
	if took := time.Since(began); took > time.Minute {
		t.Errorf("they were closed after %v", took)
	}
}

// A client that sends a long body slowly holds no version: what is replaced meanwhile goes at once, and the new one answers.
func TestSlowBodyHoldsNoVersion(t *testing.T) {
	r := listen(t, httpd.Config{})
	conn := dial(t, r)
	const length = 200_000
	fmt.Fprintf(conn, "POST /v2/models/points/infer HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", length, strings.Repeat(" ", length/2))
	for r.Counted() == 0 { // it is being read
		runtime.Gosched()
	}
	if err := r.host.Load(t.Context(), "points", "2", golden(t, "points")); err != nil {
		t.Fatal(err)
	}
	if err := r.host.Unload("points", "1"); err != nil {
		t.Fatal(err)
	}
	if _, draining := r.host.Usage(); draining != 0 {
		t.Error("its version is held while a body comes")
	}
	io.WriteString(conn, twoPoints+strings.Repeat(" ", length-length/2-len(twoPoints)))
	if a := receive(t, conn); a.status != http.StatusOK || !bytes.Contains(a.body, []byte(`"model_version":"2"`)) {
		t.Errorf("%d: %s", a.status, a.body)
	}
	if _, draining := r.host.Usage(); draining != 0 {
		t.Error("a version is held after the answer")
	}
}

// A request that is there at the end is answered, and the server ends then.
func TestShutdown(t *testing.T) {
	r := listen(t, httpd.Config{})
	conn := dial(t, r)
	fmt.Fprintf(conn, "POST /v2/models/points/infer HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n%s", twoPoints)
	time.Sleep(100 * time.Millisecond)
	done := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		done <- r.Shutdown(ctx)
	}()
	time.Sleep(100 * time.Millisecond)
	select {
	case err := <-done:
		t.Fatalf("the server ended before the request did: %v", err)
	default:
	}
	io.WriteString(conn, strings.Repeat(" ", 100_000-len(twoPoints)))
	if a := receive(t, conn); a.status != http.StatusOK {
		t.Errorf("%d: %s", a.status, a.body)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}
