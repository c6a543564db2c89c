package data_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"scalar/ml/data"
)

// What NumPy wrote: testdata/npy/make.py.
func TestNPY(t *testing.T) {
	var want map[string][][]float64
	b, err := os.ReadFile("testdata/npy/want.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &want); err != nil || len(want) < 20 {
		t.Fatal(len(want), err)
	}
	dir, err := filepath.Abs("testdata/npy")
	if err != nil {
		t.Fatal(err)
	}
	for name, array := range want {
		set, _ := mustLoad(t, data.Input{URL: filepath.Join(dir, name+".npy"), Scale: data.None})
		got := rows(set)
		if len(got) != len(array) {
			t.Fatalf("%s: %v", name, got)
		}
		for i, row := range array {
			for j, x := range row {
				if len(got[i]) != len(row) || got[i][j] != float32(x) {
					t.Fatalf("%s: row %d is %v, want %v", name, i, got[i], row)
				}
			}
		}
	}
	for name, what := range map[string]string{
		"fortran": "numpy.ascontiguousarray", "structured": "no plain numbers", "complex": "c16", "text": "U1",
		"nan": "(element 3): NaN in row 1, column 1", "large": "(element 3): 1e+300 in row 1",
	} {
		_, _, err := load(t, data.Input{URL: filepath.Join(dir, name+".npy")}, 2)
		refused(t, err, what)
	}
	in := data.Input{URL: filepath.Join(dir, "t_u1.npy"), Target: data.Classes, Label: "0", Scale: data.None}
	set, _ := mustLoad(t, in)
	if got := rows(set); !reflect.DeepEqual(got, [][]float32{{1, 2}, {4, 250}}) || !slices.Equal(labels(set), []string{"0", "3"}) {
		t.Errorf("a label's column: %v, %v", got, labels(set))
	}
	in = data.Input{URL: filepath.Join(dir, "images.npy"), Target: data.Numbers, Labels: filepath.Join(dir, "vector.npy"), Scale: data.Columns}
	set, text := mustLoad(t, in)
	if set.Value(2) != -3 || !strings.Contains(text, `"shape":[2,2]`) || rows(set)[1][3] != 0 {
		t.Errorf("labels in a file: %v, %v, %s", set.Value(2), rows(set), text)
	}
	in.Labels = filepath.Join(dir, "t_u1.npy")
	_, _, err = load(t, in, 1)
	refused(t, err, "want one label for each")
	_, _, err = load(t, data.Input{URL: filepath.Join(dir, "large.npy"), Target: data.Numbers}, 1)
	refused(t, err, "(element 3): the label 1e+300 is no finite number")
}

// images are 4 rows of 2×2 bytes, written by hand.
const (
	images     = "\x00\x00\x08\x03\x00\x00\x00\x04\x00\x00\x00\x02\x00\x00\x00\x02" + "\x00\x01\x02\x03" + "\xff\xfe\xfd\xfc" + "\x00\x00\x00\x00" + "\x07\x07\x07\x07"
	imageLabel = "\x00\x00\x08\x01\x00\x00\x00\x04" + "\x05\x00\x05\x09"
)

// mnist makes a folder with MNIST's names.
func mnist(t *testing.T, suffix, x, y string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{"train-images-idx3-ubyte": x, "train-labels-idx1-ubyte": y, "t10k-images.idx3-ubyte": x, "t10k-labels.idx1-ubyte": y} {
		if suffix == ".gz" {
			content = zipped(t, content)
		}
		if err := os.WriteFile(filepath.Join(dir, name+suffix), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestIDX(t *testing.T) {
	for _, suffix := range []string{"", ".gz"} {
		for _, part := range []string{"", "test"} {
			in := data.Input{URL: mnist(t, suffix, images, imageLabel), Part: part, Target: data.Classes, Scale: data.None}
			set, text := mustLoad(t, in)
			if got := rows(set); !reflect.DeepEqual(got, [][]float32{{0, 1, 2, 3}, {255, 254, 253, 252}, {0, 0, 0, 0}, {7, 7, 7, 7}}) {
				t.Errorf("%s: %v", suffix, got)
			}
			if got := labels(set); !slices.Equal(got, []string{"5", "0", "5", "9"}) || !strings.Contains(text, `"shape":[2,2]`) {
				t.Errorf("%s: labels %v, %s", suffix, got, text)
			}
		}
	}
	// A file of a folder is named as a path.
	plain := t.TempDir()
	if err := os.WriteFile(filepath.Join(plain, "a.csv.gz"), []byte(strings.Repeat("1,2\n", 9)), 0o600); err != nil {
		t.Fatal(err)
	}
	for what, in := range map[string]data.Input{
		"/train-images-idx3-ubyte: ":    {URL: mnist(t, "", images[:len(images)-1], imageLabel)},
		"/train-images-idx3-ubyte.gz: ": {URL: mnist(t, ".gz", images[:len(images)-1], imageLabel)},
		"/a.csv.gz: gzip":               {URL: plain},
	} {
		if _, _, err := load(t, in, 1); err == nil || !strings.HasPrefix(err.Error(), in.URL+what) {
			t.Errorf("%v, want %s%s", err, in.URL, what)
		}
	}
	// Rows of bytes and the same numbers one at a time have the same bits.
	set, text := mustLoad(t, data.Input{URL: mnist(t, "", images, imageLabel), Target: data.Classes})
	e, row := encoder(t, text), make([]float32, 4)
	if err := e.Values(row, []float32{255, 254, 253, 252}); err != nil || !slices.Equal(row, rows(set)[1]) {
		t.Errorf("%v, %v; want %v", row, err, rows(set)[1])
	}
}

func TestBadArrays(t *testing.T) {
	for _, c := range []struct{ x, y, want string }{
		{images[:20], imageLabel, "the header tells of 4 rows of 4 bytes, 32 bytes in all, and the file has 20"},
		{images + "x", imageLabel, "and the file has 33"},
		{images[:9], imageLabel, "the file ends inside of its header"},
		{"\x00\x00\x07\x03", imageLabel, "neither IDX nor NPY"},
		{images, "\x00\x00\x08\x01\x00\x00\x00\x03\x05\x00\x05", "has 3 rows of 1 labels"},
		{"\x00\x00\x08\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", imageLabel, "want 1 to"},
		{"", imageLabel, "the file ends inside of its header"},
	} {
		_, _, err := load(t, data.Input{URL: mnist(t, "", c.x, c.y), Target: data.Classes}, 1)
		refused(t, err, c.want)
	}
	for _, c := range []struct{ x, want string }{
		{images[:24], "the file ends inside of row 2 of 4"},
		{images + "x", "there are more bytes than those of the 4 rows"},
		// A header that claims 64 GiB costs no memory.
		{"\x00\x00\x08\x03\x40\x00\x00\x00\x00\x00\x00\x08\x00\x00\x00\x08" + images, "the file ends inside of row 0"},
	} {
		_, _, err := load(t, data.Input{URL: mnist(t, ".gz", c.x, imageLabel)}, 1)
		refused(t, err, c.want)
	}
	zip := zipped(t, images)
	for _, content := range []string{zip[:len(zip)-10], "no archive", zip[:len(zip)-1] + "x"} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "train-images-idx3-ubyte.gz"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, _, err := load(t, data.Input{URL: dir}, 1)
		refused(t, err, "train-images-idx3-ubyte.gz")
	}
	_, _, err := load(t, data.Input{URL: t.TempDir(), Format: data.IDX}, 1)
	refused(t, err, "there is no file train-images-idx3-ubyte")
}

// A model's labels are the classes; others are refused.
func TestUnknownLabel(t *testing.T) {
	_, text := mustLoad(t, data.Input{URL: mnist(t, "", images, imageLabel), Target: data.Classes})
	in := data.Input{URL: mnist(t, "", images, strings.Replace(imageLabel, "\x09", "\x08", 1)), Part: "test"}
	s, err := data.OpenFor(t.Context(), in, encoder(t, text), true)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Read(t.Context(), encoder(t, text), 0, 1)
	refused(t, err, `the label "8" of row 3 is none of the classes: want one of "0", "5", "9"`)
}
