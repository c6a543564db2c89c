package httpd_test

import (
	"bufio"
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"scalar/serving/host"
	"scalar/serving/httpd"
)

// steady gives up to n bytes at a time.
type steady struct {
	io.Reader

	n int
}

func (s steady) Read(p []byte) (int, error) { return s.Reader.Read(p[:min(len(p), s.n)]) }

// A body that comes slowly takes little more memory than what has come, and comes out as it went in.
func TestGather(t *testing.T) {
	h := hosted(t, host.Config{})
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{1, 4095, 4096, 4097, 8192, 20_000, 61_439, 61_440, 61_441, 64 << 10, 70_000, 300_000} {
		want := make([]byte, n)
		for i := range want {
			want[i] = byte(r.Uint32())
		}
		s, err := httpd.New(httpd.Config{Host: h})
		if err != nil {
			t.Fatal(err)
		}
		for turn := range 2 { // the second time there is memory of the first to borrow
			for _, length := range []int{n, -1} {
				for i, from := range []io.Reader{
					bytes.NewReader(want), iotest.DataErrReader(bytes.NewReader(want)),
					steady{bytes.NewReader(want), 1},
					steady{bytes.NewReader(want), 4095},
					steady{bytes.NewReader(want), 4097},
				} {
					got, most, err := httpd.Gather(s, from, length)
					if err != nil || !bytes.Equal(got, want) {
						t.Fatalf("%d bytes: %d came, or others; %v", n, len(got), err)
					}
					if turn == 0 && i == 0 && length == n && n <= 60<<10 && most > 4<<10 {
						t.Errorf("%d bytes took %d more while they came", n, most)
					}
				}
			}
		}
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// Who is refused hears of it when the header is there, also of a body that is long: none of it is waited for.
func TestRefusedBeforeBody(t *testing.T) {
	r := listen(t, httpd.Config{})
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(r.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	// A byte of the body is what fasthttp waits for.
	if _, err := io.WriteString(conn, "POST /v2/models/none/infer HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 20000\r\n\r\n{"); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusNotFound {
		t.Errorf("status %d", resp.StatusCode)
	}
}
