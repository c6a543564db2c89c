package linear_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"scalar/ml/data"
	"scalar/ml/linear"
)

// byteRows is rows of bytes, the last of which is a class, 0 or 1.
type byteRows struct{ values [][]byte }

func newByteRows(r *rand.Rand, rows, features int) (b byteRows) {
	for range rows {
		row := make([]byte, features+1)
		for j := range features {
			row[j] = byte(r.IntN(256))
		}
		row[features] = byte(r.IntN(2))
		b.values = append(b.values, row)
	}
	return b
}

// set loads some of the rows, all if of is nil, from CSV, or from an array of bytes.
func (b byteRows) set(t *testing.T, of []uint32, npy bool) *data.Set {
	t.Helper()
	rows := b.values
	if of != nil {
		rows = nil
		for _, i := range of {
			rows = append(rows, b.values[i])
		}
	}
	width := len(rows[0])
	var text strings.Builder
	name := filepath.Join(t.TempDir(), "a.csv")
	if npy {
		name = filepath.Join(t.TempDir(), "a.npy")
		head := fmt.Sprintf("{'descr': '|u1', 'fortran_order': False, 'shape': (%d, %d), }", len(rows), width)
		head += strings.Repeat(" ", 127-10-len(head)) + "\n"
		text.WriteString("\x93NUMPY\x01\x00" + string([]byte{byte(len(head)), 0}) + head)
	}
	for _, row := range rows {
		if npy {
			text.Write(row)
			continue
		}
		for j, v := range row {
			text.WriteString(map[bool]string{true: ","}[j > 0] + strconv.Itoa(int(v)))
		}
		text.WriteByte('\n')
	}
	if err := os.WriteFile(name, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	in := data.Input{URL: name, Target: data.Classes, Label: strconv.Itoa(width - 1), Scale: data.None}
	set, _, err := data.Load(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// TestLogitRows: sums over rows are the same wherever the rows lie: as float32 or as bytes, in one part or
// in two, among others or alone.
func TestLogitRows(t *testing.T) {
	const features, rows = 300, 700
	r := rand.New(rand.NewPCG(4, 5))
	b := newByteRows(r, rows, features)
	var some []uint32
	for i := range uint32(rows) {
		if i%50 != 7 && i/100 != 3 {
			some = append(some, i)
		}
	}
	floats, raw, alone := b.set(t, nil, false), b.set(t, nil, true), b.set(t, some, false)
	if values, _ := raw.Run(0); values != nil {
		t.Fatal("an array of bytes is kept as float32")
	}
	point := make([]float64, features+1)
	for i := range point {
		point[i] = r.NormFloat64() / 10
	}
	sums := func(set *data.Set, rows []uint32) []float64 {
		goal, _ := linear.NewGoal(newCPU(t), set, linear.Form{Features: features, Outputs: 2, First: 1}, 0)
		goal.SetModel(point)
		sums, err := goal.Sums(rows)
		if err != nil {
			t.Fatal(err)
		}
		return sums
	}
	want := sums(alone, linear.All(alone))
	second := slices.Clone(some)
	for i := range second {
		second[i] += rows
	}
	twice := data.Join(floats, floats)
	for name, got := range map[string][]float64{"with gaps": sums(floats, some), "bytes": sums(raw, some), "the second half": sums(twice, second)} {
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", name, got[features:], want[features:])
		}
	}
	end := linear.All(floats)[rows-20:] // and where two parts meet
	if a, b := sums(twice, slices.Concat(end, second[:20])), sums(floats, slices.Concat(end, some[:20])); !slices.Equal(a, b) {
		t.Errorf("where parts meet: %v, want %v", a[features:], b[features:])
	}
}
