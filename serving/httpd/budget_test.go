package httpd_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"

	"scalar/serving/host"
	"scalar/serving/httpd"
)

// live returns the memory that is in use.
func live() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// Many large bodies at once take no more memory than all may have: some are refused with 503 and when to come back, the others are answered,
// and small requests meanwhile too.
func TestManyLargeBodies(t *testing.T) {
	const clients, size, limit = 48, 4 << 20, 32 << 20
	r := listen(t, httpd.Config{MaxBody: size, MaxBodies: limit})
	r.post("/predict/points", "[1,2]")
	before := live()
	conns := make([]net.Conn, clients)
	padding := bytes.Repeat([]byte(" "), 1<<20)
	for i := range conns {
		conns[i] = dial(t, r)
	}
	var sending sync.WaitGroup
	for _, conn := range conns {
		sending.Go(func() { // all but the last byte
			fmt.Fprintf(conn, "POST /predict/points HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", size)
			for range size/len(padding) - 1 {
				if _, err := conn.Write(padding); err != nil {
					t.Error(err)
				}
			}
			if _, err := conn.Write(padding[:len(padding)-6]); err != nil {
				t.Error(err)
			}
			if _, err := io.WriteString(conn, "[1,2 "); err != nil {
				t.Error(err)
			}
		})
	}
	sending.Wait()
	r.post("/predict/points", "[1,2]")
	if n := r.Counted(); n > limit {
		t.Errorf("%d bytes count, of %d", n, limit)
	}
	if more := live() - before; more > limit+16<<20 {
		t.Errorf("%d requests of %d bytes take %d, and may have %d", clients, size, more, limit)
	} else {
		t.Logf("%d requests of %d MiB take %d MiB, and may have %d", clients, size>>20, more>>20, limit>>20)
	}
	statuses := map[int]int{}
	for _, conn := range conns {
		io.WriteString(conn, "]") // who was refused does not listen any more
		a := receive(t, conn)
		statuses[a.status]++
		if a.status != http.StatusOK {
			if m := bad(t, a, http.StatusServiceUnavailable); !strings.Contains(m, "come back soon") || a.header.Get("Retry-After") != "1" {
				t.Errorf("%q, %v", m, a.header)
			}
		}
	}
	if statuses[http.StatusOK] < 3 || statuses[http.StatusOK]+statuses[http.StatusServiceUnavailable] != clients || statuses[http.StatusServiceUnavailable] < clients/2 {
		t.Errorf("statuses %v", statuses)
	}
	if n := r.Counted(); n != 0 {
		t.Errorf("%d bytes count when all is answered", n)
	}
	if page := r.get("/metrics"); !strings.Contains(page, fmt.Sprintf("\nbsp_serve_bodies_refusals_total %d\n", statuses[http.StatusServiceUnavailable])) {
		t.Error("the refusals are not counted")
	}
}

// What a body is unpacked to counts as the body does. All of many may be refused, if all grow at once; the next has its answer.
func TestManyBombs(t *testing.T) {
	const clients, size = 32, 4 << 20
	r := start(t, httpd.Config{MaxBody: size, MaxBodies: 16 << 20})
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	fmt.Fprintf(w, "[1,%s2]", strings.Repeat(" ", size-10))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if _, counted, err := httpd.Decompress(r.Server, "gzip", packed.Bytes()); err != nil || counted < size {
		t.Errorf("%d bytes count, %v", counted, err)
	}
	ask := func() int {
		return r.do(http.MethodPost, "/predict/points", packed.Bytes(), "Content-Encoding", "gzip", "Content-Type", "application/json").status
	}
	var mu sync.Mutex
	statuses := map[int]int{}
	var asking sync.WaitGroup
	for range clients {
		asking.Go(func() {
			status := ask()
			mu.Lock()
			defer mu.Unlock()
			statuses[status]++
		})
	}
	asking.Wait()
	if statuses[http.StatusOK]+statuses[http.StatusServiceUnavailable] != clients {
		t.Errorf("statuses %v", statuses)
	}
	if status := ask(); status != http.StatusOK {
		t.Errorf("alone it has %d", status)
	}
	if n := r.Counted(); n != 0 {
		t.Errorf("%d bytes count when all is answered", n)
	}
}

// A large answer counts until its client has read it, or has gone.
func TestLargeAnswer(t *testing.T) {
	r := listen(t, httpd.Config{})
	rows := "[" + strings.Repeat("[1,2],", 200_000) + "[1,2]]"
	request := fmt.Sprintf("POST /predict/points HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(rows), rows)
	conn := dial(t, r)
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	first := make([]byte, 15)
	if _, err := io.ReadFull(conn, first); err != nil || string(first) != "HTTP/1.1 200 OK" {
		t.Fatalf("%q, %v", first, err)
	}
	if n := r.Counted(); n < 4<<20 {
		t.Errorf("%d bytes count while the answer is not read", n)
	}
	a := receive(t, io.MultiReader(bytes.NewReader(first), conn))
	if n := bytes.Count(a.body, []byte(`"cluster"`)); n != 200_001 {
		t.Errorf("%d rows are answered", n)
	}
	gone := dial(t, r)
	if _, err := io.WriteString(gone, request); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(gone, first); err != nil {
		t.Fatal(err)
	}
	if err := gone.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := r.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	if n := r.Counted(); n != 0 {
		t.Errorf("%d bytes count at the end", n)
	}
}

// Limits of all bodies that a single one could not keep are refused at the start; and what can never fit is 413.
func TestBodiesLimit(t *testing.T) {
	h := hosted(t, host.Config{})
	for _, c := range []httpd.Config{{Host: h, MaxBodies: 1}, {Host: h, MaxBodies: -1}, {Host: h, MaxBody: 32 << 20, MaxBodies: 127 << 20}} {
		if _, err := httpd.New(c); err == nil || !strings.Contains(err.Error(), "want at least") {
			t.Errorf("%d of %d: %v", c.MaxBodies, c.MaxBody, err)
		}
	}
	r := start(t, httpd.Config{Host: h, MaxBody: 2 << 20, MaxBodies: 16 << 20})
	rows := "[" + strings.Repeat("[1,2],", 300_000) + "[1,2]]"
	if m := bad(t, r.do(http.MethodPost, "/predict/points", []byte(rows), "Content-Type", "application/json"), http.StatusRequestEntityTooLarge); !strings.Contains(m, "send fewer rows") {
		t.Error(m)
	}
	r.post("/predict/points", "[1,2]")
	if n := r.Counted(); n != 0 {
		t.Errorf("%d bytes count when all is answered", n)
	}
}
