package lines

import (
	"context"
	"fmt"
	"io"
)

// full is how many bytes are enough to be written.
const full = 64 << 10

// A Writer gathers lines for W. Its user appends whole lines to Buf, calls Next after
// each, and Flush at the end. It is for one goroutine.
type Writer struct {
	W   io.Writer
	Buf []byte // what was not written yet
}

// Next writes what was gathered if that is 64 KiB or more. Then, too, it looks whether ctx
// has ended, and returns its cause.
func (w *Writer) Next(ctx context.Context) error {
	switch {
	case len(w.Buf) < full:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return w.Flush()
}

// Flush writes what was gathered. After an error it is lost.
func (w *Writer) Flush() error {
	if len(w.Buf) == 0 {
		return nil
	}
	_, err := w.W.Write(w.Buf)
	if w.Buf = w.Buf[:0]; err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	return nil
}
