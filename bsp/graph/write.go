package graph

import (
	"context"
	"fmt"
	"io"
	"strconv"

	"scalar/bsp/lines"
)

// writeValues writes "id TAB value" for every vertex of a peer, in the order of ids.
func writeValues[V any](ctx context.Context, w io.Writer, ids dictionary, values []V, format func(dst []byte, v V) []byte) error {
	if format == nil {
		format = formatter[V]()
	}
	out := lines.Writer{W: w}
	for k := range values {
		v := ids.inOrder(k)
		out.Buf = append(ids.text(out.Buf, v), '\t')
		out.Buf = append(format(out.Buf, values[v]), '\n')
		if err := out.Next(ctx); err != nil {
			return err
		}
	}
	return out.Flush()
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
