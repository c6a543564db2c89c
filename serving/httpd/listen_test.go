package httpd_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"scalar/serving/host"
	"scalar/serving/httpd"
)

// Connections beyond the limit get an answer and no reset, even when they send much before they read.
func TestMaxConns(t *testing.T) {
	const most = 4
	r := listen(t, httpd.Config{MaxConns: most})
	held := make([]net.Conn, most)
	for i := range held {
		held[i] = dial(t, r)
		if _, err := io.WriteString(held[i], "GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if a := receive(t, held[i]); a.status != http.StatusOK {
			t.Fatalf("connection %d: %d %s", i, a.status, a.body)
		}
	}
	for range 3 {
		conn := dial(t, r)
		if _, err := io.WriteString(conn, "POST /predict/points HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"+strings.Repeat(" ", 1000000)); err != nil {
			t.Fatal(err)
		}
		a := receive(t, conn)
		if m := bad(t, a, http.StatusServiceUnavailable); !strings.Contains(m, "4 connections are open") || a.header.Get("Retry-After") != "1" {
			t.Errorf("%s %v", m, a.header)
		}
	}
	if _, err := io.WriteString(held[0], "GET /v2/health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(held[0]); err != nil {
		t.Fatal(err)
	}
	for { // the server has closed it, and may not have counted that yet
		a := raw(t, r, "GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n")
		if a.status == http.StatusOK {
			break
		}
		bad(t, a, http.StatusServiceUnavailable)
	}
}

// Who speaks plain HTTP to a server with TLS is told so.
func TestPlainToTLS(t *testing.T) {
	cert, _ := certificate(t)
	r := listen(t, httpd.Config{TLS: &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS13}})
	for _, n := range []int{0, 8 << 20} { // it is no reset when more was written than was read
		text := fmt.Sprintf("POST /v2 HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", n, strings.Repeat(" ", n))
		if m := bad(t, raw(t, r, text), http.StatusBadRequest); !strings.Contains(m, "https://") {
			t.Error(m)
		}
	}
}

// A server that was shut down before it served returns at once, and its listener is closed; so does one of which both come at the
// same time.
func TestShutdownFirst(t *testing.T) {
	h := hosted(t, host.Config{})
	for i := range 50 {
		s, err := httpd.New(httpd.Config{Host: h})
		if err != nil {
			t.Fatal(err)
		}
		ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		shut := func() { ended <- s.Shutdown(t.Context()) }
		if i == 0 {
			shut()
		} else {
			go shut()
		}
		if err := s.Serve(ln); err != nil {
			t.Errorf("serve: %v", err)
		}
		if err := <-ended; err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if _, err := ln.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("the listener is open: %v", err)
		}
	}
}
