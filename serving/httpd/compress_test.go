package httpd_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"io"
	"net/http"
	"strings"
	"testing"

	"scalar/internal/allocs"
	"scalar/serving/httpd"

	"github.com/klauspost/compress/zstd"
)

// encoders are those of the standard library, where it has one.
var encoders = map[string]func(w io.Writer) io.WriteCloser{
	"gzip":    func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
	"deflate": func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) },
	"zstd": func(w io.Writer) io.WriteCloser {
		e, err := zstd.NewWriter(w)
		if err != nil {
			panic(err)
		}
		return e
	},
}

func encode(tb testing.TB, encoding string, from io.Reader) []byte {
	tb.Helper()
	var b bytes.Buffer
	w := encoders[encoding](&b)
	if _, err := io.Copy(w, from); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// Compressed bodies are read, more than once, and what is wrong with them is the client's.
func TestEncodedBodies(t *testing.T) {
	r := start(t, httpd.Config{MaxBody: 1 << 20})
	want := r.post("/v2/models/points/infer", twoPoints)
	for encoding := range encoders {
		body := encode(t, encoding, strings.NewReader(twoPoints))
		for _, name := range []string{encoding, strings.ToUpper(encoding)} {
			same(t, r.post("/v2/models/points/infer", string(body), "Content-Encoding", name), want)
		}
		for n := range body {
			bad(t, r.do(http.MethodPost, "/v2/models/points/infer", body[:n], "Content-Encoding", encoding), http.StatusBadRequest)
		}
		for i := range body { // a bit that is wrong is no worse than another body
			broken := bytes.Clone(body)
			broken[i] ^= 4
			if a := r.do(http.MethodPost, "/v2/models/points/infer", broken, "Content-Encoding", encoding); a.status != 200 && a.status != 400 && a.status != 413 {
				t.Errorf("%s, byte %d: %d %s", encoding, i, a.status, a.body)
			}
		}
		longer := append(bytes.Clone(body), body[:4]...)
		bad(t, r.do(http.MethodPost, "/v2/models/points/infer", longer, "Content-Encoding", encoding), http.StatusBadRequest)
		head, tail := binaryPoints(1, 2)
		r.post("/v2/models/points/infer", string(encode(t, encoding, strings.NewReader(head+tail))), "Content-Encoding", encoding, "Inference-Header-Content-Length", itoa(len(head)))
	}
	same(t, r.post("/v2/models/points/infer", twoPoints, "Content-Encoding", "identity"), want)
}

// A few bytes that become 160 MiB are refused at the limit.
func TestZipBomb(t *testing.T) {
	r := start(t, httpd.Config{})
	for encoding := range encoders {
		body := encode(t, encoding, io.LimitReader(spaces{}, 160<<20))
		var a answer
		took := allocs.Bytes(func() {
			a = r.do(http.MethodPost, "/v2/models/points/infer", body, "Content-Encoding", encoding)
		})
		bad(t, a, http.StatusRequestEntityTooLarge)
		if took > 320<<20 {
			t.Errorf("%s: %d bytes that become 160 MiB took %d", encoding, len(body), took)
		}
	}
}

type spaces struct{}

func (spaces) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// Answers are compressed for who takes that, above a size.
func TestEncodedAnswers(t *testing.T) {
	r := start(t, httpd.Config{})
	many := "[[1,2]" + strings.Repeat(",[30,40]", 100) + "]"
	want := r.post("/predict/points", many)
	for accept, encoding := range map[string]string{
		"gzip": "gzip", "deflate, gzip": "gzip", "deflate": "deflate", "*": "gzip", "gzip;q=0, deflate;q=0.5": "deflate", "GZIP ; q=0.1": "gzip", "gzip;\tQ=0\t,deflate": "deflate", "gzip;q=high": "", "gzip;q=0": "", "identity": "", "br": "", "*;q=0": "", "": "",
	} {
		for range 2 {
			a := r.do(http.MethodPost, "/predict/points", []byte(many), "Accept-Encoding", accept)
			if a.status != http.StatusOK || a.header.Get("Content-Encoding") != encoding {
				t.Fatalf("%q: %d in %q", accept, a.status, a.header.Get("Content-Encoding"))
			}
			var from io.Reader = bytes.NewReader(a.body)
			var err error
			switch encoding {
			case "gzip":
				from, err = gzip.NewReader(from)
			case "deflate":
				from, err = zlib.NewReader(from)
			}
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(from)
			if err != nil || string(text) != want {
				t.Errorf("%q: %v, %s", accept, err, text)
			}
			if encoding != "" && len(a.body) >= len(want)/2 {
				t.Errorf("%q: %d bytes of %d", accept, len(a.body), len(want))
			}
		}
	}
	if a := r.do(http.MethodPost, "/predict/points", []byte("[1,2]"), "Accept-Encoding", "gzip"); a.header.Get("Content-Encoding") != "" {
		t.Error("a short answer is compressed")
	}
}
