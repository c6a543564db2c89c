package httpd_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"scalar/serving/cache"
	"scalar/serving/host"
	"scalar/serving/httpd"
)

// Requests that come at once are answered in their order, whatever is read of their bodies: one in the buffer, one longer than it,
// one in chunks, and bodies that nobody reads.
func TestPipelined(t *testing.T) {
	r := listen(t, httpd.Config{})
	conn := dial(t, r)
	const head = "POST /predict/points HTTP/1.1\r\nHost: x\r\nX-Request-Id: "
	long := "[8,8" + strings.Repeat(" ", 40_000) + "]"
	unread := "GET /v2/health/live HTTP/1.1\r\nHost: x\r\nX-Request-Id: "
	text := head + "0\r\nContent-Length: 5\r\n\r\n[8,8]" +
		head + fmt.Sprintf("1\r\nContent-Length: %d\r\n\r\n%s", len(long), long) +
		head + "2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[8\r\n3\r\n,8]\r\n0\r\n\r\n" +
		unread + "3\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[8\r\n3\r\n,8]\r\n0\r\n\r\n" +
		unread + "4\r\nContent-Length: 5\r\n\r\nhello" +
		unread + fmt.Sprintf("5\r\nContent-Length: %d\r\n\r\n%s", len(long), long) +
		"POST /nothing HTTP/1.1\r\nHost: x\r\nX-Request-Id: 6\r\n" + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(long), long) +
		"HEAD /v2 HTTP/1.1\r\nHost: x\r\nX-Request-Id: 7\r\n\r\n" +
		head + "8\r\nContent-Length: 5\r\nConnection: close\r\n\r\n[8,8]"
	go io.WriteString(conn, text) // what is missing has no answer
	in := bufio.NewReader(conn)
	for i := range 9 {
		req := &http.Request{Method: http.MethodGet}
		if i == 7 {
			req.Method = http.MethodHead
		}
		resp, err := http.ReadResponse(in, req)
		if err != nil {
			t.Fatalf("answer %d: %v", i, err)
		}
		body, err := io.ReadAll(resp.Body)
		err = errors.Join(err, resp.Body.Close())
		if err != nil {
			t.Fatalf("answer %d: %v", i, err)
		}
		status, want := http.StatusOK, `{"cluster":`
		switch i {
		case 3, 4, 5:
			want = `{"live":true}`
		case 6:
			status, want = http.StatusNotFound, `{"error":`
		case 7:
			want = ""
		}
		if resp.StatusCode != status || !strings.HasPrefix(string(body), want) || i == 7 && len(body) > 0 || resp.Header.Get("X-Request-Id") != itoa(i) || resp.Header.Get("Server") != "bsp" || resp.Header.Get("Date") == "" {
			t.Errorf("answer %d: %d %q %v", i, resp.StatusCode, body, resp.Header)
		}
	}
	if n, err := in.Read(make([]byte, 1)); n > 0 || err == nil {
		t.Errorf("the connection goes on: %d, %v", n, err)
	}
}

// More of a body than is skipped, in chunks or not, ends the connection when nobody reads it.
func TestUnread(t *testing.T) {
	r := listen(t, httpd.Config{})
	const head = "GET /v2/health/live HTTP/1.1\r\nHost: x\r\n"
	for _, text := range []string{
		head + "Content-Length: 100000\r\n\r\n" + strings.Repeat(" ", 100_000),
		head + "Transfer-Encoding: chunked\r\n\r\n186a0\r\n" + strings.Repeat(" ", 100_000) + "\r\n0\r\n\r\n",
	} {
		conn := dial(t, r)
		go io.WriteString(conn, text) // it may be closed before
		in := bufio.NewReader(conn)
		if a := receive(t, in); a.status != http.StatusOK {
			t.Errorf("%d: %s", a.status, a.body)
		}
		if _, err := in.ReadByte(); err == nil {
			t.Error("there is another answer")
		}
	}
}

// Connections that wait for nothing end with the server at once, others are answered, and a second end waits as the first does.
func TestShutdownIdle(t *testing.T) {
	r := listen(t, httpd.Config{})
	idle, busy := dial(t, r), dial(t, r)
	io.WriteString(idle, "GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n")
	in := bufio.NewReader(idle)
	receive(t, in)
	io.WriteString(busy, "POST /predict/points HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
	answers := bufio.NewReader(busy)
	if line, err := answers.ReadString('\n'); err != nil || line != "HTTP/1.1 100 Continue\r\n" {
		t.Fatalf("%q, %v", line, err)
	}
	answers.ReadString('\n')
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	done := make(chan error, 2)
	for range cap(done) {
		go func() { done <- r.Shutdown(ctx) }()
	}
	if _, err := in.ReadByte(); err == nil {
		t.Error("an idle connection goes on")
	}
	select {
	case err := <-done:
		t.Fatalf("the server ended before the request did: %v", err)
	default:
	}
	io.WriteString(busy, "[8,8]")
	if a := receive(t, answers); a.status != http.StatusOK {
		t.Errorf("%d: %s", a.status, a.body)
	}
	for range cap(done) {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// A burst of requests that comes in two pieces, cut anywhere, is answered as one that comes at once. Who has ended what it writes
// has all answers, and then the end.
func TestPipelinedCut(t *testing.T) {
	r := listen(t, httpd.Config{})
	const head = "POST /predict/points HTTP/1.1\r\nHost: x\r\n"
	text := head + "Content-Length: 5\r\n\r\n[8,8]" + "GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n" +
		head + "Transfer-Encoding: chunked\r\n\r\n2\r\n[8\r\n3\r\n,8]\r\n0\r\n\r\n" + head + "Content-Length: 5\r\n\r\n[8,8]"
	for cut := range len(text) {
		conn := dial(t, r)
		for _, part := range []string{text[:cut], text[cut:]} {
			if _, err := io.WriteString(conn, part); err != nil {
				t.Fatal(err)
			}
		}
		halfClose(t, conn)
		all := rest(t, conn)
		if len(all) != 4 || string(all[1].body) != `{"live":true}` {
			t.Fatalf("cut at %d: %v", cut, all)
		}
		for _, i := range []int{0, 2, 3} {
			if all[i].status != http.StatusOK || !strings.HasPrefix(string(all[i].body), `{"cluster":`) {
				t.Fatalf("cut at %d, answer %d: %s", cut, i, all[i].body)
			}
		}
	}
}

// A client that does not read its answers is given up when there has been time for one, and its memory is free then.
func TestNoReader(t *testing.T) {
	r := listen(t, httpd.Config{WriteTimeout: 300 * time.Millisecond})
	conn := dial(t, r)
	rows := "[" + strings.Repeat("[1,2],", 300_000) + "[1,2]]"
	request := fmt.Sprintf("POST /predict/points HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(rows), rows)
	for {
		if _, err := io.WriteString(conn, request); err != nil { // nobody reads any more
			break
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := r.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	if n := r.Counted(); n != 0 {
		t.Errorf("%d bytes count", n)
	}
}

// A connection that nobody has used for a while is ended.
func TestIdle(t *testing.T) {
	r := listen(t, httpd.Config{IdleTimeout: 200 * time.Millisecond})
	conn := dial(t, r)
	if _, err := io.WriteString(conn, "GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if all := rest(t, conn); len(all) != 1 || all[0].status != http.StatusOK {
		t.Errorf("%v", all)
	}
}

// A short body that does not come with its header has the time of a body.
func TestShortBodyTime(t *testing.T) {
	r := listen(t, httpd.Config{BodyTimeout: 200 * time.Millisecond})
	began := time.Now()
	bad(t, raw(t, r, "POST /predict/points HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n[8"), http.StatusRequestTimeout)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it was waited for, for %v", took)
	}
}

// A listening listens, and its connections panic when they are read from.
type listening struct{ net.Listener }

type panicking struct{ net.Conn }

func (l listening) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	return panicking{nc}, err
}

func (panicking) Read([]byte) (int, error) { panic("boom") }

// A panic outside the handler, such as one of the parser, ends its connection and nothing else.
func TestPanickingConnection(t *testing.T) {
	var log bytes.Buffer
	r := listen(t, httpd.Config{Log: logger(&log)})
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- r.Serve(listening{ln}) }()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if n, err := conn.Read(make([]byte, 1)); n > 0 || err == nil {
		t.Errorf("%d bytes, %v", n, err)
	}
	r.get("/v2/health/live")
	if err := r.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if !strings.Contains(log.String(), "boom") || !strings.Contains(log.String(), "conn.go") {
		t.Errorf("the log has %s", log.String())
	}
}

// What is in a connection's buffer, and goes to a model as it is, is nobody's when its request was given up at its deadline: requests that
// come behind it, on this connection and others, have the answers to their own rows.
func TestGivenUp(t *testing.T) {
	r := listen(t, httpd.Config{Host: hosted(t, host.Config{Cores: 1})})
	const rows, clients, bursts = 32, 16, 30
	wants, requests := make([]string, rows), make([]string, rows)
	for i := range rows {
		head, tail := binaryPoints(float32(i), float32(2*i))
		wants[i] = r.post("/v2/models/points/infer", head+tail, "Inference-Header-Content-Length", itoa(len(head)))
		requests[i] = fmt.Sprintf("POST /v2/models/points/infer HTTP/1.1\r\nHost: x\r\nX-Request-Timeout-Ms: %%d\r\nInference-Header-Content-Length: %d\r\nContent-Length: %d\r\n\r\n%s%s",
			len(head), len(head)+len(tail), strings.ReplaceAll(head, "%", "%%"), strings.ReplaceAll(tail, "%", "%%"))
	}
	var asking sync.WaitGroup
	for client := range clients {
		conn := dial(t, r)
		asking.Go(func() {
			in := bufio.NewReader(conn)
			for burst := range bursts {
				var text strings.Builder
				for i := range rows {
					fmt.Fprintf(&text, requests[(i+client+burst)%rows], 1+i%2*60_000)
				}
				if _, err := io.WriteString(conn, text.String()); err != nil {
					t.Error(err)
					return
				}
				for i := range rows {
					resp, err := http.ReadResponse(in, nil)
					if err != nil {
						t.Error(err)
						return
					}
					body, err := io.ReadAll(resp.Body)
					if err = errors.Join(err, resp.Body.Close()); err != nil {
						t.Error(err)
						return
					}
					late := i%2 == 0 && resp.StatusCode >= http.StatusServiceUnavailable
					if want := wants[(i+client+burst)%rows]; !late && (resp.StatusCode != http.StatusOK || string(body) != want) {
						t.Errorf("%d %s, want %s", resp.StatusCode, body, want)
					}
				}
			}
		})
	}
	asking.Wait()
}

// A counting listener counts how often its connections are written to.
type counting struct {
	net.Listener

	writes atomic.Int64
}

type counted struct {
	net.Conn

	writes *atomic.Int64
}

func (l *counting) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	return counted{nc, &l.writes}, err
}

func (c counted) Write(b []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(b)
}

// A burst of requests that is there as a whole has its answers at once, but none waits for a model, or for what has not come.
func TestBurst(t *testing.T) {
	under, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln := &counting{Listener: under}
	r := serve(t, httpd.Config{Caches: map[string]cache.Config{"points": {MaxBytes: 1 << 20}}}, ln, "http://"+under.Addr().String())
	const live = "GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n"
	row := func(x int) string {
		return fmt.Sprintf("POST /predict/points HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\n[%d,8]", x)
	}
	const chunks = "POST /predict/points HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n"
	conn := dial(t, r)
	in := bufio.NewReader(conn)
	for _, tt := range []struct {
		what, text      string
		answers, writes int
	}{
		{"health", strings.Repeat(live, 40), 40, 1},
		{"one that is computed", live + row(10) + live, 3, 2},
		{"hits", strings.Repeat(row(10), 40), 40, 1},
		{"some computed", strings.Repeat(live, 10) + row(11) + strings.Repeat(live, 10) + row(12) + strings.Repeat(row(11), 10), 32, 3},
		{"half of another", strings.Repeat(live, 10) + live[:20], 10, 1},
		{"its rest", live[20:], 1, 1},
		{"a header", live + chunks, 2, 2}, // with 100 Continue
		{"its rest", "0\r\n\r\n", 1, 1},
	} {
		before := ln.writes.Load()
		if _, err := io.WriteString(conn, tt.text); err != nil {
			t.Fatal(err)
		}
		for range tt.answers {
			resp, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatalf("%s: %v", tt.what, err)
			}
			if _, err := io.Copy(io.Discard, resp.Body); err != nil {
				t.Fatalf("%s: %v", tt.what, err)
			}
			resp.Body.Close()
		}
		if n := ln.writes.Load() - before; n != int64(tt.writes) {
			t.Errorf("%s: %d answers were written in %d steps, want %d", tt.what, tt.answers, n, tt.writes)
		}
	}
}
