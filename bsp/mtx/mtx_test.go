package mtx_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"scalar/bsp/job"
	"scalar/bsp/mtx"
	"scalar/bsp/scan"
	"scalar/storage"

	"pgregory.net/rapid"
)

// all is what a reader may want.
var all = mtx.Want{Array: true, Skew: true, Rectangle: true}

// An entry is a line of a matrix.
type entry struct {
	row, column uint64
	value       float64
}

// read reads a file in so many splits, as the peers of a job do.
func read(t *testing.T, path string, peers int) (h mtx.Header, entries []entry, err error) {
	t.Helper()
	h, ok, err := mtx.Read(t.Context(), path, all)
	if err != nil || !ok {
		return h, nil, err
	}
	splits, err := storage.Splits(t.Context(), path, peers)
	if err != nil {
		t.Fatal(err)
	}
	found := uint64(0)
	for _, split := range splits {
		r, err := storage.OpenRecords(t.Context(), split)
		if err != nil {
			t.Fatal(err)
		}
		p := &mtx.Parser{Header: h, Keep: true}
		parse := p.Coordinates
		if h.Array {
			parse = p.Array
			p.Skip(found)
		}
		if err := h.After(r); err != nil {
			t.Fatal(err)
		}
		for {
			b, ok, err := r.Block(64)
			if err != nil {
				t.Fatal(err)
			}
			if !ok {
				break
			}
			if err := parse(b); err != nil {
				return h, nil, scan.Malformed(r.BlockWhere, err)
			}
			for i, x := range p.Values {
				entries = append(entries, entry{p.Indices[2*i], p.Indices[2*i+1], x})
			}
		}
		found += p.Found
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if found != h.Entries {
		return h, nil, h.Disagrees(found)
	}
	return h, entries, nil
}

// plainMatrix is what plain has read so far.
type plainMatrix struct {
	array, pattern, symmetric, skew bool
	sizes                           []uint64    // rows, columns, entries
	where                           [][2]uint64 // of an array's values to come
	entries                         []entry
}

// plain is the parser that the fast one is compared with.
func plain(text string) ([]entry, bool) {
	var m plainMatrix
	lines := strings.Split(text, "\n")
	if !m.banner(fields(strings.ToLower(lines[0]))) {
		return nil, false
	}
	for _, line := range lines[1:] {
		f := fields(line)
		ok := true
		switch {
		case strings.HasPrefix(line, "%"):
			ok = m.sizes == nil || !strings.HasPrefix(strings.ToLower(line), "%%matrixmarket")
		case len(f) == 0:
		case m.sizes == nil:
			ok = m.size(f)
		case m.array:
			ok = m.value(f)
		default:
			ok = m.coordinate(f)
		}
		if !ok {
			return nil, false
		}
	}
	return m.entries, m.sizes != nil && uint64(len(m.entries)) == m.sizes[2]
}

func (m *plainMatrix) banner(f []string) bool {
	if len(f) != 5 || f[0] != "%%matrixmarket" || f[1] != "matrix" {
		return false
	}
	m.array, m.pattern, m.symmetric, m.skew = f[2] == "array", f[3] == "pattern", f[4] == "symmetric", f[4] == "skew-symmetric"
	return (m.array || f[2] == "coordinate") && (f[3] == "real" || f[3] == "integer" || m.pattern && !m.array) && (m.symmetric || m.skew || f[4] == "general")
}

func (m *plainMatrix) size(f []string) bool {
	for _, x := range f {
		n, ok := whole(x)
		if !ok || n > math.MaxUint32-1 && len(m.sizes) < 2 || n > 1<<56 {
			return false
		}
		m.sizes = append(m.sizes, n)
	}
	if m.array != (len(f) == 2) || !m.array && len(f) != 3 || (m.symmetric || m.skew) && m.sizes[0] != m.sizes[1] {
		return false
	}
	if !m.array {
		return true
	}
	if m.sizes[0]*m.sizes[1] > 1e6 { // nothing that these tests can fill
		return false
	}
	for c := uint64(1); m.sizes[0] > 0 && c <= m.sizes[1]; c++ {
		for r := uint64(1); r <= m.sizes[0]; r++ {
			if !m.symmetric && !m.skew || r > c || m.symmetric && r == c {
				m.where = append(m.where, [2]uint64{r, c})
			}
		}
	}
	m.sizes = append(m.sizes, uint64(len(m.where)))
	return true
}

func (m *plainMatrix) value(f []string) bool {
	x, ok := number(f[0])
	if !ok || len(f) != 1 || len(m.where) == 0 {
		return false
	}
	m.entries = append(m.entries, entry{m.where[0][0], m.where[0][1], x})
	m.where = m.where[1:]
	return true
}

func (m *plainMatrix) coordinate(f []string) bool {
	if len(f) != 3 && !m.pattern || len(f) != 2 && m.pattern {
		return false
	}
	row, ok1 := whole(f[0])
	column, ok2 := whole(f[1])
	x, ok3 := 1.0, true
	if !m.pattern {
		x, ok3 = number(f[2])
	}
	m.entries = append(m.entries, entry{row, column, x})
	return ok1 && ok2 && ok3 && row > 0 && row <= m.sizes[0] && column > 0 && column <= m.sizes[1] && (!m.symmetric || row >= column) && (!m.skew || row > column)
}

func fields(line string) []string {
	return strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == '\t' || r == '\r' })
}

func whole(s string) (uint64, bool) {
	n, err := strconv.ParseUint(s, 10, 63)
	return n, err == nil && s[0] != '+'
}

func number(s string) (float64, bool) {
	x, err := strconv.ParseFloat(s, 64)
	return x, err == nil && x-x == 0
}

// compare reads a text in both ways.
func compare(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	want, ok := plain(text)
	for _, peers := range []int{1, 2, 5} {
		h, got, err := read(t, path, peers)
		switch {
		case text == "":
			if err != nil || got != nil {
				t.Fatalf("an empty file: %v, %v", got, err)
			}
		case h.Array && h.Entries > 1e6: // plain gave up
		case (err == nil) != ok:
			t.Fatalf("%q: %v, plain %v", text, err, ok)
		case err == nil && !slices.Equal(got, want):
			t.Fatalf("%q: %v, want %v", text, got, want)
		case err != nil:
			if f := job.AsFailure(err, job.FaultInternal); f.Kind != job.FaultInput || strings.Contains(f.Message, "\n") {
				t.Fatalf("%q: %v", text, err)
			}
		}
	}
}

func TestLikeThePlainParser(tt *testing.T) {
	path := filepath.Join(tt.TempDir(), "m")
	rapid.Check(tt, func(t *rapid.T) {
		word := func(name string, words ...string) string { return rapid.SampledFrom(words).Draw(t, name) }
		text := fmt.Sprintf("%s matrix %s %s %s\n%%c\n", word("banner", "%%MatrixMarket", "%%matrixmarket", "%%MatrixMarket", "%MatrixMarket"), word("format", "coordinate", "array", "list"),
			word("kind", "real", "integer", "pattern", "complex"), word("symmetry", "general", "symmetric", "skew-symmetric", "hermitian"))
		text += word("sizes", "3 3 2", "3 3", "2 3 2", "2 3", "0 0", "0 0 0", "1 1", "1 1 1", "4 4", "x 3 1", "3 3 1 1", "4294967295 1 0", "4294967294 1 0", "5") + "\n"
		pieces := rapid.SliceOfN(rapid.SampledFrom([]string{"1 1 2\n", "2 1 -0.5\r\n", "3 2 1e3\n", "2 1\n", "3\n", "-1e-3\n", "0.25\n", "0\n", "% 1\n", "%%MatrixMarket x\n", "\n", " 1\n", "4 1 1\n", "1 2 1\n", "nan\n", "1e999\n", "0 1 1\n", "1 1 2 3\n", "7"}), 0, 12)
		if rapid.Bool().Draw(t, "values") { // as many as an array may want
			pieces = rapid.SliceOfN(rapid.SampledFrom([]string{"1\n", "-2.5\n", "0\n\n", "% c\n3\n"}), 0, 16)
		}
		compare(tt, path, text+strings.Join(pieces.Draw(t, "pieces"), ""))
	})
}

// Of an array every value has its place, wherever a reader begins.
func TestPlacesOfAnArray(t *testing.T) {
	for _, symmetry := range []string{"general", "symmetric", "skew-symmetric"} {
		for n := range 7 {
			m := n
			if symmetry == "general" {
				m = n / 2
			}
			text := fmt.Sprintf("%%%%MatrixMarket matrix array integer %s\n%d %d\n", symmetry, n, m)
			count := map[string]int{"general": n * m, "symmetric": n * (n + 1) / 2, "skew-symmetric": n * (n - 1) / 2}[symmetry]
			var values strings.Builder
			for i := range count {
				fmt.Fprintln(&values, i)
			}
			compare(t, filepath.Join(t.TempDir(), "m"), text+values.String())
		}
	}
}

func TestMalformed(t *testing.T) {
	const coordinates, array = "%%MatrixMarket matrix coordinate real general\n", "%%MatrixMarket matrix array real general\n"
	for _, c := range []struct{ name, text, want string }{
		{"no header", "1 2 3\n", `m:1 (byte 0): "1 2 3" is no Matrix Market header`},
		{"ends", coordinates + "% c\n", "m:2 (byte 46): the file ends before its header does"},
		{"vector", "%%MatrixMarket vector coordinate real general\n", `m:1 (byte 15): "vector" "coordinate": want matrix coordinate or matrix array`},
		{"complex", "%%MatrixMarket matrix coordinate complex general\n", `m:1 (byte 33): entries of the kind "complex": want real, integer or pattern`},
		{"hermitian", "%%MatrixMarket matrix coordinate real hermitian\n", `m:1 (byte 38): the symmetry "hermitian": want general, symmetric or skew-symmetric`},
		{"pattern array", "%%MatrixMarket matrix array pattern general\n", "m:1 (byte 28): an array of the kind pattern has no values"},
		{"too large", coordinates + "4294967295 2 1\n", `m:2 (byte 46): "4294967295" is no number of rows: want a whole number up to 4294967294`},
		{"symmetric rectangle", "%%MatrixMarket matrix coordinate real symmetric\n3 2 1\n", "m:2 (byte 48): 3 rows and 2 columns: a symmetric matrix is square"},
		{"sizes of an array", array + "3 2 6\n", "m:2 (byte 41): want the sizes of the array"},
		{"row", coordinates + "3 2 1\n4 1 1\n", `m:3 (byte 52): "4" is no row: want a whole number from 1 to 3`},
		{"column", coordinates + "3 2 1\n3 3 1\n", `m:3 (byte 54): "3" is no column: want a whole number from 1 to 2`},
		{"value", coordinates + "3 2 1\n3 2 1.x\n", `m:3 (byte 56): "1.x" is no value: want a finite number`},
		{"no value", coordinates + "3 2 1\n3 2\n", "m:3 (byte 55): the entry has no value"},
		{"more fields", coordinates + "3 2 1\n3 2 1 i\n", "m:3 (byte 58): the line goes on"},
		{"fewer", coordinates + "3 2 2\n3 2 1\n", "m:2 (byte 46): the header says 2 entries, and 1 follow"},
		{"more", coordinates + "3 2 1\n3 2 1\n3 2 1\n", "m:2 (byte 46): the header says 1 entries, and 2 follow"},
		{"diagonal", "%%MatrixMarket matrix coordinate real skew-symmetric\n3 3 1\n2 2 1\n", "m:3 (byte 61): the entry 2 2 is on the diagonal"},
		{"second header", coordinates + "3 2 1\n3 2 1\n" + coordinates, "m:4 (byte 58): a second header"},
		{"array too long", array + "1 2\n1\n2\n3\n", "m:5 (byte 49): a value after the last one: the header says that the array has 2"},
		{"array too short", array + "1 2\n1\n", "m:2 (byte 41): the header says 2 entries, and 1 follow"},
		{"array line", array + "1 2\n1 2\n", "m:3 (byte 47): the line goes on"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "m")
			if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, peers := range []int{1, 3} {
				_, _, err := read(t, path, peers)
				f := job.AsFailure(err, job.FaultInternal)
				if err == nil || f.Kind != job.FaultInput || !strings.Contains(f.Message, c.want) {
					t.Fatalf("%v, want %s", err, c.want)
				}
			}
		})
	}
	if _, _, err := read(t, "/nowhere/m", 1); job.AsFailure(err, job.FaultInternal).Code != job.ExitNotFound {
		t.Fatalf("a missing file: %v", err)
	}
}

func FuzzMatrix(f *testing.F) {
	for _, seed := range []string{
		"", "%%MatrixMarket matrix coordinate real general\n% c\n3 4 2\n1 4 0.5\n3 3 -1e2\n", "%%MatrixMarket matrix coordinate pattern symmetric\n3 3 2\n2 1\n3 3\n",
		"%%MatrixMarket matrix array real general\n2 3\n1\n2\n3\n4\n5\n6\n", "%%MatrixMarket matrix array integer skew-symmetric\n3 3\n1\n\n2\n3\n",
	} {
		f.Add(seed)
	}
	path := filepath.Join(f.TempDir(), "m")
	f.Fuzz(func(t *testing.T, text string) { compare(t, path, text) })
}
