package matrix_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"scalar/bsp"
	"scalar/bsp/bsptest"
	"scalar/bsp/matrix"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fataler is a *testing.T or a *rapid.T.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

// A dense is a matrix as the oracle sees it: every place has a value, and is listed or
// not.
type dense struct {
	rows, columns int
	values        [][]float64
	listed        [][]bool
}

func newDense(rows, columns int) *dense {
	d := &dense{rows: rows, columns: columns}
	for range rows {
		d.values, d.listed = append(d.values, make([]float64, columns)), append(d.listed, make([]bool, columns))
	}
	return d
}

// add adds an entry, as files list it: what repeats is added up.
func (d *dense) add(row, column int, x float64) {
	d.values[row][column] += x
	d.listed[row][column] = true
}

// times multiplies two matrices in the order of the columns of the first.
func (d *dense) times(b *dense) *dense {
	c := newDense(d.rows, b.columns)
	for i := range d.rows {
		for j := range b.columns {
			for k := range d.columns {
				c.values[i][j] += float64(d.values[i][k] * b.values[k][j])
				c.listed[i][j] = c.listed[i][j] || d.listed[i][k] && b.listed[k][j]
			}
		}
	}
	return c
}

func number(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }

// coordinates writes what is listed, by row and column, as matmul does.
func (d *dense) coordinates() string {
	var b strings.Builder
	n := 0
	for i := range d.rows {
		for j := range d.columns {
			if d.listed[i][j] {
				n++
				fmt.Fprintf(&b, "%d %d %s\n", i+1, j+1, number(d.values[i][j]))
			}
		}
	}
	return fmt.Sprintf("%%%%MatrixMarket matrix coordinate real general\n%d %d %d\n", d.rows, d.columns, n) + b.String()
}

// array writes every value, column after column, as spmv does.
func (d *dense) array() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%%%%MatrixMarket matrix array real general\n%d %d\n", d.rows, d.columns)
	for j := range d.columns {
		for i := range d.rows {
			fmt.Fprintln(&b, number(d.values[i][j]))
		}
	}
	return b.String()
}

// A sketch is a matrix that is being drawn.
type sketch struct {
	*dense
	symmetry, kind string
	body           strings.Builder // of its file
}

// draw draws a matrix of a size, as a file and as the oracle sees it.
func draw(t *rapid.T, name string, rows, columns int) (string, *dense) {
	symmetries := []string{"general", "general", "symmetric", "skew-symmetric"}
	if rows != columns {
		symmetries = symmetries[:1]
	}
	s := &sketch{dense: newDense(rows, columns)}
	s.symmetry = rapid.SampledFrom(symmetries).Draw(t, name+" symmetry")
	s.kind = rapid.SampledFrom([]string{"real", "integer", "pattern"}).Draw(t, name+" kind")
	value := rapid.SampledFrom([]float64{0, 1, -1, 3, 0.1, -0.7, 1e16, -1e16, 1e-9, 1. / 3})
	if s.kind == "integer" {
		value = rapid.SampledFrom([]float64{0, 1, 2, -5, 9007199254740993})
	}
	if s.kind != "pattern" && rapid.IntRange(0, 3).Draw(t, name+" array") == 0 {
		s.array(t, value)
		return fmt.Sprintf("%%%%MatrixMarket matrix array %s %s\n%d %d\n", s.kind, s.symmetry, rows, columns) + s.body.String(), s.dense
	}
	entries := 0
	if rows > 0 && columns > 0 {
		width := rapid.IntRange(1, columns).Draw(t, name+" width") // columns after it are empty
		for range rapid.IntRange(0, 3*(rows+columns)).Draw(t, name+" entries") {
			i, j := rapid.IntRange(0, rows-1).Draw(t, "row"), rapid.IntRange(0, width-1).Draw(t, "column")
			if s.allowed(i, j) {
				s.coordinate(t, value, i, j)
				entries++
			}
		}
	}
	return fmt.Sprintf("%%%%MatrixMarket matrix coordinate %s %s\n%% drawn\n%d %d %d\n", s.kind, s.symmetry, rows, columns, entries) + s.body.String(), s.dense
}

// allowed reports whether a place may be listed.
func (s *sketch) allowed(i, j int) bool {
	return s.symmetry == "general" || i > j || s.symmetry == "symmetric" && i == j
}

// array draws all values.
func (s *sketch) array(t *rapid.T, value *rapid.Generator[float64]) {
	for j := range s.columns {
		for i := range s.rows {
			if !s.allowed(i, j) {
				continue
			}
			x := value.Draw(t, "value")
			fmt.Fprintln(&s.body, number(x))
			if x != 0 { // zeros of an array are not listed
				s.set(i, j, x)
			}
		}
	}
}

// coordinate draws the value of an entry.
func (s *sketch) coordinate(t *rapid.T, value *rapid.Generator[float64], i, j int) {
	x := 1.0
	fmt.Fprintf(&s.body, "%d %d", i+1, j+1)
	if s.kind != "pattern" {
		x = value.Draw(t, "value")
		s.body.WriteString(" " + number(x))
	}
	s.body.WriteByte('\n')
	s.set(i, j, x)
}

// set adds an entry and its mirror image.
func (s *sketch) set(i, j int, x float64) {
	s.add(i, j, x)
	if s.symmetry != "general" && i != j {
		if s.symmetry == "skew-symmetric" {
			x = -x
		}
		s.add(j, i, x)
	}
}

// write writes a file into a folder.
func write(t fataler, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatalf("%v", err)
	}
	return path
}

func spmv(vector string) bsp.Runner { return bsp.NewRunner(matrix.SpMV(vector)) }

func matmul(right string, batch int) bsp.Runner {
	return bsp.NewRunner(matrix.MatMul{Right: right, Batch: batch}.Program())
}

// run runs a program that has to succeed. tb is t, or the test that rapid's t is part of.
func run(tb testing.TB, t fataler, cfg bsptest.Config, r bsp.Runner) bsp.Result {
	tb.Helper()
	t.Helper()
	result, err := bsptest.Try(tb, cfg, r)
	if err != nil {
		t.Fatalf("%d peers, %d tasks, restart at %d: %v", cfg.Peers, cfg.Tasks, cfg.RestartAt, err)
	}
	return result
}
