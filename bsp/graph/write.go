package graph

import (
	"context"
	"fmt"
	"io"
	"strconv"
)

// writeBytes is how much output is formatted at once.
const writeBytes = 64 << 10

// writeValues writes "id TAB value" for every vertex of a peer.
func writeValues[V any](ctx context.Context, w io.Writer, ids dictionary, values []V, format func(dst []byte, v V) []byte) error {
	if format == nil {
		format = formatter[V]()
	}
	out := &lines{w: w}
	for i, value := range values {
		out.buf = append(ids.text(out.buf, i), '\t')
		out.buf = append(format(out.buf, value), '\n')
		if err := out.full(ctx); err != nil {
			return err
		}
	}
	return out.flush()
}

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

// formatter returns the default format of V, chosen once.
func formatter[V any]() func(dst []byte, v V) []byte {
	for _, f := range []any{
		func(dst []byte, v float64) []byte { return strconv.AppendFloat(dst, v, 'g', -1, 64) },
		func(dst []byte, v float32) []byte { return strconv.AppendFloat(dst, float64(v), 'g', -1, 32) },
		func(dst []byte, v int64) []byte { return strconv.AppendInt(dst, v, 10) },
		func(dst []byte, v uint64) []byte { return strconv.AppendUint(dst, v, 10) },
		func(dst []byte, v int) []byte { return strconv.AppendInt(dst, int64(v), 10) },
		func(dst []byte, v uint32) []byte { return strconv.AppendUint(dst, uint64(v), 10) },
		func(dst []byte, v string) []byte { return append(dst, v...) },
	} {
		if f, ok := f.(func(dst []byte, v V) []byte); ok {
			return f
		}
	}
	return func(dst []byte, v V) []byte { return fmt.Append(dst, v) }
}
