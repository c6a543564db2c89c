package matrix_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"scalar/bsp"
	"scalar/bsp/bsptest"
	"scalar/bsp/job"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"pgregory.net/rapid"
)

// placement draws peers and tasks.
func placement(t *rapid.T, input string) bsptest.Config {
	peers := rapid.SampledFrom([]int{1, 2, 3, 5, 8}).Draw(t, "peers")
	return bsptest.Config{Peers: peers, Tasks: rapid.SampledFrom([]int{1, min(2, peers), peers}).Draw(t, "tasks"), Input: input}
}

func TestSpMVLikeDense(tt *testing.T) {
	dir := tt.TempDir()
	rapid.Check(tt, func(t *rapid.T) {
		m, n := rapid.IntRange(0, 12).Draw(t, "rows"), rapid.IntRange(0, 12).Draw(t, "columns")
		text, a := draw(t, "matrix", m, n)
		vector, x := draw(t, "vector", n, 1)
		cfg := placement(t, write(t, dir, "a", text))
		run1 := spmv("")
		if rapid.IntRange(0, 4).Draw(t, "ones") > 0 {
			run1 = spmv(write(t, dir, "x", vector))
			cfg.RestartAt = rapid.IntRange(0, 1).Draw(t, "restart")
		} else {
			for i := range n {
				x.values[i][0] = 1
			}
		}
		if got := string(run(tt, t, cfg, run1).Output); got != a.times(x).array() {
			t.Fatalf("%s times %s: %q, want %q", text, vector, got, a.times(x).array())
		}
	})
}

func TestMatMulLikeDense(tt *testing.T) {
	dir := tt.TempDir()
	rapid.Check(tt, func(t *rapid.T) {
		m, k, n := rapid.IntRange(0, 12).Draw(t, "rows"), rapid.IntRange(0, 12).Draw(t, "inner"), rapid.IntRange(0, 12).Draw(t, "columns")
		left, a := draw(t, "left", m, k)
		right, b := draw(t, "right", k, n)
		cfg := placement(t, write(t, dir, "a", left))
		program := matmul(write(t, dir, "b", right), rapid.IntRange(1, 20).Draw(t, "batch"))
		want := a.times(b).coordinates()
		result := run(tt, t, cfg, program)
		if got := string(result.Output); got != want {
			t.Fatalf("%s times %s: %q, want %q", left, right, got, want)
		}
		cfg.RestartAt = rapid.IntRange(1, result.Supersteps).Draw(t, "restart")
		if again := run(tt, t, cfg, program); string(again.Output) != want || again.Counters["entries"] != result.Counters["entries"] || again.Counters["products"] != result.Counters["products"] {
			t.Fatalf("restart at %d of %d: %q, want %q", cfg.RestartAt, result.Supersteps, again.Output, want)
		}
	})
}

// sparse makes a matrix of so many entries, most of them in few rows and columns.
func sparse(seed uint64, rows, columns, entries int) (string, *dense) {
	rng := rand.New(rand.NewPCG(seed, 1))
	d := newDense(rows, columns)
	var b strings.Builder
	fmt.Fprintf(&b, "%%%%MatrixMarket matrix coordinate real general\n%d %d %d\n", rows, columns, entries)
	for range entries {
		i, j, x := rng.IntN(rng.IntN(rows)+1), rng.IntN(rng.IntN(columns)+1), rng.NormFloat64()
		fmt.Fprintf(&b, "%d %d %s\n", i+1, j+1, number(x))
		d.add(i, j, x)
	}
	return b.String(), d
}

// Larger matrices take several blocks of text, passes of radix and sizes of the table.
func TestLarger(t *testing.T) {
	dir := t.TempDir()
	left, a := sparse(1, 300, 200, 8000)
	right, b := sparse(2, 200, 4000, 9000)
	vector, x := sparse(3, 200, 1, 300)
	in, by, times := write(t, dir, "a", left), write(t, dir, "b", right), write(t, dir, "x", vector)
	y, c := a.times(x).array(), a.times(b).coordinates()
	for _, peers := range []int{1, 2, 3, 5, 8} {
		for _, tasks := range []int{1, (peers + 1) / 2} {
			cfg := bsptest.Config{Peers: peers, Tasks: tasks, Input: in, RestartAt: 1}
			if got := string(run(t, t, cfg, spmv(times)).Output); got != y {
				t.Errorf("spmv, %d peers, %d tasks: other bits", peers, tasks)
			}
			for _, batch := range []int{0, 10_000} {
				cfg.RestartAt = 1 + peers%2
				if got := string(run(t, t, cfg, matmul(by, batch)).Output); got != c {
					t.Errorf("matmul, %d peers, %d tasks, batches of %d: other bits", peers, tasks, batch)
				}
			}
		}
	}
	plain := run(t, t, bsptest.Config{Peers: 3, Input: in}, matmul(by, 2000))
	half := plain.Supersteps / 2 // counting, then writing
	if half < 20 {
		t.Fatalf("%d supersteps: batches are not cut", plain.Supersteps)
	}
	for _, s := range []int{2, 9, half - 1, half, half + 1, half + 2, half + 10, 2*half - 1, 2 * half} {
		bsptest.SameBits(t, bsptest.Config{Peers: 3, Tasks: 2, Input: in, RestartAt: s}, matmul(by, 2000))
	}
}

// What a job writes is an input; so are compressed files.
func TestOutputIsInput(t *testing.T) {
	dir := t.TempDir()
	text, a := sparse(4, 50, 50, 400)
	in := write(t, dir, "a", text)
	squared := a.times(a)
	parts := filepath.Join(dir, "parts")
	if err := os.Mkdir(parts, 0o700); err != nil {
		t.Fatal(err)
	}
	whole := squared.coordinates()
	cut := strings.Index(whole[len(whole)/2:], "\n") + len(whole)/2 + 1
	write(t, parts, "part-00000", whole[:cut])
	write(t, parts, "part-00001", "")
	write(t, parts, "part-00002", whole[cut:])
	write(t, parts, "_SUCCESS", "")
	want := squared.times(a).coordinates()
	for _, peers := range []int{1, 4} {
		if got := string(run(t, t, bsptest.Config{Peers: peers, Input: parts}, matmul(in, 0)).Output); got != want {
			t.Errorf("%d peers: a folder of parts gives other bits", peers)
		}
	}
	want = a.times(squared).coordinates()
	for name, bytes := range map[string][]byte{"b.gz": gzipped(t, whole), "b.zst": zstandard(t, whole)} {
		if got := string(run(t, t, bsptest.Config{Peers: 3, Input: in}, matmul(write(t, dir, name, string(bytes)), 0)).Output); got != want {
			t.Errorf("%s gives other bits", name)
		}
	}
}

func gzipped(t *testing.T, text string) []byte {
	t.Helper()
	var b strings.Builder
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return []byte(b.String())
}

func zstandard(t *testing.T, text string) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll([]byte(text), nil)
}

// A matrix of few entries may have as many rows and columns as there can be.
func TestHypersparse(t *testing.T) {
	dir := t.TempDir()
	const n = "4294967294"
	a := write(t, dir, "a", "%%MatrixMarket matrix coordinate integer general\n"+n+" "+n+" 3\n"+n+" "+n+" 3\n1 "+n+" 2\n5000 1 7\n")
	want := "%%MatrixMarket matrix coordinate real general\n" + n + " " + n + " 3\n1 " + n + " 6\n5000 " + n + " 14\n" + n + " " + n + " 9\n"
	for _, peers := range []int{1, 3, 8} {
		if got := string(run(t, t, bsptest.Config{Peers: peers, Input: a}, matmul(a, 0)).Output); got != want {
			t.Errorf("%d peers: %q", peers, got)
		}
	}
}

func TestMalformed(t *testing.T) {
	dir := t.TempDir()
	const coordinates = "%%MatrixMarket matrix coordinate real general\n"
	a := coordinates + "2 3 2\n1 1 0.5\n2 3 4\n"
	vector := write(t, dir, "x", "%%MatrixMarket matrix array real general\n3 1\n1\n2\n3\n")
	for _, c := range []struct {
		name, input string
		program     bsp.Runner
		want        string
	}{
		{"empty", "", spmv(""), "/in is empty: want a Matrix Market file"},
		{"no matrix", "1 2 3\n", spmv(""), `in:1 (byte 0): "1 2 3" is no Matrix Market header`},
		{"fewer entries", coordinates + "2 3 5\n1 1 2\n", spmv(""), "in:2 (byte 46): the header says 5 entries, and 1 follow"},
		{"index", coordinates + "2 3 1\n3 1 2\n", spmv(vector), `in:3 (byte 52): "3" is no row: want a whole number from 1 to 2`},
		{"vector of another length", a, spmv(write(t, dir, "y", "%%MatrixMarket matrix array real general\n2 1\n1\n2\n")), "y:2 (byte 41): the vector is 2 x 1 and the matrix 2 x 3: want 3 rows and one column"},
		{"a row as vector", a, spmv(write(t, dir, "row", "%%MatrixMarket matrix array real general\n1 3\n1\n2\n3\n")), "row:2 (byte 41): the vector is 1 x 3"},
		{"broken vector", a, spmv(write(t, dir, "broken", "%%MatrixMarket matrix array real general\n3 1\n1\nx\n3\n")), `broken:4 (byte 47): "x" is no value`},
		{"shapes", a, matmul(write(t, dir, "b", a), 0), "b:2 (byte 46): the right matrix is 2 x 3 and the input 2 x 3: want as many rows as the input has columns"},
		{"complex", a, matmul(write(t, dir, "c", "%%MatrixMarket matrix coordinate complex general\n3 1 1\n1 1 2 3\n"), 0), `c:1 (byte 33): entries of the kind "complex"`},
		{"too large a sum", coordinates + "1 3 3\n1 1 1e308\n1 2 1e308\n1 3 1\n", spmv(""), "row 1, column 1 of the product is too large"},
		{"too large a product", coordinates + "1 1 1\n1 1 1e200\n", matmul(write(t, dir, "d", coordinates+"1 2 1\n1 2 -1e200\n"), 0), "row 1, column 2 of the product is too large"},
		{"mostly rows", coordinates + "4000000000 3 0\n", spmv(""), "in:2 (byte 46): 4000000000 rows in a file of 61 bytes: the limit is 1024 for a byte"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, peers := range []int{1, 3} {
				_, err := bsptest.Try(t, bsptest.Config{Peers: peers, Input: write(t, t.TempDir(), "in", c.input)}, c.program)
				f := job.AsFailure(err, job.FaultInternal)
				if err == nil || f.Kind != job.FaultInput || !strings.Contains(f.Message, c.want) || strings.Contains(f.Message, "\n") {
					t.Fatalf("%v, want %s", err, c.want)
				}
			}
		})
	}
	for _, r := range []bsp.Runner{spmv("/nowhere/x"), matmul("/nowhere/b", 0)} {
		_, err := bsptest.Try(t, bsptest.Config{Peers: 2, Input: write(t, dir, "a", a)}, r)
		if f := job.AsFailure(err, job.FaultInternal); f.Code != job.ExitNotFound || !strings.Contains(f.Message, "/nowhere/") {
			t.Errorf("a missing file: %v", err)
		}
	}
	if _, err := bsptest.Try(t, bsptest.Config{}, spmv("")); err == nil || !strings.Contains(err.Error(), "there is no --input") {
		t.Errorf("without input: %v", err)
	}
}
