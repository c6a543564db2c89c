package httpd

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"scalar/serving/protocol"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
	"github.com/valyala/fasthttp"
)

// decoders are pooled by encoding.
var (
	gunzips  = sync.Pool{New: func() any { return new(gzip.Reader) }}
	inflates sync.Pool // of what zlib.NewReader returns
	unzstds  sync.Pool // of *zstd.Decoder
	gzips    = sync.Pool{New: func() any { w, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed); return w }}
	deflates = sync.Pool{New: func() any { w, _ := zlib.NewWriterLevel(nil, zlib.BestSpeed); return w }}
)

// decompress returns the body of a call that came in an encoding. It stops at the limit of bodies.
func (s *Server) decompress(c *call, encoding []byte) ([]byte, error) {
	in := bytes.NewReader(c.body)
	var err error
	switch {
	case equalFold(encoding, "gzip"), equalFold(encoding, "x-gzip"):
		r, _ := gunzips.Get().(*gzip.Reader)
		defer gunzips.Put(r)
		if err = r.Reset(in); err == nil {
			err = s.expand(c, r)
		}
	case equalFold(encoding, "deflate"):
		err = s.inflate(c, in)
	case equalFold(encoding, "zstd"):
		err = s.unzstd(c, in)
	default:
		c.ctx.Response.Header.Set(fasthttp.HeaderAcceptEncoding, "gzip, deflate, zstd")
		return nil, &protocol.Error{Status: http.StatusUnsupportedMediaType, Message: "the encoding of the content is " + strconv.Quote(clip(encoding)) + ": want gzip, deflate or zstd, one of them"}
	}
	var known *protocol.Error
	switch {
	case errors.As(err, &known):
		return nil, err
	case err != nil:
		return nil, &protocol.Error{Status: http.StatusBadRequest, Message: "the body is not in the encoding " + strings.ToLower(string(encoding)) + ": " + strings.ReplaceAll(err.Error(), "\n", " ")}
	}
	return c.plain, nil
}

func (s *Server) inflate(c *call, in *bytes.Reader) error {
	r, ok := inflates.Get().(io.ReadCloser)
	if !ok {
		var err error
		if r, err = zlib.NewReader(in); err != nil {
			return err
		}
	} else if err := r.(zlib.Resetter).Reset(in, nil); err != nil { //nolint:errcheck,forcetypeassert // zlib's readers are
		return err
	}
	defer inflates.Put(r)
	err := s.expand(c, r)
	if err == nil && in.Len() > 0 {
		err = errors.New(strconv.Itoa(in.Len()) + " bytes follow its end")
	}
	return err
}

// zstdWindow is how far back a zstd frame may refer, bytes: its decoder has twice so much, whatever the length of the frame.
const zstdWindow = 8 << 20

func (s *Server) unzstd(c *call, in io.Reader) error {
	if err := s.need(c, c.size()+2*zstdWindow); err != nil {
		return err
	}
	r, ok := unzstds.Get().(*zstd.Decoder)
	if !ok {
		var err error
		if r, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(zstdWindow)); err != nil {
			return err
		}
	}
	defer unzstds.Put(r)
	if err := r.Reset(in); err != nil {
		return err
	}
	err := s.expand(c, r)
	return errors.Join(err, r.Reset(nil))
}

// expand reads what a decoder makes of the body.
func (s *Server) expand(c *call, r io.Reader) error {
	c.plain = c.plain[:0]
	for {
		if len(c.plain) == cap(c.plain) {
			more := grow(len(c.plain), -1, c.limit)
			if err := s.need(c, c.size()+int64(len(c.plain)+more)); err != nil {
				return err
			}
			c.plain = slices.Grow(c.plain, more)
		}
		n, err := r.Read(c.plain[len(c.plain):cap(c.plain)])
		c.plain = c.plain[:len(c.plain)+n]
		switch {
		case len(c.plain) > c.limit:
			return tooLarge(c.limit)
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}

// compressFrom is the size of an answer that is worth compressing, bytes: it is more than one packet.
const compressFrom = 1400

// compress makes out the body of an answer, compressed if the client takes that, it is worth it and there is memory for it.
func (s *Server) compress(c *call, out []byte) {
	ctx := c.ctx
	if len(out) < compressFrom {
		ctx.Response.SwapBody(out)
		return
	}
	accept := ctx.Request.Header.Peek(fasthttp.HeaderAcceptEncoding)
	if len(accept) == 0 {
		ctx.Response.SwapBody(out)
		return
	}
	ctx.Response.Header.Set(fasthttp.HeaderVary, fasthttp.HeaderAcceptEncoding)
	var pool *sync.Pool
	var name string
	switch {
	case accepts(string(accept), "gzip"):
		pool, name = &gzips, "gzip"
	case accepts(string(accept), "deflate"):
		pool, name = &deflates, "deflate"
	default:
		ctx.Response.SwapBody(out)
		return
	}
	if more := int64(len(out)); more > uncounted {
		if !s.bodies.take(more) {
			ctx.Response.SwapBody(out)
			return
		}
		c.held += more
	}
	w, _ := pool.Get().(interface { // both pools have such
		io.WriteCloser
		Reset(w io.Writer)
	})
	defer pool.Put(w)
	var small bytes.Buffer
	w.Reset(&small)
	_, err := w.Write(out)
	if err = errors.Join(err, w.Close()); err != nil { // a buffer takes everything
		ctx.Response.SwapBody(out)
		return
	}
	ctx.Response.Header.Set(fasthttp.HeaderContentEncoding, name)
	if cap(out) > uncounted { // it would be kept for the sake of a short answer
		ctx.Response.SwapBody(small.Bytes())
		return
	}
	ctx.Response.SwapBody(append(out[:0], small.Bytes()...))
}

// accepts reports whether an Accept-Encoding takes an encoding, by its name or as "*".
func accepts(header, encoding string) bool {
	others := false
	for part := range strings.SplitSeq(header, ",") {
		name, param, _ := strings.Cut(part, ";")
		name = strings.ToLower(strings.TrimSpace(name))
		if name != encoding && name != "*" {
			continue
		}
		taken := true
		if key, q, _ := strings.Cut(param, "="); strings.EqualFold(strings.TrimSpace(key), "q") {
			weight, err := strconv.ParseFloat(strings.TrimSpace(q), 64)
			taken = err == nil && weight > 0
		}
		if name == encoding {
			return taken
		}
		others = taken
	}
	return others
}
