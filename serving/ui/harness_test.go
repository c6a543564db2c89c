package ui_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"scalar/bsp/bsptest"
	"scalar/bsp/builtin"
	"scalar/ml/programs"
	"scalar/serving/host"
	"scalar/serving/httpd"
)

// Keys as the browser is sent them.
const (
	arrowUp   = "\u0304"
	arrowDown = "\u0301"
)

// golden is a golden folder of ml/model.
func golden(tb testing.TB, name string) string {
	tb.Helper()
	folder, err := filepath.Abs("../../ml/model/testdata/v1/" + name)
	if err != nil {
		tb.Fatal(err)
	}
	return folder
}

func key(token, namespace string, admin bool) httpd.Key {
	sum := sha256.Sum256([]byte(token))
	return httpd.Key{SHA256: hex.EncodeToString(sum[:]), Namespace: namespace, Admin: admin}
}

// train trains a net and returns its folder.
func train(t *testing.T, input string, options ...string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	r, err := builtin.NewCatalog(programs.Programs("test")).NewRunner("mlp", options)
	if err != nil {
		t.Fatal(err)
	}
	result := bsptest.Run(t, bsptest.Config{Input: input}, r)
	for name, b := range result.Files {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// uciDigits is the file of the UCI digits: 8 × 8 numbers up to 16.
func uciDigits(t *testing.T) string {
	t.Helper()
	file, err := filepath.Abs("../../examples/digits/train.csv.gz")
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// enlarged is a file of the UCI digits as MNIST has digits: 28 × 28 numbers up to 255, of which the middle 20 × 20 are drawn on.
func enlarged(t *testing.T) string {
	t.Helper()
	f, err := os.Open(uciDigits(t))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n")[1:] {
		cells := strings.Split(line, ",")
		for p := range 28 * 28 {
			out.WriteString(strconv.Itoa(int(pixel(t, cells, p%28-4, p/28-4))) + ",")
		}
		out.WriteString(cells[64] + "\n")
	}
	file := filepath.Join(t.TempDir(), "enlarged.csv")
	if err := os.WriteFile(file, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// pixel interpolates an image of 8 × 8 cells at a pixel of 20 × 20.
func pixel(t *testing.T, cells []string, i, j int) float64 {
	t.Helper()
	if i < 0 || j < 0 || i >= 20 || j >= 20 {
		return 0
	}
	x, y := (float64(i)+.5)*8/20-.5, (float64(j)+.5)*8/20-.5
	x0, y0 := min(max(int(x), 0), 6), min(max(int(y), 0), 6)
	fx, fy := min(max(x-float64(x0), 0), 1), min(max(y-float64(y0), 0), 1)
	at := func(x, y int) float64 {
		v, err := strconv.ParseFloat(cells[8*y+x], 64)
		if err != nil {
			t.Fatal(err)
		}
		return v / 16
	}
	return 255 * ((at(x0, y0)*(1-fx)+at(x0+1, y0)*fx)*(1-fy) + (at(x0, y0+1)*(1-fx)+at(x0+1, y0+1)*fx)*fy)
}

// hosted returns a host with the models in folders, by NAME/VERSION.
func hosted(t *testing.T, c host.Config, folders map[string]string) *host.Host {
	t.Helper()
	h, err := host.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	for at, folder := range folders {
		name, version, _ := strings.Cut(at, "/")
		if err := h.Load(t.Context(), name, version, folder); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

// A running is a server on a socket.
type running struct {
	*httpd.Server

	host   *host.Host
	url    string
	client *http.Client // follows no redirects
	token  string
}

func listen(t *testing.T, c httpd.Config) *running {
	t.Helper()
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s, err := httpd.New(c)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(ln) }()
	r := &running{Server: s, host: c.Host, url: "http://" + ln.Addr().String(), token: "secret", client: &http.Client{
		Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	t.Cleanup(func() {
		r.client.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return r
}

// An answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// do sends a request with fields of its header.
func (r *running) do(t *testing.T, method, path, body string, header map[string]string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, r.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name := range maps.Keys(header) {
		req.Header.Set(name, header[name])
	}
	resp, err := r.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(text)}
}

// send asks a model by the token, and returns the status.
func (r *running) send(ctx context.Context, path, body string) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url+path, strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+r.token)
	resp, err := r.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

// class is the label that a model gives a row by /predict.
func (r *running) class(t *testing.T, model, row string) string {
	t.Helper()
	a := r.do(t, http.MethodPost, "/predict/"+model, row, map[string]string{"Authorization": "Bearer " + r.token})
	var said struct{ Label string }
	if err := json.Unmarshal([]byte(a.body), &said); err != nil || a.status != http.StatusOK {
		t.Fatalf("status %d: %s", a.status, a.body)
	}
	return said.Label
}
