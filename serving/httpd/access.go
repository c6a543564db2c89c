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

// requestID gives the answer the request's id, or a new one, 16 hex digits, if it has none that can be told.
func (c *call) requestID() {
	ctx := c.ctx
	if id := ctx.Request.Header.PeekCanonical(nameID); len(id) > 0 && len(id) <= maxID && printable(id) {
		ctx.Response.Header.SetCanonical(nameID, id)
		return
	}
	b := c.digits[:16]
	const hex = "0123456789abcdef"
	n := requests.Add(1) * 0x9E3779B97F4A7C15 // odd: different numbers stay different
	for i := range b {
		b[i] = hex[n>>60]
		n <<= 4
	}
	ctx.Response.Header.SetCanonical(nameID, b)
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

// access writes a line of JSON for each request.
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

// write writes the line of a request.
func (a *access) write(c *call, took time.Duration) {
	ctx := c.ctx
	r := slog.NewRecord(c.arrived, slog.LevelInfo, "request", 0)
	r.AddAttrs(
		slog.String("id", string(ctx.Response.Header.Peek(headerID))), slog.String("remote", ctx.RemoteAddr().String()),
		slog.String("method", string(ctx.Method())), slog.String("path", string(ctx.Path())), slog.String("route", names[c.route.kind]),
		slog.String("namespace", c.namespace), slog.Int("status", ctx.Response.StatusCode()),
		slog.Int("bytes_in", len(c.body)), slog.Int("bytes_out", bytesOut(&ctx.Response)), slog.Float64("ms", float64(took.Microseconds())/1000),
	)
	a.log.Handle(context.Background(), r) //nolint:errcheck,gosec // the log is where it would be said
}

// quiet gives what fasthttp says to the log.
type quiet struct{ log *slog.Logger }

// Printf takes a line.
func (q quiet) Printf(format string, args ...any) {
	q.log.Debug("connection", "says", strconv.Quote(format), "args", args)
}
