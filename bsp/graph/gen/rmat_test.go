package gen_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"runtime"
	"testing"

	"scalar/bsp/graph/gen"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type edge struct{ src, dst, weight int }

func parse(t *testing.T, b []byte, weights bool) []edge {
	t.Helper()
	var edges []edge
	for line := range bytes.Lines(b) {
		var e edge
		var err error
		if weights {
			_, err = fmt.Sscanf(string(line), "%d %d %d\n", &e.src, &e.dst, &e.weight)
		} else {
			_, err = fmt.Sscanf(string(line), "%d %d\n", &e.src, &e.dst)
		}
		if err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		edges = append(edges, e)
	}
	return edges
}

func write(t *testing.T, g gen.RMAT) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := g.Write(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestRMATIsASkewedSimpleGraph(t *testing.T) {
	g := gen.RMAT{Scale: 12, EdgeFactor: 8, Seed: 3, Weights: true}
	var b bytes.Buffer
	n, err := g.Write(t.Context(), &b)
	if err != nil {
		t.Fatal(err)
	}
	edges := parse(t, b.Bytes(), true)
	drawn := 8 << 12
	if int64(len(edges)) != n || len(edges) > drawn || len(edges) < drawn*6/10 {
		t.Fatalf("%d edges, reported %d, drawn %d", len(edges), n, drawn)
	}
	seen := map[[2]int]bool{}
	degree := map[int]int{}
	weights := map[int]bool{}
	last := edge{src: -1}
	for _, e := range edges {
		if e.src == e.dst || e.src < 0 || e.src >= 1<<12 || e.dst < 0 || e.dst >= 1<<12 || e.weight < 1 || e.weight > 255 {
			t.Fatalf("edge %v", e)
		}
		if seen[[2]int{e.src, e.dst}] {
			t.Fatalf("edge %v twice", e)
		}
		if e.src < last.src || e.src == last.src && e.dst <= last.dst {
			t.Fatalf("edge %v after %v", e, last)
		}
		seen[[2]int{e.src, e.dst}], last = true, e
		degree[e.src]++
		weights[e.weight] = true
	}
	most, at := 0, 0
	for v, d := range degree {
		if d > most {
			most, at = d, v
		}
	}
	if most < 10*8 || at == 0 || len(weights) < 250 {
		t.Fatalf("largest degree %d at %d, %d weights: not the skewed, shuffled graph", most, at, len(weights))
	}
}

// TestRMATQuadrants checks on each level of the recursion how often edges fall into
// the four quadrants. The tolerance of 0.005 is five standard deviations at least; loops,
// which are dropped, are one in 14,000 edges of this scale (.62 to the 20th).
func TestRMATQuadrants(t *testing.T) {
	const scale, drawn, tolerance = 20, 1 << 18, 0.005
	var counts [scale][4]int
	left := 0
	gen.RMAT{Scale: scale, EdgeFactor: 1, Seed: 1}.DrawChunk(drawn, func(src, dst uint32) {
		left++
		for level := range counts {
			counts[level][src>>level&1<<1|dst>>level&1]++
		}
	})
	if left < drawn*999/1000 {
		t.Fatalf("%d of %d edges are left", left, drawn)
	}
	for level, c := range counts {
		for q, want := range []float64{.57, .19, .19, .05} {
			if got := float64(c[q]) / float64(left); math.Abs(got-want) > tolerance {
				t.Errorf("level %d, quadrant %c: %.4f of the edges, want %v ± %v", level, 'a'+q, got, want, tolerance)
			}
		}
	}
}

// TestRMATGolden holds that a seed gives the same bytes on every machine.
func TestRMATGolden(t *testing.T) {
	for _, row := range []struct {
		g    gen.RMAT
		want string // SHA-256
	}{
		{gen.RMAT{Scale: 8, EdgeFactor: 4, Seed: 1}, "0adb56b84a8af375344b71debdf8698a36c6f25740f7914386d94a004d7851f2"},
		{gen.RMAT{Scale: 8, EdgeFactor: 4, Seed: 1, Weights: true}, "03d7e8d15272cd317e06de8158ef70bc4ec2e7d4d6b2a81c50b22713ebe711b1"},
	} {
		if got := fmt.Sprintf("%x", sha256.Sum256(write(t, row.g))); got != row.want {
			t.Errorf("%+v: %s, want %s", row.g, got, row.want)
		}
	}
}

func TestRMATRepeats(t *testing.T) {
	g := gen.RMAT{Scale: 13, EdgeFactor: 16, Seed: 7}
	a := write(t, g)
	old := runtime.GOMAXPROCS(1)
	b := write(t, g)
	runtime.GOMAXPROCS(old)
	if !bytes.Equal(a, b) {
		t.Fatal("the graph depends on the number of cores")
	}
	g.Seed = 8
	if bytes.Equal(a, write(t, g)) {
		t.Fatal("the graph does not depend on the seed")
	}
}

func TestRMATRefuses(t *testing.T) {
	for _, g := range []gen.RMAT{{Scale: 0, EdgeFactor: 1}, {Scale: 32, EdgeFactor: 1}, {Scale: 5}, {Scale: 31, EdgeFactor: 16}} {
		if _, err := g.Write(t.Context(), &bytes.Buffer{}); err == nil {
			t.Errorf("%+v was taken", g)
		}
	}
}

func TestRMATWriteFails(t *testing.T) {
	want := errors.New("disk full")
	if _, err := (gen.RMAT{Scale: 12, EdgeFactor: 4, Seed: 1}).Write(t.Context(), failing{want}); !errors.Is(err, want) {
		t.Fatalf("got %v", err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

func BenchmarkRMAT18(b *testing.B) {
	for b.Loop() {
		var w bytes.Buffer
		if _, err := (gen.RMAT{Scale: 18, EdgeFactor: 16, Seed: 1}).Write(b.Context(), &w); err != nil {
			b.Fatal(err)
		}
	}
}
