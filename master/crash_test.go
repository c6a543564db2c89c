package master_test

import (
	"bufio"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"scalar/bsp/job"
	"scalar/master"

	wal "github.com/hashicorp/raft-wal"
)

// TestCrashWhileFounding starts on what a kill between the two writes of a
// founding leaves: a term and no log.
func TestCrashWhileFounding(t *testing.T) {
	t.Parallel()
	c := prepare(t, 1)
	cfg := c.config(t, 0)
	dir := filepath.Join(cfg.DataDir, "raft")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	log, err := wal.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := log.SetUint64([]byte("CurrentTerm"), 1); err != nil {
		t.Fatal(err)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	c.start(t, cfg)
	c.leader(t)
}

// shortListener is short of descriptors at first.
type shortListener struct {
	net.Listener
	left atomic.Int32
}

func (l *shortListener) Accept() (net.Conn, error) {
	if l.left.Add(-1) >= 0 {
		return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	}
	return l.Listener.Accept()
}

func TestMasterOutlivesAShortageOfDescriptors(t *testing.T) {
	t.Parallel()
	c := prepare(t, 2)
	for i := range 2 {
		c.start(t, c.config(t, i), func(m *master.Master) {
			m.WrapListener(func(l net.Listener) net.Listener {
				short := &shortListener{Listener: l}
				short.left.Store(3)
				return short
			})
		})
	}
	c.leader(t)
}

// TestRequestIDStopsOneJob shows that a request id used twice does not pass for
// the stop of another job.
func TestRequestIDStopsOneJob(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 1)
	n := c.nodes[0]
	first, second := c.submit(t, n, "one", ""), c.submit(t, n, "two", "")
	stop := func(id string) response {
		return c.do(t, n, request{method: http.MethodPost, path: "/v1/jobs/" + id + "/stop", id: "again"})
	}
	if r := stop(string(first)); r.status != http.StatusOK {
		t.Errorf("stop: %d %s", r.status, r.body)
	}
	if r := stop(string(second)); r.status != http.StatusConflict {
		t.Errorf("stop of another job under the same request id: %d %s", r.status, r.body)
	}
	if r := stop(string(first)); r.status != http.StatusOK {
		t.Errorf("stop again: %d %s", r.status, r.body)
	}
}

// TestRequestIDRevokesOneToken: of two tokens or grooms under one request id the
// second is refused, not left as it is in silence.
func TestRequestIDRevokesOneToken(t *testing.T) {
	t.Parallel()
	c := newCluster(t, 1)
	n := c.nodes[0]
	first, second := c.token(t, job.Viewer, "a"), c.token(t, job.Viewer, "b")
	revoke := func(id string) response {
		return c.do(t, n, request{method: http.MethodDelete, path: "/v1/tokens/" + id, id: "again"})
	}
	if r := revoke(first.ID); r.status != http.StatusNoContent {
		t.Errorf("revoke: %d %s", r.status, r.body)
	}
	if r := revoke(first.ID); r.status != http.StatusNoContent {
		t.Errorf("revoke again: %d %s", r.status, r.body)
	}
	if r := revoke(second.ID); r.status != http.StatusConflict || !strings.Contains(string(r.body), first.ID) {
		t.Errorf("revoke of another token under the same request id: %d %s", r.status, r.body)
	}
	if r := c.do(t, n, request{method: http.MethodGet, path: "/v1/status", token: second.Secret}); r.status != http.StatusOK {
		t.Errorf("the other token: %d", r.status)
	}

	for _, name := range []string{"g1", "g2"} {
		if _, err := c.groom(t, n, name); err != nil {
			t.Fatal(err)
		}
	}
	for _, what := range []string{"drain", "undrain"} {
		call := func(groom string) response {
			return c.do(t, n, request{method: http.MethodPost, path: "/v1/nodes/" + groom + "/" + what, id: what})
		}
		eventually(t, what+" of a groom that has registered", func() bool { return call("g1").status == http.StatusOK })
		if r := call("g2"); r.status != http.StatusConflict || !strings.Contains(string(r.body), "groom g1") {
			t.Errorf("%s of another groom under the same request id: %d %s", what, r.status, r.body)
		}
	}
}

// TestBodyOfAReadHasADeadline shows that who promises a body and sends none does
// not keep a connection for ever, and that streams have none.
func TestBodyOfAReadHasADeadline(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		head string
		want bool
	}{
		{"GET / HTTP/1.1\r\nHost: x\r\n\r\n", false},
		{"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", false},
		{"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n", true},
		{"HEAD / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", true},
		{"POST / HTTP/1.1\r\nHost: x\r\n\r\n", true},
	} {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(c.head)))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := master.ReadsInTime(r); got != c.want || err != nil {
			t.Errorf("%q: deadline %t, %v", c.head, got, err)
		}
	}
}

// TestAnswersOfUnknownLengthHaveADeadline: what a follower passes on may be long,
// and its reader may be gone; but a stream may be silent.
func TestAnswersOfUnknownLengthHaveADeadline(t *testing.T) {
	t.Parallel()
	if n, left, err := master.WritesInTime(3); n != 6 || left || err != nil {
		t.Errorf("%d deadlines for 3 writes and flushes, one is left: %t, %v", n, left, err)
	}
}

// TestConnectionsAreBounded shows that clients that hold connections are refused
// more of them, and that others get in when they let go.
func TestConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ConnState = master.LimitConns(2)
	s.Start()
	defer s.Close()
	call := func() (net.Conn, bool) {
		t.Helper()
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = conn.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
		line, err := bufio.NewReader(conn).ReadString('\n')
		return conn, err == nil && strings.Contains(line, "404")
	}
	first, ok := call()
	second, ok2 := call()
	third, ok3 := call()
	defer second.Close()
	defer third.Close()
	if !ok || !ok2 || ok3 {
		t.Fatalf("answered: %t, %t, %t", ok, ok2, ok3)
	}
	_ = first.Close()
	eventually(t, "a place is free", func() bool {
		conn, ok := call()
		_ = conn.Close()
		return ok
	})
}
