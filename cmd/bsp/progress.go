package main

import (
	"fmt"
	"io"
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
}

// newProgress begins a live line if w is a terminal.
func newProgress(w io.Writer) *progress {
	p := &progress{w: w}
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
	p.w = p.bars
	return p
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
		p.bar.Abort(true)
		p.bars.Wait()
	}
}
