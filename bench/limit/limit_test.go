package limit_test

import (
	"bufio"
	"bytes"
	"fmt"
	"math"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"scalar/bench/limit"
	"scalar/bsp/graph/gen"
)

// reference is PageRank by the definition, on maps.
func reference(text string, iterations int) map[string]float64 {
	out, ids := map[string][]string{}, map[string]bool{}
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		out[f[0]] = append(out[f[0]], f[1])
		ids[f[0]], ids[f[1]] = true, true
	}
	n := float64(len(ids))
	ranks := map[string]float64{}
	for id := range ids {
		ranks[id] = 1 / n
	}
	for range iterations {
		next, dangling := map[string]float64{}, 0.0
		for id, r := range ranks {
			for _, to := range out[id] {
				next[to] += r / float64(len(out[id]))
			}
			if len(out[id]) == 0 {
				dangling += r
			}
		}
		for id := range ids {
			ranks[id] = 0.15/n + 0.85*(dangling/n+next[id])
		}
	}
	return ranks
}

func TestPageRank(t *testing.T) {
	var rmat bytes.Buffer
	if _, err := (gen.RMAT{Scale: 9, EdgeFactor: 8, Seed: 1}).Write(t.Context(), &rmat); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"dangling":       "1 2\n2 3\n1 3\n7 1\n",
		"no last end":    "1 2\n2 1\n2 3",
		"one edge":       "0 5000\n",
		"R-MAT, scale 9": rmat.String(),
	} {
		for workers := 1; workers <= 3; workers++ {
			t.Run(fmt.Sprint(name, " ", workers), func(t *testing.T) {
				in, out := filepath.Join(t.TempDir(), "in"), filepath.Join(t.TempDir(), "out")
				if err := os.WriteFile(in, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				if _, err := (limit.PageRank{Iterations: 20, Damping: 0.85, Workers: workers}).Run(in, out); err != nil {
					t.Fatal(err)
				}
				want, got := reference(text, 20), ranks(t, out)
				if len(got) != len(want) {
					t.Fatalf("%d vertices, want %d", len(got), len(want))
				}
				for id, r := range want {
					if math.Abs(got[id]-r) > 1e-12 {
						t.Errorf("vertex %s: %v, want %v", id, got[id], r)
					}
				}
			})
		}
	}
}

func ranks(t *testing.T, folder string) map[string]float64 {
	t.Helper()
	parts, err := filepath.Glob(filepath.Join(folder, "part-*"))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, name := range parts {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for in := bufio.NewScanner(bytes.NewReader(b)); in.Scan(); {
			id, r := "", 0.0
			if _, err := fmt.Sscanf(in.Text(), "%s\t%g", &id, &r); err != nil {
				t.Fatalf("%q: %v", in.Text(), err)
			}
			got[id] = r
		}
	}
	return got
}

func TestPageRankRefuses(t *testing.T) {
	for _, text := range []string{"1\n", "a b\n", "1 2 3\n", "1 99999999999\n", "1 4294967295\n", "\n"} {
		in := filepath.Join(t.TempDir(), "in")
		if err := os.WriteFile(in, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := (limit.PageRank{Iterations: 1, Workers: 1}).Run(in, in+".out"); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}

func TestLinks(t *testing.T) {
	for name, f := range map[string]func(conns []net.Conn, task int) error{
		"all-to-all": func(conns []net.Conn, _ int) error { return limit.AllToAll(conns, 10) },
		"star":       func(conns []net.Conn, task int) error { return limit.Star(conns, task, 10) },
		"stream":     func(conns []net.Conn, task int) error { return limit.Stream(conns[1-task], 1<<20) },
		"columns":    func(conns []net.Conn, task int) error { return limit.Columns(conns[1-task], 1<<17) },
	} {
		t.Run(name, func(t *testing.T) {
			a, b := tcp(t)
			var both errgroup.Group
			both.Go(func() error { return f([]net.Conn{nil, a}, 0) })
			both.Go(func() error { return f([]net.Conn{b, nil}, 1) })
			if err := both.Wait(); err != nil {
				t.Error(err)
			}
		})
	}
}

// tcp returns the two ends of a connection.
func tcp(t *testing.T) (a, b net.Conn) {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var d net.Dialer
	if a, err = d.DialContext(t.Context(), "tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if b, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}
