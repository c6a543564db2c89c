package httpd

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/binary"
	"io"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
)

const (
	headerID = "X-Request-Id"
	maxID    = 128 // bytes
)

// requests number those without an id, from a start that differs between processes.
var requests = func() *atomic.Uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // crypto/rand never fails
	n := new(atomic.Uint64)
	n.Store(binary.LittleEndian.Uint64(b[:]))
	return n
}()

// requestID gives the answer the request's id, or if it has none that can be told a new one: as many hex digits as there is room for, at most 16.
func requestID(ctx *fasthttp.RequestCtx, digits []byte) {
	if id := ctx.Request.Header.PeekCanonical(nameID); len(id) > 0 && len(id) <= maxID && printable(id) {
		ctx.Response.Header.SetCanonical(nameID, id)
		return
	}
	const hex = "0123456789abcdef"
	n := requests.Add(1) * 0x9E3779B97F4A7C15 // odd: different numbers stay different
	for i := range digits {
		digits[i] = hex[n>>60]
		n <<= 4
	}
	ctx.Response.Header.SetCanonical(nameID, digits)
}

// printable reports whether a text is ASCII without controls and spaces.
func printable(text []byte) bool {
	for _, b := range text {
		if b <= ' ' || b > '~' {
			return false
		}
	}
	return true
}

// access writes a line of JSON for each answer.
type access struct {
	mu   sync.Mutex
	out  *bufio.Writer
	log  slog.Handler
	done chan struct{}
	once sync.Once
}

func newAccess(w io.Writer) *access {
	a := &access{out: bufio.NewWriterSize(w, 64<<10), done: make(chan struct{})}
	a.log = slog.NewJSONHandler(a, nil)
	go a.flushing()
	return a
}

// Write takes a line of the handler.
func (a *access) Write(line []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.out.Write(line)
}

// flushing writes what is there every second.
func (a *access) flushing() {
	ticks := time.NewTicker(time.Second)
	defer ticks.Stop()
	for {
		select {
		case <-ticks.C:
			a.flush()
		case <-a.done:
			return
		}
	}
}

func (a *access) flush() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.out.Flush() //nolint:errcheck,gosec // the log is where it would be said
}

func (a *access) close() {
	a.once.Do(func() {
		close(a.done)
		a.flush()
	})
}

// An asked is what a request asked for, as far as it is known.
type asked struct {
	method, path, namespace string
	kind                    kind
	bytes                   int // of its body
}

// write writes the line of an answer.
func (a *access) write(ctx *fasthttp.RequestCtx, to asked, arrived time.Time, took time.Duration) {
	r := slog.NewRecord(arrived, slog.LevelInfo, "request", 0)
	r.AddAttrs(
		slog.String("id", string(ctx.Response.Header.Peek(headerID))), slog.String("remote", ctx.RemoteAddr().String()),
		slog.String("method", to.method), slog.String("path", to.path), slog.String("route", names[to.kind]),
		slog.String("namespace", to.namespace), slog.Int("status", ctx.Response.StatusCode()),
		slog.Int("bytes_in", to.bytes), slog.Int("bytes_out", bytesOut(&ctx.Response)), slog.Float64("ms", float64(took.Microseconds())/1000),
	)
	a.log.Handle(context.Background(), r) //nolint:errcheck,gosec // the log is where it would be said
}

// quiet gives what fasthttp says to the log.
type quiet struct{ log *slog.Logger }

// Printf takes a line.
func (q quiet) Printf(format string, args ...any) {
	q.log.Debug("connection", "says", strconv.Quote(format), "args", args)
}
