package rows_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"scalar/bsp"
	"scalar/bsp/bsptest"
	"scalar/ml/data"
	"scalar/ml/rows"
)

func zipped(tb testing.TB, content []byte) string {
	tb.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(content); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.String()
}

// inputs are rows of every kind, of some 40 KB each.
func inputs(tb testing.TB) map[string]data.Input {
	tb.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	var table, svm strings.Builder
	var images, labels bytes.Buffer
	images.Write([]byte{0, 0, 8, 3, 0, 0, 3, 0, 0, 0, 0, 7, 0, 0, 0, 8})
	labels.Write([]byte{0, 0, 8, 1, 0, 0, 3, 0})
	for i := range 768 {
		for range 12 {
			fmt.Fprintf(&table, "%d.5,", r.IntN(1000))
		}
		fmt.Fprintf(&table, "%s,k%d\n", []string{"1", "", "2"}[r.IntN(3)], i%5)
		fmt.Fprintf(&svm, "%d", i%3)
		for c := 1; c < 40; c += 1 + r.IntN(10) {
			fmt.Fprintf(&svm, " %d:%d.25", c, r.IntN(9))
		}
		svm.WriteString("\n")
		for range 56 {
			images.WriteByte(byte(r.IntN(256)))
		}
		labels.WriteByte(byte(i % 10))
	}
	return map[string]data.Input{
		"floats": {URL: write(tb, "a.csv", table.String()), Target: data.Classes, Missing: data.MissingDrop, Scale: data.Columns, Header: data.HeaderNo},
		"sparse": {URL: write(tb, "a.svm", svm.String()), Target: data.Numbers},
		"bytes":  {URL: write(tb, "images", images.String()), Labels: write(tb, "labels", labels.String()), Target: data.Classes, Format: data.IDX},
		"packed": {URL: write(tb, "images.gz", zipped(tb, images.Bytes())), Labels: write(tb, "labels", labels.String()), Target: data.Classes, Format: data.IDX},
	}
}

// TestSpilled: with little memory every peer has the same rows in the same order, which lie in
// the task's file then.
func TestSpilled(t *testing.T) {
	for name, in := range inputs(t) {
		var want string
		for _, c := range []bsptest.Config{
			{Peers: 1},
			{Peers: 1, Arena: 1000},
			{Peers: 2, Arena: 20000},
			{Peers: 2, Arena: 1},
			{Peers: 2, Tasks: 2, Arena: 1000},
			{Peers: 3, Tasks: 3, Arena: 10000},
			{Peers: 5, Tasks: 2, Arena: 1},
			{Peers: 5, Tasks: 3, Arena: 20000},
		} {
			got, spilled, splits := make([]string, c.Peers), make([]int64, c.Peers), make([]int, c.Peers)

			bsptest.Run(t, c, bsp.NewRunner(func(ctx context.Context, p *bsp.Peer[int]) error {
				r, err := rows.Read(ctx, p, in)
				if err != nil {
					return err
				}
				for lo := 0; lo < r.Set.Len(); lo += 100 {
					r.Ahead(lo, min(lo+150, r.Set.Len()))
				}
				h, err := rows.ReadFor(ctx, p, in, r.Encoder)
				if err != nil {
					return err
				}
				got[p.Index()], spilled[p.Index()], splits[p.Index()] = text(r)+text(h), p.Arena().Spilled(), r.Splits()
				if r.Memory != p.Arena().Budget() {
					return fmt.Errorf("memory %d, and the arena has %d", r.Memory, p.Arena().Budget())
				}
				size := r.Set.Bytes()
				if n := r.Splits(); n == 1 && size > r.Memory || n > 1 && (size <= r.Memory || size/int64(n) > max(r.Memory/4, size/int64(r.Set.Len()))) {
					return fmt.Errorf("%d splits of %d bytes, with a memory of %d", n, size, r.Memory)
				}
				return nil
			}))
			if want == "" {
				want = got[0]
			}
			if i := slices.IndexFunc(got, func(s string) bool { return s != want }); i >= 0 {
				t.Errorf("%s, %+v: peer %d has other rows", name, c, i)
			}
			for i := range spilled {
				if c.Arena > 0 != (spilled[i] > 0) || c.Arena > 0 != (splits[i] > 1) || splits[i] != splits[0] {
					t.Errorf("%s, %+v: %d bytes of peer %d are in the file, %d splits", name, c, spilled[i], i, splits[i])
				}
			}
		}
	}
}
