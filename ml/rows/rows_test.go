package rows_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"scalar/bsp"
	"scalar/bsp/bsptest"
	"scalar/ml/data"
	"scalar/ml/rows"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func write(tb testing.TB, name, text string) string {
	tb.Helper()
	file := filepath.Join(tb.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	return file
}

// text is all that there is to know of rows.
func text(r *rows.Rows) string {
	var b strings.Builder
	row := make([]float32, r.Set.Features())
	fmt.Fprintln(&b, r.Digest, r.Encoder.FeatureNames(), r.Set.Dropped())
	for i := range r.Set.Len() {
		r.Set.Row(row, i)
		if r.Set.Target() == data.Numbers {
			fmt.Fprintln(&b, r.Set.Number(i), row, r.Set.Value(i))
		} else {
			fmt.Fprintln(&b, r.Set.Number(i), row, r.Set.Class(i))
		}
	}
	return b.String()
}

// TestRead: every peer has the rows of the whole file in its order, in any number of tasks.
func TestRead(t *testing.T) {
	var training, test strings.Builder
	training.WriteString("a,b,colour,class\n")
	test.WriteString("a,b,colour,class\n")
	for i := range 1000 {
		missing := "7"
		if i%13 == 0 {
			missing = ""
		}
		fmt.Fprintf(&training, "%d,%s,%s,k%d\n", i, missing, []string{"red", "green", "blue"}[i%3], i%5)
		fmt.Fprintf(&test, "%d,1,red,k%d\n", -i, i%5)
	}
	in := data.Input{URL: write(t, "a.csv", training.String()), Target: data.Classes, Missing: data.MissingDrop, Scale: data.Columns}
	held := data.Input{URL: write(t, "b.csv", test.String())}
	var want string
	for _, c := range []bsptest.Config{{Peers: 1}, {Peers: 2}, {Peers: 2, Tasks: 2}, {Peers: 5, Tasks: 2}, {Peers: 5, Tasks: 3}, {Peers: 7, Tasks: 7}} {
		got := make([]string, c.Peers)
		bsptest.Run(t, c, bsp.NewRunner(func(ctx context.Context, p *bsp.Peer[int]) error {
			r, err := rows.Read(ctx, p, in)
			if err != nil {
				return err
			}
			h, err := rows.ReadFor(ctx, p, held, r.Encoder)
			if err != nil {
				return err
			}
			got[p.Index()] = text(r) + text(h)
			return nil
		}))
		if want == "" {
			want = got[0]
			if n := strings.Count(want, "\n"); n != 1000-77+1000+2 {
				t.Fatalf("%d lines", n)
			}
		}
		if i := slices.IndexFunc(got, func(s string) bool { return s != want }); i >= 0 {
			t.Errorf("%d peers in %d tasks: peer %d has other rows", c.Peers, c.Tasks, i)
		}
	}
}

func TestReadNothing(t *testing.T) {
	in := data.Input{URL: write(t, "a.csv", "x,y\n?,1\n"), Target: data.Numbers, Missing: data.MissingDrop, Scale: data.None}
	_, err := bsptest.Try(t, bsptest.Config{Peers: 2}, bsp.NewRunner(func(ctx context.Context, p *bsp.Peer[int]) error {
		_, err := rows.Read(ctx, p, in)
		return err
	}))
	if err == nil || !strings.Contains(err.Error(), "no rows") {
		t.Errorf("%v", err)
	}
}
