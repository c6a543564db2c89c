package main

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// progress tells people on stderr how a job goes: a live line on a terminal,
// and lasting lines above it.
type progress struct {
	w     io.Writer
	bars  *mpb.Progress
	bar   *mpb.Bar
	label atomic.Value // string
	out   lines        // what others print
}

// newProgress begins a live line if w is a terminal.
func newProgress(w io.Writer) *progress {
	p := &progress{w: w, out: lines{w: w}}
	p.label.Store("")
	if !terminal(w) {
		return p
	}
	p.bars = mpb.New(mpb.WithOutput(w), mpb.WithRefreshRate(100*time.Millisecond), mpb.WithWidth(2))
	p.bar = p.bars.New(0, mpb.SpinnerStyle().PositionLeft(),
		mpb.BarRemoveOnComplete(),
		mpb.AppendDecorators(
			decor.Any(func(decor.Statistics) string { return p.label.Load().(string) }, decor.WCSyncSpaceR), //nolint:errcheck,forcetypeassert // only strings are stored
			decor.Elapsed(decor.ET_STYLE_GO),
		))
	p.w, p.out.w = p.bars, p.bars
	return p
}

// writer returns where others may print meanwhile. On a terminal what they write
// appears above the live line, line by line: beside it the next look of the live
// line would erase it.
func (p *progress) writer() io.Writer {
	if p.bars == nil {
		return p.w
	}
	return &p.out
}

// lines passes on whole lines. Safe for concurrent use.
type lines struct {
	w    io.Writer
	mu   sync.Mutex // guards rest, and is held during a write
	rest []byte     // of a line that has not ended
}

// Write implements io.Writer.
func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rest = append(l.rest, b...)
	end := bytes.LastIndexByte(l.rest, '\n') + 1
	if end == 0 && len(l.rest) > maxRest {
		end = len(l.rest)
	}
	return len(b), l.pass(end)
}

// maxRest is how long a line may be until it is passed on in pieces.
const maxRest = 64 << 10

// pass writes the first n bytes, with l.mu held.
func (l *lines) pass(n int) error {
	if n == 0 {
		return nil
	}
	whole := append([]byte(nil), l.rest[:n]...)
	if whole[n-1] != '\n' {
		whole = append(whole, '\n')
	}
	l.rest = l.rest[n:]
	_, err := l.w.Write(whole)
	return err
}

// close passes on what has no end of line.
func (l *lines) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = l.pass(len(l.rest)) // nobody to tell
}

// now replaces the live line.
func (p *progress) now(format string, args ...any) {
	if p.bars != nil {
		p.label.Store(fmt.Sprintf(format, args...))
	}
}

// say writes a line that stays.
func (p *progress) say(format string, args ...any) {
	fmt.Fprintf(p.w, format+"\n", args...) //nolint:errcheck // nobody to tell
}

// close ends the live line.
func (p *progress) close() {
	if p.bars != nil {
		p.out.close()
		p.bar.Abort(true)
		p.bars.Wait()
	}
}
