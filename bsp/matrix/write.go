package matrix

import (
	"context"
	"fmt"
	"io"
	"math"
	"strconv"

	"scalar/bsp/job"
)

// writeBytes is how much output is formatted at once.
const writeBytes = 64 << 10

// lines gathers output.
type lines struct {
	w   io.Writer
	buf []byte
}

// full writes what was gathered if it is enough.
func (l *lines) full(ctx context.Context) error {
	switch {
	case len(l.buf) < writeBytes:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return l.flush()
}

func (l *lines) flush() error {
	if len(l.buf) == 0 {
		return nil
	}
	_, err := l.w.Write(l.buf)
	if l.buf = l.buf[:0]; err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	return nil
}

// number adds a number and the end of its line.
func (l *lines) number(x float64) {
	l.buf = append(strconv.AppendFloat(l.buf, x, 'g', -1, 64), '\n')
}

// finite fails for a sum that no Matrix Market file can hold. Rows and columns count
// from 1 here.
func finite(x float64, row, column uint64) error {
	if math.IsInf(x, 0) || math.IsNaN(x) {
		return job.Fail(job.FaultInput, "row %d, column %d of the product is too large for 64 bits (1.8e308): scale the input down", row, column)
	}
	return nil
}
