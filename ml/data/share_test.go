package data_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"scalar/ml/data"
)

// kinds are sets of every kind of rows, with and without some left out.
func kinds(tb testing.TB) map[string]*data.Set {
	tb.Helper()
	sets := map[string]*data.Set{}
	for name, in := range map[string]data.Input{
		"floats": {URL: write(tb, "a.csv", "x,y,k\n1,2,a\n?,1,b\n3,4.5,b\n5,6,a\n"), Target: data.Classes, Missing: data.MissingDrop, Scale: data.Columns},
		"number": {URL: write(tb, "b.csv", "1,2,3\n4,5,6\n"), Target: data.Numbers, Scale: data.None},
		"plain":  {URL: write(tb, "c.csv", "1.5,2,3\n4,5,6\n"), Scale: data.None},
		"sparse": {URL: write(tb, "d.txt", "+1 1:.5 1000:2\n-1\n-1 3:4 7:1e-3\n"), Target: data.Classes},
		"bytes":  {URL: "testdata/npy/images.npy", Target: data.Numbers, Labels: "testdata/npy/vector.npy"},
		"empty":  {URL: write(tb, "e.csv", "x,y\n?,1\n"), Target: data.Numbers, Missing: data.MissingDrop, Scale: data.None},
	} {
		for _, url := range []*string{&in.URL, &in.Labels} {
			if strings.HasPrefix(*url, "testdata/") {
				var err error
				if *url, err = filepath.Abs(*url); err != nil {
					tb.Fatal(err)
				}
			}
		}
		set, _, err := data.Load(tb.Context(), in)
		if err != nil && name != "empty" {
			tb.Fatal(name, err)
		}
		if err == nil {
			sets[name] = set
		}
	}
	return sets
}

// TestShare: another peer has the same rows, and they join with others.
func TestShare(t *testing.T) {
	for name, set := range kinds(t) {
		b, err := set.Share()
		if err != nil {
			t.Fatal(err)
		}
		for _, offset := range []int{0, 1} { // memory that is aligned, and that is not
			got, err := data.Shared(slices.Concat(make([]byte, offset), b)[offset:], set)
			if err != nil {
				t.Fatal(name, err)
			}
			sameRows(t, name, got, set)
			sameRows(t, name, data.Join(got, got), data.Join(set, set))
		}
		for n := range b {
			if _, err := data.Shared(b[:n], set); err == nil {
				t.Fatalf("%s: %d bytes of %d were taken", name, n, len(b))
			}
		}
		for other, set := range kinds(t) {
			if _, err := data.Shared(b, set); other != name && (err == nil || !strings.Contains(err.Error(), "of another kind")) {
				t.Errorf("rows of %s as %s: %v", name, other, err)
			}
		}
	}
}

func sameRows(tb testing.TB, name string, got, want *data.Set) {
	tb.Helper()
	same(tb, got, want)
	if got.Sparse() != want.Sparse() || !slices.Equal(got.Classes(), want.Classes()) {
		tb.Fatalf("%s: of another kind", name)
	}
	for i := range want.Len() {
		if got.Number(i) != want.Number(i) {
			tb.Fatalf("%s: row %d has number %d, want %d", name, i, got.Number(i), want.Number(i))
		}
	}
}

// TestRun: rows as they lie are those that Row copies, and so are their classes.
func TestRun(t *testing.T) {
	for name, set := range kinds(t) {
		set = data.Join(set, set)
		row := make([]float32, set.Features())
		for i := range set.Len() {
			values, classes := set.Run(i)
			if floats := !set.Sparse() && name != "bytes"; (values != nil) != floats || (classes != nil) != (set.Target() == data.Classes) {
				t.Fatalf("%s: row %d: %d values, %d classes", name, i, len(values), len(classes))
			}
			for k := range len(values) / set.Features() {
				set.Row(row, i+k)
				if !slices.Equal(values[k*len(row):][:len(row)], row) {
					t.Errorf("%s: row %d of the run at %d differs", name, k, i)
				}
			}
			for k, class := range classes {
				if set.Class(i+k) != int(class) {
					t.Errorf("%s: class %d of the run at %d differs", name, k, i)
				}
			}
			if len(values) > 0 && classes != nil && len(values) != len(classes)*len(row) {
				t.Errorf("%s: row %d: %d values of %d classes", name, i, len(values), len(classes))
			}
		}
	}
}

// TestRows: rows in any order, more than are brought near at once, are those that Row copies.
func TestRows(t *testing.T) {
	for name, set := range kinds(t) {
		set = data.Join(slices.Repeat([]*data.Set{set}, 100)...)
		n, width := set.Len(), set.Features()
		indices, row := make([]uint32, n), make([]float32, width)
		for i := range indices {
			indices[i] = uint32((i*7 + 3) % n)
		}
		got := make([]float32, n*width)
		set.Rows(got, indices)
		for k, i := range indices {
			if set.Row(row, int(i)); !slices.Equal(got[k*width:(k+1)*width], row) {
				t.Fatalf("%s: row %d is %v, want %v", name, i, got[k*width:(k+1)*width], row)
			}
		}
	}
}

// TestTable: rows of bytes have the numbers of one table, copies of it too, and the bytes themselves; others have none.
func TestTable(t *testing.T) {
	all := kinds(t)
	for name, set := range all {
		if table := set.Table(); (table != nil) != (name == "bytes") {
			t.Errorf("%s: a table: %v", name, table != nil)
		}
	}
	set := all["bytes"]
	b, err := set.Share()
	if err != nil {
		t.Fatal(err)
	}
	other, err := data.Shared(b, set)
	if err != nil {
		t.Fatal(err)
	}
	joined, row := data.Join(set, other), make([]float32, set.Features())
	numbers := joined.Table().Numbers()
	for i := range joined.Len() {
		joined.Row(row, i)
		for c, code := range joined.Code(uint32(i)) {
			if row[c] != numbers[code] {
				t.Fatalf("row %d, column %d: %v of byte %d, want %v", i, c, numbers[code], code, row[c])
			}
		}
	}
}

func FuzzShared(f *testing.F) {
	sets := kinds(f)
	for _, name := range []string{"floats", "number", "plain", "sparse", "bytes"} {
		b, err := sets[name].Share()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(name, b)
	}
	f.Fuzz(func(_ *testing.T, name string, b []byte) {
		like, ok := sets[name]
		if !ok {
			return
		}
		set, err := data.Shared(b, like)
		if err != nil {
			return
		}
		row := make([]float32, set.Features())
		for i := range set.Len() {
			set.Row(row, i)
			if set.Target() == data.Classes {
				_ = set.Classes()[set.Class(i)]
			}
			if set.Target() == data.Numbers {
				_ = set.Value(i)
			}
		}
	})
}
