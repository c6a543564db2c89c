package lines_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"scalar/bsp/lines"
)

// sizes counts what is written at once.
type sizes struct {
	bytes.Buffer
	calls []int
	err   error
}

func (s *sizes) Write(b []byte) (int, error) {
	s.calls = append(s.calls, len(b))
	if s.err != nil {
		return 0, s.err
	}
	return s.Buffer.Write(b)
}

// TestWriter checks that all lines arrive in order, whole, and by 64 KiB.
func TestWriter(t *testing.T) {
	out, want := &sizes{}, strings.Builder{}
	w := lines.Writer{W: out}
	if err := w.Flush(); err != nil || len(out.calls) != 0 {
		t.Fatalf("nothing gathered: %v, %d writes", err, len(out.calls))
	}
	for i := range 30_000 {
		line := fmt.Sprintf("%d\t%d\n", i, i*i)
		want.WriteString(line)
		w.Buf = append(w.Buf, line...)
		if err := w.Next(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if out.String() != want.String() {
		t.Error("the lines differ")
	}
	last := len(out.calls) - 1
	for i, n := range out.calls {
		if i < last && (n < 64<<10 || n > 64<<10+32) {
			t.Errorf("write %d has %d bytes", i, n)
		}
	}
	if last < 2 {
		t.Errorf("%d writes: want several", last+1)
	}
}

// TestWriterEnds checks what becomes of an error, and of a context that has ended.
func TestWriterEnds(t *testing.T) {
	full := errors.New("disk is full")
	w := lines.Writer{W: &sizes{err: full}, Buf: []byte("a\n")}
	if err := w.Flush(); !errors.Is(err, full) || err.Error() != "write output: disk is full" {
		t.Errorf("a write fails: %v", err)
	}
	stop := errors.New("stopped")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(stop)
	out := &sizes{}
	w = lines.Writer{W: out, Buf: make([]byte, 64<<10-1)}
	if err := w.Next(ctx); err != nil {
		t.Errorf("before there is enough: %v", err)
	}
	w.Buf = append(w.Buf, '\n')
	if err := w.Next(ctx); !errors.Is(err, stop) || len(out.calls) != 0 {
		t.Errorf("after the end: %v, %d writes", err, len(out.calls))
	}
}
