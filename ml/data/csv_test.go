package data_test

import (
	"encoding/csv"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"scalar/bsp/job"
	"scalar/ml/data"

	"pgregory.net/rapid"
)

func TestCSV(t *testing.T) {
	file := write(t, "people.csv", "\xef\xbb\xbfage, colour ,height,kind\r\n30,red,1.5,b\r\n\r\n-2.25,\"dark, blue\",1e3,a\r\n7,red,.5,\"b\"\r\n")
	set, text := mustLoad(t, data.Input{URL: file, Target: data.Classes, Scale: data.None})
	if want := [][]float32{{30, 0, 1, 1.5}, {-2.25, 1, 0, 1000}, {7, 0, 1, .5}}; !reflect.DeepEqual(rows(set), want) {
		t.Errorf("%v, want %v", rows(set), want)
	}
	if got := labels(set); !slices.Equal(got, []string{"b", "a", "b"}) || !slices.Equal(set.Classes(), []string{"a", "b"}) {
		t.Errorf("labels %v of %v", got, set.Classes())
	}
	if want := `{"columns":3,"names":["age","colour","height"],"categories":[{"column":1,"values":["dark, blue","red"]}],"missing":"error","scale":{"kind":"none"},"label":{"name":"kind","column":3,"target":"classes","classes":["a","b"]}}`; text != want {
		t.Errorf("%s, want %s", text, want)
	}
	if got := encoder(t, text).FeatureNames(); !slices.Equal(got, []string{"age", "colour=dark, blue", "colour=red", "height"}) {
		t.Errorf("names %q", got)
	}
	both := make([]float32, 8)
	if set.Rows(both, []uint32{2, 0}); !slices.Equal(both, []float32{7, 0, 1, .5, 30, 0, 1, 1.5}) {
		t.Errorf("rows 2 and 0: %v", both)
	}
}

// Codes that Go's sources could hold as numbers are categories.
func TestCodes(t *testing.T) {
	set, _ := mustLoad(t, data.Input{URL: write(t, "a.csv", "1_1,2\n11,3\n0x1p4,4\n"), Header: data.HeaderNo, Target: data.Numbers, Scale: data.None})
	if got := rows(set); !reflect.DeepEqual(got, [][]float32{{0, 0, 1}, {0, 1, 0}, {1, 0, 0}}) {
		t.Errorf("%v", got)
	}
}

// The label's column is found by name and by index from either end.
func TestLabel(t *testing.T) {
	file := write(t, "a.tsv", "x\ty\tz\n1\t2\t3\n4\t5\t6\n")
	for label, want := range map[string][]float64{"": {3, 6}, "x": {1, 4}, "0": {1, 4}, "-2": {2, 5}, "2": {3, 6}, "-1": {3, 6}} {
		set, _ := mustLoad(t, data.Input{URL: file, Target: data.Numbers, Label: label})
		if got := []float64{set.Value(0), set.Value(1)}; !slices.Equal(got, want) {
			t.Errorf("--label %q: %v, want %v", label, got, want)
		}
	}
	for label, want := range map[string]string{"3": "--label 3 is no column: there are 3", "-4": "--label -4 is no column", "w": `no column is named "w": there are "x", "y", "z"`} {
		_, _, err := load(t, data.Input{URL: file, Target: data.Numbers, Label: label}, 1)
		refused(t, err, want)
	}
	_, _, err := load(t, data.Input{URL: write(t, "b.csv", "1,2\n"), Target: data.Numbers, Label: "y"}, 1)
	refused(t, err, "has no header")
}

// Labels that are numbers are in the order of their numbers, and keep their texts.
func TestClasses(t *testing.T) {
	for text, want := range map[string][]string{
		"1,10\n1,9\n1,-1\n1,9\n":   {"-1", "9", "10"},
		"1,+1\n1,-1\n1,1.0\n1,1\n": {"-1", "1"},
		"1,10\n1,9\n1,x\n":         {"10", "9", "x"},
	} {
		set, _ := mustLoad(t, data.Input{URL: write(t, "a.csv", text), Header: data.HeaderNo, Target: data.Classes})
		if !slices.Equal(set.Classes(), want) {
			t.Errorf("%q: %q, want %q", text, set.Classes(), want)
		}
	}
}

// A header is there if the first line holds a text; so it is in every file of a folder.
func TestHeaders(t *testing.T) {
	for text, want := range map[string]int{"1;2\n3;4\n": 2, "1;\n3;4\n": 2, "a;2\n3;4\n": 1, "a;b\n1;2\n": 1} {
		set, _ := mustLoad(t, data.Input{URL: write(t, "a.csv", text), Missing: data.MissingMean})
		if set.Len() != want || set.Features() != 2 {
			t.Errorf("%q: %d×%d rows, want %d", text, set.Len(), set.Features(), want)
		}
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"1.csv": "a,b\n1,2\n", "2.csv": "a,b\n3,4\n", "3.csv": "5,6\n", "_SUCCESS": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	set, _ := mustLoad(t, data.Input{URL: dir, Scale: data.None})
	if got := rows(set); !reflect.DeepEqual(got, [][]float32{{1, 2}, {3, 4}, {5, 6}}) {
		t.Errorf("a folder: %v", got)
	}
	for name, text := range map[string]string{"2.csv": "\xef\xbb\xbf\"a\",b\r\n3,4\n", "4.csv": "b,a\n8,7\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, _, err := load(t, data.Input{URL: dir}, 2)
	refused(t, err, `4.csv:1 (byte 0): the columns are in another order than in the first file: want "a", "b"`)
	if err := os.Remove(filepath.Join(dir, "4.csv")); err != nil {
		t.Fatal(err)
	}
	set, _ = mustLoad(t, data.Input{URL: dir, Scale: data.None})
	if got := rows(set); !reflect.DeepEqual(got, [][]float32{{1, 2}, {3, 4}, {5, 6}}) {
		t.Errorf("a folder with a header in other quotes: %v", got)
	}
}

func TestMissing(t *testing.T) {
	file := write(t, "a.csv", "x,c,l\n1,a,0\n,b,1\n4,?,0\nNA,a,\n")
	in := data.Input{URL: file, Target: data.Classes, Scale: data.None}
	_, _, err := load(t, in, 3)
	refused(t, err, `a.csv:3 (byte 12): the value of column "x" is missing: --missing mean or drop says what to do`)
	_, _, err = load(t, data.Input{URL: write(t, "b.csv", "x,c,l\n1,a,0\n4,,0\n"), Target: data.Classes, Label: "x"}, 1)
	refused(t, err, `b.csv:3 (byte 14): the value of column "c" is missing: --missing mean or drop says what to do`)
	in.Missing = data.MissingMean
	_, _, err = load(t, in, 1)
	refused(t, err, "a.csv:5 (byte 28): the label is missing")
	in.Missing = data.MissingDrop
	set, _ := mustLoad(t, in)
	if got := rows(set); !reflect.DeepEqual(got, [][]float32{{1, 1}}) || set.Dropped() != 3 {
		t.Errorf("drop: %v, %d dropped", got, set.Dropped())
	}
	in = data.Input{URL: file, Missing: data.MissingMean, Label: "", Scale: data.Columns}
	set, _ = mustLoad(t, in)
	d := float32(1.5) // of 1 and 4; means take the place of two more
	if got := rows(set); got[1][0] != 0 || got[0][0] != -1.5/d || !slices.Equal(got[2][1:3], []float32{2. / 3, 1. / 3}) {
		t.Errorf("mean: %v", got)
	}
}

func TestBadCSV(t *testing.T) {
	many, mixed := strings.Builder{}, strings.Builder{}
	for i := range 100 {
		fmt.Fprintf(&many, "1,%d\n", i)
		fmt.Fprintf(&mixed, "%d,1\n", i)
	}
	for _, c := range []struct{ text, want string }{
		{"", "a.csv: the file is empty"},
		{"x,y\n", "there are no rows to learn from"},
		{"1,2\n3\n", "a.csv:2 (byte 4): the line has 1 fields, and the first one has 2"},
		{"1,2\n3,4,5\n", "a.csv:2 (byte 4): the line has 3 fields"},
		{"1,2\nnan,4\n", `a.csv:2 (byte 4): "nan" in column 1 is no finite number`},
		{"1,2\n3,4\n-Inf,4\n", `a.csv:3 (byte 8): "-Inf" in column 1 is no finite number`},
		{"1,2\n1e39,4\n", `a.csv:2 (byte 4): "1e39" in column 1`},
		{"1,2\n\"3\n4\",5\n", "a.csv:2 (byte 4): a field in quotes does not end on its line"},
		{mixed.String() + "12x,1\n", `a.csv:101 (byte 490): "12x" is no number, as others in column 1 are`},
		{"x,x\n1,2\n", `a.csv:1 (byte 2): two columns are named "x"`},
		{"1\n2\n", "the lines have one field, the label, and no features"},
		{"?,1\n?,2\n", "the value of column 1 is missing"},
		{"x,l\n1,caf\xe9\n2,b\n", `a.csv: the label "caf\xe9" is no UTF-8`},
		{"x,y,l\n1,b,1\n2,caf\xe9,2\n", `a.csv: in column "y" the value "caf\xe9" is no UTF-8`},
		{"\xe9,l\n1,1\n2,2\n", `a.csv: the column name "\xe9" is no UTF-8`},
		{"x,\xe9\n1,1\n2,2\n", `a.csv: the column name "\xe9" is no UTF-8`},
	} {
		for parts := 1; parts < 4; parts++ {
			_, _, err := load(t, data.Input{URL: write(t, "a.csv", c.text), Target: data.Classes}, parts)
			refused(t, err, c.want)
		}
	}
	_, _, err := load(t, data.Input{URL: write(t, "a.csv", "?,1\n?,2\n"), Target: data.Classes, Missing: data.MissingMean}, 1)
	refused(t, err, "column 1 has no value in any row")
	_, _, err = load(t, data.Input{URL: write(t, "a.csv", "1,2\n1,two\n"), Target: data.Numbers}, 1)
	refused(t, err, `a.csv:2 (byte 6): the label "two" is no finite number`)
	_, _, err = load(t, data.Input{URL: write(t, "a.csv", "1,3.4e38\n1,1e39\n"), Target: data.Numbers}, 1)
	refused(t, err, `a.csv:2 (byte 11): the label "1e39" is no finite number`)
	zip := zipped(t, many.String())
	name := filepath.Join(t.TempDir(), "a.csv.gz")
	if err := os.WriteFile(name, []byte(zip[:len(zip)/2]), 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, err = load(t, data.Input{URL: name}, 1)
	refused(t, err, "a.csv.gz")
	_, _, err = load(t, data.Input{URL: "/none/a.csv"}, 1)
	refused(t, err, "no such file")
	for _, in := range []data.Input{{Missing: "x"}, {Scale: "x"}, {Header: "x"}, {Part: "x"}, {Format: "x"}} {
		_, err := data.Open(t.Context(), in)
		refused(t, err, `"x"`)
	}
}

// What is said of an input and counts for nothing with its format is refused.
func TestOfNoUse(t *testing.T) {
	table, sparse := write(t, "a.csv", "1,2\n"), write(t, "a.libsvm", "1 1:2\n")
	array, err := filepath.Abs("testdata/npy/t_u1.npy")
	if err != nil {
		t.Fatal(err)
	}
	for want, in := range map[string]data.Input{
		"--labels is for IDX and NPY, and " + table + " is csv":  {URL: table, Labels: array},
		"--header is for CSV, and " + sparse + " is libsvm":      {URL: sparse, Header: data.HeaderYes},
		"--header is for CSV, and " + array + " is npy":          {URL: array, Header: data.HeaderNo},
		"--label is for CSV and NPY":                             {URL: sparse, Label: "0"},
		"--label names a column, and the labels are in " + array: {URL: array, Label: "0", Labels: array},
		"--part is for a folder of IDX files, and " + table:      {URL: table, Part: "train"},
		"--part is for a folder of IDX files, and " + array:      {URL: array, Part: "test"},
	} {
		_, err := data.Open(t.Context(), in)
		refused(t, err, want)
		if f := job.AsFailure(err, job.FaultInternal); f.Code != job.ExitUsage {
			t.Errorf("%s: exit code %d", want, f.Code)
		}
	}
}

// More than 64 texts are hashed, the same in any part.
func TestHash(t *testing.T) {
	b := strings.Builder{}
	for i := range 65 {
		fmt.Fprintf(&b, "v%d\n", i)
	}
	set, text := mustLoad(t, data.Input{URL: write(t, "a.csv", b.String()), Header: data.HeaderNo})
	if set.Features() != data.HashBuckets || !strings.Contains(text, `"hash":256`) {
		t.Fatalf("%d features, %s", set.Features(), text)
	}
	for i, row := range rows(set) {
		ones := 0
		for _, x := range row {
			ones += int(x)
		}
		if ones != 1 {
			t.Errorf("row %d has %d ones", i, ones)
		}
	}
	if at := slices.Index(rows(set)[0], 1); at != 239 { // it is part of models, and never changes
		t.Errorf("v0 is hashed to %d", at)
	}
	set, _ = mustLoad(t, data.Input{URL: write(t, "a.csv", strings.TrimSuffix(b.String(), "v64\n")), Header: data.HeaderNo})
	if set.Features() != 64 {
		t.Errorf("64 values: %d features", set.Features())
	}
}

// Whole numbers from 0 to 255 in all columns are scaled as bytes are, others not at all.
func TestScaleAuto(t *testing.T) {
	set, text := mustLoad(t, data.Input{URL: write(t, "a.csv", "0,255\n51,102\n")})
	mean := 102.0
	deviation := math.Sqrt((102.*102 + 153*153 + 51*51) / 4)
	if got := rows(set)[0]; got[0] != float32((0-mean)/deviation) || got[1] != float32((255-mean)/deviation) {
		t.Errorf("%v, %s", got, text)
	}
	for _, text := range []string{"0,255\n51,256\n", "0,255\n.5,1\n", "0,-1\n2,3\n"} {
		if _, kept := mustLoad(t, data.Input{URL: write(t, "a.csv", text)}); !strings.Contains(kept, `"scale":{"kind":"none"}`) {
			t.Errorf("%q: %s", text, kept)
		}
	}
}

// Random tables, against encoding/csv, strconv and sums in float64.
func TestTables(tt *testing.T) {
	file := filepath.Join(tt.TempDir(), "a.csv")
	rapid.Check(tt, func(t *rapid.T) {
		n, columns := rapid.IntRange(2, 20).Draw(t, "n"), rapid.IntRange(1, 4).Draw(t, "columns")
		cell := make([]*rapid.Generator[string], columns)
		for i := range cell {
			cell[i] = rapid.StringMatching(`-?[0-9]{1,3}(\.[0-9]{1,3})?`)
			if rapid.Bool().Draw(t, "texts") {
				cell[i] = rapid.StringMatching(`[xyz]|"[,x]"|1|"x""y"`)
			}
		}
		b := strings.Builder{}
		for range n {
			for i := range cell {
				b.WriteString(cell[i].Draw(t, "cell") + ",")
			}
			b.WriteString("1.5\n")
		}
		if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		in := data.Input{URL: file, Header: data.HeaderNo, Target: data.Numbers, Scale: data.Columns}
		records, err := csv.NewReader(strings.NewReader(b.String())).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		want := expected(records, columns)
		for _, parts := range []int{1, 3} {
			set, text, err := load(tt, in, parts)
			if err != nil {
				t.Fatalf("%q: %v", b.String(), err)
			}
			for i, row := range rows(set) {
				for j, x := range row {
					if len(row) != len(want[i]) || math.Abs(float64(x)-want[i][j]) > 1e-4 {
						t.Fatalf("%q: row %d is %v, want %v; %s", b.String(), i, row, want[i], text)
					}
				}
			}
		}
	})
}

// expected standardises columns of numbers and spreads out others.
func expected(records [][]string, columns int) [][]float64 {
	want := make([][]float64, len(records))
	for c := range columns {
		xs, values, numbers := make([]float64, len(records)), map[string]bool{}, true
		for i, r := range records {
			x, err := strconv.ParseFloat(r[c], 64)
			xs[i], numbers = x, numbers && err == nil
			values[r[c]] = true
		}
		if numbers {
			mean, squares := 0.0, 0.0
			for _, x := range xs {
				mean += x / float64(len(xs))
			}
			for _, x := range xs {
				squares += (x - mean) * (x - mean) / float64(len(xs))
			}
			for i, x := range xs {
				if len(values) == 1 || squares < 1e-20 {
					want[i] = append(want[i], 0)
					continue
				}
				want[i] = append(want[i], (x-mean)/math.Sqrt(squares))
			}
			continue
		}
		for _, v := range slices.Sorted(maps.Keys(values)) {
			for i, r := range records {
				one := 0.0
				if r[c] == v {
					one = 1
				}
				want[i] = append(want[i], one)
			}
		}
	}
	return want
}

// A row has the number that it has in the file, whatever was left out before it, and
// however the file was cut.
func TestRowNumbers(t *testing.T) {
	text, want := strings.Builder{}, []int{}
	text.WriteString("x,y\n")
	for i := range 500 {
		switch {
		case i < 3, i%7 == 0, i > 490:
			text.WriteString("?,1\n")
		default:
			fmt.Fprintf(&text, "%d,1\n", i)
			want = append(want, i)
		}
	}
	file := write(t, "a.csv", text.String())
	for _, parts := range []int{1, 2, 5, 64} {
		set, _, err := load(t, data.Input{URL: file, Missing: data.MissingDrop, Scale: data.None}, parts)
		if err != nil || set.Len() != len(want) || set.Len()+set.Dropped() != 500 {
			t.Fatal(err, set.Len(), set.Dropped())
		}
		row := make([]float32, 2)
		for i, n := range want {
			if set.Row(row, i); set.Number(i) != n || row[0] != float32(n) {
				t.Fatalf("%d parts: row %d is number %d with %v, want %d", parts, i, set.Number(i), row, n)
			}
		}
	}
}

// A model of rows with texts and without names is applied to files without a header.
func TestHeaderOfModel(t *testing.T) {
	for _, c := range []struct{ train, label, ask string }{
		{"1,red,yes\n2,blue,no\n", "", "2,blue,no\n1,red,yes\n"},
		{"1,red,yes\n2,blue,no\n", "", "2,blue\n1,red\n"},
		{"1,yes\n2,no\n", "", "2,no\n1,no\n"},
		{"yes,1\nno,2\n", "0", "no,1\nno,2\n"},
	} {
		_, text := mustLoad(t, data.Input{URL: write(t, "a.csv", c.train), Header: data.HeaderNo, Target: data.Classes, Label: c.label, Scale: data.None})
		e := encoder(t, text)
		s, err := data.OpenFor(t.Context(), data.Input{URL: write(t, "b.csv", c.ask)}, e, false)
		if err != nil {
			t.Fatal(err)
		}
		set, err := s.Read(t.Context(), e, 0, 1)
		if err != nil || set.Len() != 2 {
			t.Errorf("%q: %v, %v", c, set, err)
		}
	}
}
